// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "core/error_budget.h"
#include "oracle/bound_blocks.h"
#include "oracle/reference.h"

// Where a right kernel's output may be lost to what came up on the way to it: an infinity, a
// difference of infinities, or a factor that became 0. Such outputs are not judged.
namespace xent {

/// Numbers of at least this magnitude round to infinity; of binary64 the largest double.
double overflow_threshold(DType);

/// Which outputs of a case are. Keeps what it found of the case and of the last row; one object a
/// thread.
class LostOutputs {
 public:
  LostOutputs(Reference&, const ErrorBudget&);

  /// Loss element i, or an element of the gradient, that is `got` and exactly `exact`. Finite
  /// outputs are excused by a divisor that overflows (the quotient is 0) and by a target mass that
  /// underflows before an infinite term alone.
  bool loss(std::int64_t i, double got, const Enclosure& exact);
  bool grad(std::int64_t row, std::int64_t j, double got, const Enclosure& exact, GradBounds&);

  /// Finite gradient elements of the row may be lost too: those that are 0.
  bool grad_zeros(std::int64_t row);

 private:
  bool never_negative();
  bool sum_overflows();
  bool factors_overflow(std::int64_t row);
  bool logits_overflow(std::int64_t row);
  void at_row(std::int64_t row);

  Reference& ref_;
  const ErrorBudget& b_;
  std::optional<bool> never_negative_, sum_overflows_;
  std::int64_t row_ = -1;
  std::optional<bool> factors_overflow_, logits_overflow_;  ///< of the gradient of row_
};

}  // namespace xent
