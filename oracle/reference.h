// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/dialect.h"
#include "core/enclosure.h"
#include "core/test_case.h"

namespace xent {

struct Elements;  // oracle/simd/rows.h

/// Of one row: what the error bounds depend on, in doubles rounded outward (upper bounds of
/// magnitudes). Notation of oracle/README.md: z = logits after scale and softcap, m = max z,
/// d_j = z_j - m, e_j = exp(d_j), s = sum e_j, t = s - e_y, p_j = e_j / s. Ignored rows have none.
struct RowFacts {
  double max = 0;              ///< m; exact without scale and softcap, else to nearest
  double target = 0;           ///< z_y likewise; 0 if the op has no index target
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
  double greatest = 0;         ///< max |z_j| over live j
  double loss = 0;             ///< |L| of the row, before reduction, in the problem's unit
  double condition = 0;        ///< sum |dL/dz_j| |z_j| + |L|
  // Target mass of ce and nll. b_j = |w_y| [j = y] + (eps/V) |w_j|, or |w_j| (|y_j| + eps/V): what
  // a_j is computed from, >= |a_j|. A class without mass counts in no sum, whatever z_j is.
  double mass = 0;             ///< sum b_j; of mse-softmax sum |y_j|, of probability ops sum |p_j|
  double mass_gap = 0;         ///< sum b_j |d_j|
  double mass_logit = 0;       ///< sum b_j |z_j|; nll: sum b_j |x_j|
  // hvp
  double direction = 0;        ///< sum p_k |v_k|
  double direction_gap = 0;    ///< sum p_k |v_k| |d_k|
  double direction_size = 0;   ///< sum |v_k| over live k
  // Probability ops. A term is p log p, p log q or p log(p / q).
  double terms = 0;            ///< sum |term|
  double log_terms = 0;        ///< kl: sum p (|log p| + |log q|)
  double far_log_terms = 0;    ///< kl: the same where p / q overflows or is subnormal in the format
};

/// What a Reference computed so far.
struct Work {
  std::array<std::int64_t, 6> rows = {};  ///< built in doubles, in pairs, at the four MPFI levels
  std::int64_t exact_elements = 0;        ///< gradients and probabilities asked of MPFI
  std::int64_t bytes = 0;                 ///< that rows in doubles and in pairs hold now
};

/// The exact answer to one test case, as enclosures. One law: the exact value is inside.
///
/// Levels: kQuick is doubles, 0 pairs of doubles (simd/rows.h), 1 to 4 MPFI at 128, 257, 513 and
/// 1025 bits. A row that a level declines, and every row where the first two are unusable, is
/// answered by the next one up. Nothing is computed before it is asked for; a row is built once.
///
/// Threads: several may ask for different rows at the same time. A reduced loss asks for all rows:
/// one thread alone. Enclosures do not depend on threads, nor on the order of the questions.
///
/// Memory: a large case keeps the values of one row a thread (and of the rows built with it), that
/// which it asked for last, of the others only losses and facts. Large is above 2^16 inputs for
/// rows in doubles and pairs, above 2^20 for MPFI.
class Reference {
 public:
  static constexpr int kQuick = -1;
  static constexpr int kLevels = 5;  ///< levels 0 to 4
  /// A single question at level 0 is answered with this relative radius, or by level 1; blocks of
  /// elements as they come.
  static constexpr double kSharp = 0x1p-88;

  explicit Reference(const TestCase&);  ///< keeps a copy
  explicit Reference(std::shared_ptr<const TestCase>);
  ~Reference();
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  const TestCase& test_case() const;

  /// The question that a row poses to the dialect, the gravest first; none for ordinary rows.
  std::optional<Question> question(std::int64_t row) const;
  /// The question that the reduction poses: none_valid_mean, zero_weight_mean.
  std::optional<Question> reduction_question() const;
  /// What a row's loss is divided by in the reduced loss, 1 without a mean: its own D, times the
  /// number of sequences with denominator=sequence. 0 for an ignored row of a mean.
  Enclosure divisor(std::int64_t row) const;
  /// Of rows that have numbers as answers.
  const RowFacts& facts(std::int64_t row);

  /// Value of the op on one row, before reduction, in the problem's unit (perplexity: in nats).
  Enclosure row_loss(std::int64_t row, int level = 0);
  /// The logit after scale and softcap.
  Enclosure transformed(std::int64_t row, std::int64_t j, int level = 0);
  /// log sum exp of a row of logits.
  Enclosure lse(std::int64_t row, int level = 0);
  /// softmax(z)_j of a row of logits.
  Enclosure probability(std::int64_t row, std::int64_t j, int level = 0);

  /// Output element i of the loss tensor: the row's loss, or the reduced one.
  Enclosure loss(std::int64_t i, int level = 0);
  /// Output element of the gradient (hvp: of H v), upstream and 1/D included; 0 in ignored rows.
  Enclosure grad(std::int64_t row, std::int64_t j, int level = 0);

  /// The answer that all gradient elements of the row share instead of the formula's, if any.
  std::optional<Enclosure> grad_special(std::int64_t row) const;
  /// Gradient elements [first, first + count) of a row, count <= Elements::kMost, of rows of logits
  /// with bounds of probabilities and gaps. False, and `out` void, where an element has no number
  /// as answer: ask one by one.
  bool elements(std::int64_t row, std::int64_t first, std::int64_t count, int level, Elements& out);
  /// softmax(z) likewise; false where the row has none.
  bool probabilities(std::int64_t row, std::int64_t first, std::int64_t count, int level,
                     Elements& out);
  /// Of a large case: drops the values of a row, but for its losses and facts.
  void release(std::int64_t row);
  Work work() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Frees what MPFR keeps for the calling thread. To be called at the end of a thread that computed
/// enclosures.
void release_thread_cache();

}  // namespace xent
