// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "core/error_budget.h"
#include "oracle/reference.h"

namespace xent {

/// grad_bound of many elements, row by row: what they have in common is found once a row. One
/// object a thread.
class GradBounds {
 public:
  GradBounds(Reference&, const ErrorBudget&);
  ~GradBounds();
  /// Of elements [first, first + count), count <= Elements::kMost, from what Reference::elements
  /// says of them; `bound` is writable to the next multiple of 8.
  void block(std::int64_t row, std::int64_t first, std::int64_t count, const Elements&,
             double* bound);
  double element(std::int64_t row, std::int64_t j);
  /// Of an element before unit, upstream and reduction; the row is not ignored.
  double magnitude(std::int64_t row, std::int64_t j);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace xent
