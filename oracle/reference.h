// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/dialect.h"
#include "core/enclosure.h"
#include "core/test_case.h"

namespace xent {

/// Of one row: what the error bounds depend on, in doubles rounded outward (upper bounds of
/// magnitudes). Notation of oracle/README.md: m = max z, d_j = z_j - m, e_j = exp(d_j),
/// s = sum e_j, t = s - e_y.
struct RowFacts {
  double max = 0;              ///< m, exact
  double target = 0;           ///< z_y, exact; 0 if the op has no index target
  std::int64_t live = 0;       ///< logits above -inf
  std::int64_t ties = 0;       ///< logits equal to m
  bool target_is_max = false;
  double sum = 0;              ///< s
  double rest = 0;             ///< t
  double log_sum = 0;          ///< log s
  double lse = 0;              ///< |m + log s|
  double mean_gap = 0;         ///< sum p_j |d_j|
  double rest_gap = 0;         ///< sum over j != y of e_j |d_j| / t; +inf when t may be 0
  double greatest_gap = 0;     ///< max |d_j| over live j
  double below_max = 0;        ///< sum of e_j over the j with z_j < m
  double loss = 0;             ///< |L| of the row, before reduction
  double condition = 0;        ///< sum |dL/dz_j| |z_j| + |L|
  // Probability ops. A term is p log p, p log q or p log(p / q).
  double mass = 0;             ///< sum p
  double terms = 0;            ///< sum |term|
  double log_terms = 0;        ///< kl: sum p (|log p| + |log q|)
  double far_log_terms = 0;    ///< kl: the same where p / q overflows or is subnormal in the format
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

  /// The question that a row poses to the dialect, the gravest first; none for ordinary rows.
  std::optional<Question> question(std::int64_t row) const;
  /// Of rows that have numbers as answers.
  const RowFacts& facts(std::int64_t row);

  /// Value of the op on one row, before reduction, in nats.
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

/// Frees what MPFR keeps for the calling thread. To be called at the end of a thread that computed
/// enclosures.
void release_thread_cache();

}  // namespace xent
