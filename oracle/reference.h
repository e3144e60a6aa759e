// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/dialect.h"
#include "core/enclosure.h"
#include "core/test_case.h"

namespace xent {

/// Upper bounds, in doubles rounded outward, of what the error bounds depend on; of one row.
/// Notation of oracle/README.md: m = max z, d_j = z_j - m, e_j = exp(d_j), s = sum e_j, t = s - e_y.
struct RowFacts {
  double max = 0;             ///< m, exact
  double target = 0;          ///< z_y, exact (0 if the op has no index target)
  std::int64_t live = 0;      ///< logits above -inf
  std::int64_t ties = 0;      ///< logits equal to m
  bool target_is_max = false;
  double log_sum = 0;         ///< log s
  double mean_gap = 0;        ///< sum p_j |d_j|
  double rest_gap = 0;        ///< sum over j != y of e_j |d_j| / t; 0 when t = 0
  double rest = 0;            ///< t
  double greatest_gap = 0;    ///< max |d_j| over live j
  double lse = 0;             ///< |m + log s|
  double loss = 0;            ///< |L|
  double below_max = 0;       ///< sum of e_j over the j with z_j < m
  double terms = 0;           ///< info ops: sum of |terms|
  double term_errors = 0;     ///< kl: see bound.cpp
};

/// The exact answer to one test case, as enclosures. One law: the exact value is inside.
/// Level k computes with precisions 128, 256, 512, 1024 bits; nothing is computed before it is
/// asked for, and then kept. Not thread-safe.
class Reference {
 public:
  static constexpr int kLevels = 4;

  explicit Reference(const TestCase&);  ///< keeps a copy
  ~Reference();
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  const TestCase& test_case() const;

  /// The dialect's question that row poses; none for ordinary rows.
  std::optional<Question> question(std::int64_t row) const;
  /// The questions that rows of a reduced loss pose, first one found; none if all are ordinary.
  const RowFacts& facts(std::int64_t row);

  /// Loss of one row, before reduction: nats, any magnitude.
  Enclosure row_loss(std::int64_t row, int level = 0);
  /// log sum exp of a row of logits.
  Enclosure lse(std::int64_t row, int level = 0);
  /// softmax(z)_j of a row of logits.
  Enclosure probability(std::int64_t row, std::int64_t j, int level = 0);

  /// Output element i of the loss tensor: the row's loss, or the reduced one.
  Enclosure loss(std::int64_t i, int level = 0);
  /// Output element of the gradient, upstream and 1/N included.
  Enclosure grad(std::int64_t row, std::int64_t j, int level = 0);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace xent
