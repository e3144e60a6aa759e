// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
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

/// Budget and row together. Brackets are in units of u.
class RowBound {
 public:
  /// `exact_ties`: equal logits are equal numbers to the kernel too, and the maximum is exact.
  RowBound(const RowFacts&, const ErrorBudget&, std::int64_t v, bool exact_ties = true);

  double u() const { return u_; }
  double depth() const { return depth_; }
  /// L2: relative error of s in u.
  double sigma() const { return sigma_; }
  /// L4: of t, besides omega_of_rest.
  double sigma_rest() const { return sigma_rest_; }
  /// L4 for the sum without one maximum.
  double sigma_below() const;
  /// Upper bound of that sum, and of log s.
  double below() const { return below_; }
  double log_sum() const { return log_sum_; }
  double log_error() const { return b_.log_rel * log_sum_ + b_.log_abs; }
  double exp_error(double gap) const {
    return b_.exp_rel + (1 + b_.exp_arg) * live_gap(gap);
  }
  double live_gap(double gap) const { return gap < dead_gap_ ? gap : dead_gap_; }

  /// Absolute error of one exponential below the normal range or the cutoff.
  double omega() const;
  double omega_of_product() const;
  double omega_of_log() const { return omega_of(b_.log_rel); }
  double omega_of_rest() const;

  /// L11: (1 + 4 tau) (u bracket + absolute), with tau <= 1/8; `extra` enters tau (in u).
  double rigorous(double bracket, double absolute, double extra = 0) const;

 private:
  int least_exponent() const { return format_.emin - format_.precision + 1; }
  /// Of a function whose relative error is `rel` u where results are normal.
  double omega_of(double rel) const;
  double order_term(bool holds_maximum) const;
  bool exponential_of_maximum_is_one() const;

  RowFacts f_;
  ErrorBudget b_;
  double n_;
  bool exact_ties_;
  Format format_;
  double u_ = 0, depth_ = 0, rescales_ = 0, dead_gap_ = 0, sigma_ = 0, sigma_rest_ = 0;
  double below_ = 0, log_sum_ = 0;
};

/// The largest bound over the forms that stand for `any` in one field of the budget.
template <class Form, class Bound>
double largest(ErrorBudget b, Form ErrorBudget::*field, std::initializer_list<Form> forms,
               const Bound& bound) {
  double worst = 0;
  for (const Form form : forms) {
    b.*field = form;
    const double one = bound(b);
    if (one > worst) worst = one;
  }
  return worst;
}

// Error and magnitude of a row's loss and of an element of its gradient in nats, before unit,
// upstream and reduction. One function a family of operations.
Rounded softmax_loss(Reference&, const ErrorBudget&, std::int64_t row);
Rounded softmax_gradient(Reference&, const ErrorBudget&, std::int64_t row, std::int64_t j);
Rounded squared_loss(Reference&, const ErrorBudget&, std::int64_t row);
Rounded squared_gradient(Reference&, const ErrorBudget&, std::int64_t row, std::int64_t j);
Rounded binary_loss(Reference&, const ErrorBudget&, std::int64_t row);
Rounded binary_gradient(Reference&, const ErrorBudget&, std::int64_t row, std::int64_t j);
Rounded information_loss(Reference&, const ErrorBudget&, std::int64_t row);
Rounded information_gradient(Reference&, const ErrorBudget&, std::int64_t row, std::int64_t j);
Rounded nll_loss(Reference&, const ErrorBudget&, std::int64_t row);
Rounded nll_gradient(Reference&, const ErrorBudget&, std::int64_t row, std::int64_t j);

/// Roundings in the mass a_j (L13), in units of u b_j, and b_j itself:
/// |w_y| [j = y] + (eps/V) |w_j|, or |w_j| (|y_j| + eps/V).
double mass_roundings(const Problem&);
double mass_of(const TestCase&, std::int64_t row, std::int64_t j);
/// It is computed, and below the format's normal numbers or near them, but not exactly 0.
bool is_subnormal_mass(const TestCase&, const ErrorBudget&, std::int64_t row, std::int64_t j);
/// L13: what each computed mass may be off by below the normal numbers, beside its roundings.
double mass_underflow(const Problem&, const Arithmetic&);

/// softmax(z)_j of a row as a kernel computes it (L7), and z_j as a double.
struct SoftmaxRow {
  SoftmaxRow(Reference&, const ErrorBudget&, std::int64_t row);
  Rounded probability(std::int64_t j) const;
  Rounded lse() const;
  double gap(std::int64_t j) const;

  Reference& ref;
  const ErrorBudget& b;
  std::int64_t row;
  double delta;    ///< L14: |error| of every transformed logit
  RowFacts f;      ///< of the perturbed logits
  RowBound r;
  Arithmetic a;
};

/// L13: what masses below the normal numbers add to the error of sum a_j (lse - z_j).
double lost_mass(const SoftmaxRow&);

}  // namespace xent
