// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/error_budget.h"
#include "oracle/reference.h"

// What the bounds are made of; not for others. L1, L2, ... are the lemmas of oracle/README.md.
namespace xent {

/// Covers the roundings of the bound's own arithmetic, all of it on non-negative numbers; among
/// the subnormal doubles, where a rounding is not relative, kLeast does. It also lets enclosures,
/// which end there too, decide.
inline constexpr double kOutward = 1 + 0x1p-40;
inline constexpr double kLeast = 4 * std::numeric_limits<double>::denorm_min();
inline constexpr double kNoBound = std::numeric_limits<double>::infinity();

/// 2^e, rounded up when no double.
double power_of_two_up(int e);

/// x y with 0 * inf = 0: an exact 0 makes a product exact.
inline double times(double x, double y) { return x == 0 || y == 0 ? 0 : x * y; }

/// A computed number: |exact| <= size and |computed - exact| <= error.
struct Rounded {
  double size = 0;
  double error = 0;
};

/// L12: rounded arithmetic on such numbers, all orders of the errors included.
class Arithmetic {
 public:
  explicit Arithmetic(const ErrorBudget&);

  double u() const { return u_; }
  /// Absolute error of one product or quotient below the normal range.
  double omega() const { return omega_; }
  /// A parameter that the kernel rounds to its accumulation format, unless that holds it.
  Rounded constant(double x) const;
  bool holds(double x) const;
  Rounded product(Rounded, Rounded) const;
  Rounded sum(Rounded, Rounded) const;
  /// |computed - exact| grows by `count` roundings, each relative to the number.
  Rounded rounded(Rounded, double count) const;
  /// (1 + u)^count - 1, or no bound.
  double gamma(double count) const;

 private:
  DType format_;
  double u_ = 0;
  double omega_ = 0;
};

/// What follows from a budget and the number of classes, the same for every row. Keeps a reference
/// to the budget.
struct Ground {
  Ground(const ErrorBudget&, std::int64_t v);
  Ground(const Ground&) = delete;
  Ground& operator=(const Ground&) = delete;

  const ErrorBudget& budget;
  Arithmetic a;
  double n;
  double exp_slope;  ///< 1 + b
  double depth = 0;
  double rescales = 0;
  double dead_gap = 0;  ///< beyond it exponentials are 0 to the kernel
  double omega = 0;     ///< absolute error of one exponential below the normal range or the cutoff
  double omega_of_product = 0, omega_of_log = 0;
};

/// Budget and row together. Brackets are in units of u. Keeps references to both.
class RowBound {
 public:
  /// `exact_ties`: equal logits are equal numbers to the kernel too, and the maximum is exact.
  RowBound(const RowFacts&, const Ground&, bool exact_ties = true);

  double u() const { return g_.a.u(); }
  /// L2: relative error of s in u.
  double sigma() const { return sigma_; }
  /// L4: of t, besides omega_of_rest.
  double sigma_rest() const { return sigma_rest_; }
  /// L4 for the sum without one maximum.
  double sigma_below() const;
  /// Upper bound of that sum, and of log s.
  double below() const { return below_; }
  double log_sum() const { return log_sum_; }
  double log_error() const { return g_.budget.log_rel * log_sum_ + g_.budget.log_abs; }
  double exp_error(double gap) const {
    return g_.budget.exp_rel + g_.exp_slope * live_gap(gap);
  }
  double live_gap(double gap) const { return gap < g_.dead_gap ? gap : g_.dead_gap; }
  double omega_of_rest() const;
  /// Roundings of additions and rescalings on the way of one term.
  double in_order() const { return g_.depth + g_.rescales * (g_.budget.exp_rel + 1); }

  /// L11: the factor 1 + 4 tau, with tau <= 1/8, or no bound; `extra` enters tau (in u).
  double all_orders(double extra = 0) const;
  /// (1 + 4 tau) (u bracket + absolute).
  double rigorous(double bracket, double absolute, double extra = 0) const;

 private:
  double order_term(bool holds_maximum) const;
  bool exponential_of_maximum_is_one() const;

  const RowFacts& f_;
  const Ground& g_;
  bool exact_ties_;
  double sigma_ = 0, sigma_rest_ = 0, below_ = 0, log_sum_ = 0;
};

// Error and magnitude of a row's loss in nats, before unit, upstream and reduction. One function a
// family of operations.
Rounded softmax_loss(Reference&, const Ground&, std::int64_t row);
Rounded squared_loss(Reference&, const Ground&, std::int64_t row);
Rounded binary_loss(Reference&, const ErrorBudget&, std::int64_t row);
Rounded information_loss(Reference&, const Ground&, std::int64_t row);
Rounded nll_loss(Reference&, const ErrorBudget&, std::int64_t row);

/// Roundings in the mass a_j (L13), in units of u b_j, and b_j itself:
/// |w_y| [j = y] + (eps/V) |w_j|, or |w_j| (|y_j| + eps/V).
double mass_roundings(const Problem&);
double mass_of(const TestCase&, std::int64_t row, std::int64_t j);
/// mass_of for [first, first + count), count <= kMasses; `out` as for load_block.
inline constexpr std::int64_t kMasses = 512;
void masses_of(const TestCase&, std::int64_t row, std::int64_t first, std::int64_t count,
               double* out);
/// It is computed, and below the format's normal numbers or near them, but not exactly 0.
double subnormal_mass_limit(const ErrorBudget&);
bool is_subnormal_mass(const TestCase&, const ErrorBudget&, std::int64_t row, std::int64_t j);
/// f(j) of each such class.
template <class F>
void for_subnormal_masses(const TestCase& c, const ErrorBudget& b, std::int64_t row, const F& f) {
  if (mass_roundings(c.problem) == 0) return;
  const double limit = subnormal_mass_limit(b);
  alignas(64) double mass[kMasses];
  for (std::int64_t first = 0; first < c.problem.v; first += kMasses) {
    const std::int64_t count = std::min(kMasses, c.problem.v - first);
    masses_of(c, row, first, count, mass);
    for (std::int64_t i = 0; i < count; ++i) {
      if (mass[i] > 0 && mass[i] < limit) f(first + i);
    }
  }
}
/// L13: what each computed mass may be off by below the normal numbers, beside its roundings.
double mass_underflow(const Problem&, const Arithmetic&);

/// A row of logits under a budget; what depends on one of the budget's forms takes it as argument.
struct RowOfLogits {
  RowOfLogits(Reference&, const Ground&, std::int64_t row);
  RowOfLogits(const RowOfLogits&) = delete;
  RowOfLogits& operator=(const RowOfLogits&) = delete;
  /// softmax(z)_j as a kernel computes it (L7), from upper bounds of p_j and of its gap.
  Rounded probability(GradForm, double p, double gap) const;
  Rounded lse() const;
  double gap(std::int64_t j) const;
  /// What gap(j) adds to a gap that is exact up to the rounding of a double.
  double extra_gap() const;
  /// L14 gives a bound at all.
  bool bounded() const { return delta <= 0x1p-4; }

  Reference& ref;
  const Ground& g;
  const ErrorBudget& b;
  const Arithmetic& a;
  std::int64_t row;
  double delta;    ///< L14: |error| of every transformed logit
  RowFacts f;      ///< of the perturbed logits
  RowBound r;

 private:
  RowOfLogits(Reference&, const Ground&, std::int64_t row, const RowFacts&);
};

/// L7: bracket, absolute part and what enters tau of the error of p_j.
struct ProbabilityError {
  double bracket;
  double absolute;
  double extra_tau = 0;
};
ProbabilityError probability_error(const RowOfLogits&, GradForm, double p, double gap);

/// Of logits as doubles: m - z_j, which scale and softcap round.
double plain_gap(Reference&, std::int64_t row, std::int64_t j);

/// |p_y - 1| = t / s.
double target_size(const RowOfLogits&);

/// Class indices without smoothing: all of the target mass is the target's.
bool one_class(const Problem&);
/// A = sum of a_j, as a kernel adds it up.
Rounded total_mass(const RowOfLogits&);
/// Of each the larger.
Rounded larger(const Rounded&, const Rounded&);

/// L13: what masses below the normal numbers add to the error of sum a_j (lse - z_j).
double lost_mass(const RowOfLogits&);

}  // namespace xent
