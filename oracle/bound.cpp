// SPDX-License-Identifier: Apache-2.0
#include "oracle/bound.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Covers the roundings of the bound's own arithmetic, all of it on non-negative numbers; among
/// the subnormal doubles, where a rounding is not relative, kLeast does. It also lets enclosures,
/// which end there too, decide.
constexpr double kOutward = 1 + 0x1p-40;
constexpr double kLeast = 4 * std::numeric_limits<double>::denorm_min();

/// 2^e, rounded up when no double.
double power_of_two(int e) {
  return std::max(std::ldexp(1.0, e), std::numeric_limits<double>::denorm_min());
}

/// Budget and row together: what every bound is made of. Brackets are in units of u. L1, L2, ...
/// are the lemmas of oracle/README.md.
class RowBound {
 public:
  RowBound(const RowFacts& facts, const ErrorBudget& budget, std::int64_t n)
      : f_(facts), b_(budget), n_(static_cast<double>(n)), format_(format(budget.accumulate)) {
    u_ = unit_roundoff(b_.accumulate);
    depth_ = addition_depth(b_.order, n, b_.lanes, b_.block);
    if (b_.order == SumOrder::compensated) depth_ += 4 * n_ * u_;
    // A path has at most n maxima; where the maximum stays, the factor is exp(0) = 1.
    rescales_ = b_.online ? n_ : 0;
    dead_gap_ = b_.flush_to_zero ? -format_.emin * M_LN2
                                 : (format_.precision - format_.emin) * M_LN2;
    if (b_.exp_cutoff > -dead_gap_) dead_gap_ = -b_.exp_cutoff;
    sigma_ = b_.exp_rel + (1 + b_.exp_arg) * live_gap(f_.mean_gap) + order_term(true) +
             (rescales_ + 1) * n_ * omega() / u_;
    sigma_rest_ = b_.exp_rel + (1 + b_.exp_arg) * live_gap(f_.rest_gap) +
                  order_term(f_.ties > 1 || !f_.target_is_max);
  }

  double u() const { return u_; }
  /// L2: relative error of s in u.
  double sigma() const { return sigma_; }
  /// L4: of t, besides omega_of_rest.
  double sigma_rest() const { return sigma_rest_; }
  double log_error() const { return b_.log_rel * f_.log_sum + b_.log_abs; }
  double exp_error(double gap) const {
    return b_.exp_rel + (1 + b_.exp_arg) * live_gap(gap);
  }
  double live_gap(double gap) const { return std::min(gap, dead_gap_); }

  /// Absolute error of one exponential below the normal range or the cutoff.
  double omega() const { return std::max(std::exp(b_.exp_cutoff), omega_of(b_.exp_rel)); }
  /// Of one product or quotient.
  double omega_of_product() const {
    return power_of_two(b_.flush_to_zero ? format_.emin : least_exponent() - 1);
  }
  double omega_of_log() const { return omega_of(b_.log_rel); }
  double omega_of_rest() const { return (rescales_ + 1) * std::max(0.0, n_ - 1) * omega(); }

  /// L11: (1 + 4 tau) (u bracket + absolute), with tau <= 1/8; `extra` enters tau (in u).
  double rigorous(double bracket, double absolute, double extra = 0) const {
    const double tau =
        u_ * (exp_error(f_.greatest_gap) + depth_ + rescales_ * (b_.exp_rel + 1) + b_.log_rel + 4 +
              extra);
    if (!(tau <= 0.125)) return kInf;
    return (1 + 4 * tau) * (u_ * bracket + absolute) * kOutward + kLeast;
  }

 private:
  int least_exponent() const { return format_.emin - format_.precision + 1; }
  /// Of a function whose relative error is `rel` u where results are normal.
  double omega_of(double rel) const {
    return b_.flush_to_zero ? power_of_two(format_.emin)
                            : std::max(1.0, rel) * power_of_two(least_exponent());
  }

  /// Roundings of the additions and rescalings, relative to a sum that is at least 1 because it
  /// holds a maximum. L3: where the terms below the maximum weigh at most u / 4 together, the
  /// others are ones, each partial sum that holds a one is an integer, and only that weight is
  /// lost, in any order; the 2 covers the errors that the weight itself has gathered.
  double order_term(bool holds_maximum) const {
    const double in_order = depth_ + rescales_ * (b_.exp_rel + 1);
    const double weight = f_.below_max + n_ * omega();
    const bool integers = holds_maximum && weight <= u_ / 4 &&
                          static_cast<double>(f_.ties) * u_ <= 1 && exponential_of_maximum_is_one();
    return integers ? std::min(in_order, 2 * weight / u_) : in_order;
  }

  /// A kernel of unknown order may also fuse the shift, exp2(fma(z, K, -fl(m K))): its argument at
  /// the maximum is the residual of m K, which is 0 only for m = 0 and powers of two. One maximum
  /// alone is not rounded in any case.
  bool exponential_of_maximum_is_one() const {
    int exponent = 0;
    const double mantissa = std::frexp(std::fabs(f_.max), &exponent);
    return b_.order != SumOrder::any || f_.ties == 1 || f_.max == 0 || mantissa == 0.5;
  }

  const RowFacts& f_;
  const ErrorBudget& b_;
  double n_;
  Format format_;
  double u_ = 0, depth_ = 0, rescales_ = 0, dead_gap_ = 0, sigma_ = 0, sigma_rest_ = 0;
};

/// The largest bound over the forms that stand for `any` in one field of the budget.
template <class Form, class Bound>
double largest(ErrorBudget b, Form ErrorBudget::*field, std::initializer_list<Form> forms,
               const Bound& bound) {
  double worst = 0;
  for (const Form form : forms) {
    b.*field = form;
    worst = std::max(worst, bound(b));
  }
  return worst;
}

double softmax_loss_bound(const RowFacts& f, const ErrorBudget& b, const Problem& p) {
  if (b.loss == LossForm::any) {
    return largest(b, &ErrorBudget::loss, {LossForm::shifted, LossForm::lse, LossForm::accurate},
                   [&](const ErrorBudget& c) { return softmax_loss_bound(f, c, p); });
  }
  const RowBound r(f, b, p.v);
  // L5, and L6 for the accurate form at a maximum.
  // Magnitudes are multiplied by u one by one: their sum may overflow.
  const double sums = r.sigma() + r.log_error();
  if (p.op == Op::lse) return r.rigorous(sums, r.u() * f.lse);
  if (b.loss == LossForm::lse) return r.rigorous(sums, r.u() * f.lse + r.u() * f.loss);
  if (b.loss == LossForm::accurate && f.target_is_max) {
    // log1p is concave: a relative error x of t moves it by at most x log1p(t), and x t / (1 + t).
    const double slope = std::min(f.loss, f.rest / (1 + f.rest) * kOutward);
    return r.rigorous(slope * r.sigma_rest() + f.loss * b.log_rel,
                      r.omega_of_rest() + r.omega_of_log());
  }
  return r.rigorous(sums, r.u() * (f.max - f.target) + r.u() * f.loss);
}

/// L9.
double information_bound(const RowFacts& f, const ErrorBudget& b, const Problem& p) {
  if (b.kl == KlForm::any) {
    return largest(b, &ErrorBudget::kl, {KlForm::difference, KlForm::quotient, KlForm::accurate},
                   [&](const ErrorBudget& c) { return information_bound(f, c, p); });
  }
  const RowBound r(f, b, p.v);
  const double h = addition_depth(b.order, p.v, b.lanes, b.block);
  const double logs = b.log_abs * f.mass;
  double bracket = (b.log_rel + 1 + h) * f.terms + logs;
  double products = 1;
  if (p.op == Op::kl && b.kl == KlForm::difference) {
    bracket = b.log_rel * f.log_terms + 2 * logs + (2 + h) * f.terms;
  } else if (p.op == Op::kl && b.kl == KlForm::quotient) {
    bracket += f.mass;
    // A subnormal p / q moves its term by at most 2 q omega_o, and q <= 1.
    products = 3;
  } else if (p.op == Op::kl) {
    // Of log1p at d >= -1/2 the condition number is at most 1/log 2 < 1.4428, and as much for
    // log(p/q) beyond a factor of 2. Far terms have two logarithms, of which |log| sums to > 1.
    bracket = (b.log_rel + 2.4428 + h) * f.terms + logs +
              (b.log_rel + b.log_abs) * f.far_log_terms;
    // Flushed to zero, p - q moves its term by at most 2 omega_o.
    products = 3;
  }
  return r.rigorous(bracket, products * static_cast<double>(p.v) * r.omega_of_product());
}

/// Error of p_j before any scaling: bracket and absolute part.
struct Error {
  double bracket;
  double absolute;
  double extra_tau = 0;
};

/// L7.
Error probability_error(const RowBound& r, const RowFacts& f, const ErrorBudget& b, double p,
                        double gap) {
  if (b.grad == GradForm::quotient) {
    return {p * (r.exp_error(gap) + r.sigma() + 2), r.omega() + r.omega_of_product()};
  }
  const double argument = gap + f.log_sum;  // |z_j - lse|
  const double common = b.exp_rel + r.sigma() + r.log_error();
  const double rounding = b.grad == GradForm::difference ? f.lse : r.live_gap(gap);
  const double exponent = (1 + b.exp_arg) * f.log_sum + r.log_error();
  return {p * (common + (1 + b.exp_arg) * r.live_gap(argument) + rounding), r.omega(),
          exponent + (b.grad == GradForm::difference ? f.lse : 0)};
}

double half_ulp_of_output(double magnitude, const ErrorBudget& b) {
  const Format out = format(b.output);
  const Format in = format(b.accumulate);
  if (out.precision >= in.precision && out.emin <= in.emin) return 0;
  return ulp(magnitude, b.output) / 2;
}

}  // namespace

double ulp(double x, DType d) {
  const Format f = format(d);
  int e = f.emin;
  if (x != 0 && std::isfinite(x)) e = std::max(std::ilogb(x), f.emin);
  return std::ldexp(1.0, e - f.precision + 1);
}

double row_loss_bound(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  const Problem& p = ref.test_case().problem;
  const RowFacts& f = ref.facts(row);
  if (p.op == Op::ce || p.op == Op::lse) return softmax_loss_bound(f, b, p);
  return information_bound(f, b, p);
}

/// L10, as is grad_bound.
double loss_bound(Reference& ref, const ErrorBudget& b, std::int64_t i) {
  const Problem& p = ref.test_case().problem;
  if (p.reduction == Reduction::none) {
    const double bound = row_loss_bound(ref, b, i);
    return bound + half_ulp_of_output(ref.facts(i).loss + bound, b);
  }
  double errors = 0, magnitudes = 0;
  for (std::int64_t r = 0; r < p.n; ++r) {
    const double bound = row_loss_bound(ref, b, r);
    errors += bound;
    magnitudes += ref.facts(r).loss + bound;
  }
  const double u = unit_roundoff(b.accumulate);
  const bool mean = p.reduction == Reduction::mean;
  const double depth = addition_depth(b.rows, p.n, b.lanes, b.block) + (mean ? 2 : 0);
  if (!(depth * u <= 0.125)) return kInf;
  // gamma_k <= k u (1 + 2 k u) for k u <= 1/8.
  double bound = errors + depth * u * (1 + 2 * depth * u) * magnitudes;
  double size = magnitudes;
  if (mean) {
    const double omega = RowBound(ref.facts(0), b, p.v).omega_of_product();
    bound = bound / static_cast<double>(p.n) + 2 * omega;
    size /= static_cast<double>(p.n);
  }
  bound *= kOutward + static_cast<double>(p.n) * 0x1p-52;
  return bound + half_ulp_of_output(size + bound, b);
}

double grad_bound(Reference& ref, const ErrorBudget& b, std::int64_t row, std::int64_t j) {
  const auto of_form = [&](const ErrorBudget& c) { return grad_bound(ref, c, row, j); };
  if (b.grad == GradForm::any) {
    return largest(b, &ErrorBudget::grad, {GradForm::quotient, GradForm::shifted}, of_form);
  }
  if (b.target == TargetForm::any) {
    return largest(b, &ErrorBudget::target, {TargetForm::naive, TargetForm::accurate}, of_form);
  }
  const TestCase& c = ref.test_case();
  const Problem& p = c.problem;
  const RowFacts& f = ref.facts(row);
  const RowBound r(f, b, p.v);
  const bool is_target = p.op == Op::ce && j == c.label(row);
  const double probability = magnitude_upper(ref.probability(row, j));
  const double gap = f.max - c.logit(row, j);
  const double g_y = is_target ? f.rest / f.sum * kOutward : 0;

  Error e = probability_error(r, f, b, probability, gap);
  double size = probability;
  if (is_target && b.target == TargetForm::accurate) {
    // L8.
    e = {g_y * (r.sigma_rest() + r.sigma() + 2), r.omega_of_rest() + r.omega_of_product()};
    size = g_y;
  } else if (is_target) {
    e.bracket += g_y;
    size = g_y;
  }
  // Upstream is one product; a mean is a division, or a reciprocal and a product.
  const int scalings = (p.upstream != Upstream::one) + (p.reduction == Reduction::mean ? 2 : 0);
  const double n = p.reduction == Reduction::mean ? static_cast<double>(p.n) : 1;
  const double upstream = std::fabs(c.upstream_of(row));
  if (upstream == 0) return 0;
  const double factor = upstream / n * kOutward;
  const double absolute =
      factor * e.absolute + scalings * std::max(1.0, upstream) * r.omega_of_product();
  const double bound = r.rigorous(factor * (e.bracket + scalings * size), absolute, e.extra_tau);
  return bound + half_ulp_of_output(factor * size + bound, b);
}

}  // namespace xent
