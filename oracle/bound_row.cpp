// SPDX-License-Identifier: Apache-2.0
#include "oracle/bound_row.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace xent {

double power_of_two_up(int e) {
  return std::max(std::ldexp(1.0, e), std::numeric_limits<double>::denorm_min());
}

Arithmetic::Arithmetic(const ErrorBudget& b)
    : format_(b.accumulate), u_(unit_roundoff(b.accumulate)) {
  const Format f = format(b.accumulate);
  omega_ = power_of_two_up(b.flush_to_zero ? f.emin : f.emin - f.precision);
}

bool Arithmetic::holds(double x) const {
  std::byte bytes[sizeof(double)];
  store(bytes, format_, x);
  return load(bytes, format_) == x;
}

Rounded Arithmetic::constant(double x) const {
  const double size = std::fabs(x);
  return {size, holds(x) ? 0 : size * u_ + omega_};
}

Rounded Arithmetic::product(Rounded a, Rounded b) const {
  const double size = times(a.size, b.size);
  const double error = times(a.size, b.error) + times(b.size, a.error) + times(a.error, b.error);
  if (size + error == 0) return {};
  return {size * kOutward, (error + u_ * (size + error) + omega_) * kOutward};
}

Rounded Arithmetic::sum(Rounded a, Rounded b) const {
  const double size = a.size + b.size, error = a.error + b.error;
  return {size * kOutward, (error + u_ * (size + error)) * kOutward};
}

double Arithmetic::gamma(double count) const {
  const double x = count * u_;
  // (1 + u)^k - 1 <= k u (1 + k u) for k u <= 1.
  return x <= 0.125 ? x * (1 + x) * kOutward : kNoBound;
}

Rounded Arithmetic::rounded(Rounded a, double count) const {
  if (count == 0) return a;
  return {a.size, (a.error + times(gamma(count), a.size + a.error)) * kOutward};
}

RowBound::RowBound(const RowFacts& facts, const ErrorBudget& budget, std::int64_t v,
                   bool exact_ties)
    : f_(facts),
      b_(budget),
      n_(static_cast<double>(v)),
      exact_ties_(exact_ties),
      format_(format(budget.accumulate)) {
  u_ = unit_roundoff(b_.accumulate);
  depth_ = addition_depth(b_.order, v, b_.lanes, b_.block);
  if (b_.order == SumOrder::compensated) depth_ += 4 * n_ * u_;
  // A path has at most n maxima; where the maximum stays, the factor is exp(0) = 1.
  rescales_ = b_.online ? n_ : 0;
  dead_gap_ =
      b_.flush_to_zero ? -format_.emin * M_LN2 : (format_.precision - format_.emin) * M_LN2;
  if (b_.exp_cutoff > -dead_gap_) dead_gap_ = -b_.exp_cutoff;
  sigma_ = b_.exp_rel + (1 + b_.exp_arg) * live_gap(f_.mean_gap) + order_term(true) +
           (rescales_ + 1) * n_ * omega() / u_;
  sigma_rest_ = b_.exp_rel + (1 + b_.exp_arg) * live_gap(f_.rest_gap) +
                order_term(f_.ties > 1 || !f_.target_is_max);
  below_ = (static_cast<double>(std::max<std::int64_t>(f_.ties, 1) - 1) + f_.below_max) * kOutward;
  // log(1 + x) <= x keeps the digits of a small log s.
  log_sum_ = std::min(f_.log_sum, below_);
}

double RowBound::sigma_below() const {
  // The gaps of the others, weighted: s mean_gap / (s - 1).
  const double least = below_ * (1 - 0x1p-38);
  const double gap = least > 0 ? f_.sum * f_.mean_gap / least * kOutward : kNoBound;
  return b_.exp_rel + (1 + b_.exp_arg) * live_gap(gap) + order_term(f_.ties > 1);
}

double RowBound::omega() const {
  return std::max(std::exp(b_.exp_cutoff), omega_of(b_.exp_rel));
}

double RowBound::omega_of_product() const {
  return power_of_two_up(b_.flush_to_zero ? format_.emin : least_exponent() - 1);
}

double RowBound::omega_of_rest() const {
  return (rescales_ + 1) * std::max(0.0, n_ - 1) * omega();
}

double RowBound::omega_of(double rel) const {
  return b_.flush_to_zero ? power_of_two_up(format_.emin)
                          : std::max(1.0, rel) * power_of_two_up(least_exponent());
}

double RowBound::rigorous(double bracket, double absolute, double extra) const {
  const double tau =
      u_ * (exp_error(f_.greatest_gap) + depth_ + rescales_ * (b_.exp_rel + 1) + b_.log_rel + 4 +
            extra);
  if (!(tau <= 0.125)) return kNoBound;
  return (1 + 4 * tau) * (u_ * bracket + absolute) * kOutward + kLeast;
}

/// Roundings of the additions and rescalings, relative to a sum that is at least 1 because it
/// holds a maximum. L3: where the terms below the maximum weigh at most u / 4 together, the
/// others are ones, each partial sum that holds a one is an integer, and only that weight is
/// lost, in any order; the 2 covers the errors that the weight itself has gathered.
double RowBound::order_term(bool holds_maximum) const {
  const double in_order = depth_ + rescales_ * (b_.exp_rel + 1);
  const double weight = f_.below_max + n_ * omega();
  const bool integers = holds_maximum && exact_ties_ && weight <= u_ / 4 &&
                        static_cast<double>(f_.ties) * u_ <= 1 && exponential_of_maximum_is_one();
  return integers ? std::min(in_order, 2 * weight / u_) : in_order;
}

/// A kernel of unknown order may also fuse the shift, exp2(fma(z, K, -fl(m K))): its argument at
/// the maximum is the residual of m K, which is 0 only for m = 0 and powers of two. One maximum
/// alone is not rounded in any case.
bool RowBound::exponential_of_maximum_is_one() const {
  int exponent = 0;
  const double mantissa = std::frexp(std::fabs(f_.max), &exponent);
  return b_.order != SumOrder::any || f_.ties == 1 || f_.max == 0 || mantissa == 0.5;
}

double mass_roundings(const Problem& p) {
  // eps, 1 - eps, two products and their sum; eps / V is one quotient and one product.
  if (p.smoothing != 0) return 5;
  return p.weights && has_vector_targets(p) ? 1 : 0;
}

double mass_of(const TestCase& c, std::int64_t row, std::int64_t j) {
  const Problem& p = c.problem;
  const double share = p.smoothing / static_cast<double>(p.v);
  const bool named = has_vector_targets(p) || c.scored_class(row) == j;
  if (!named && p.smoothing == 0) return 0;
  const double w = std::fabs(c.weight_of(j));
  if (has_vector_targets(p)) {
    return w * (std::fabs(c.target.at(row * p.v + j)) + share) * kOutward;
  }
  return (c.scored_class(row) == j ? w + w * share : w * share) * kOutward;
}

bool is_subnormal_mass(const TestCase& c, const ErrorBudget& b, std::int64_t row,
                       std::int64_t j) {
  if (mass_roundings(c.problem) == 0) return false;
  const double mass = mass_of(c, row, j);
  return mass > 0 && mass < std::ldexp(1.0, format(b.accumulate).emin + 1);
}

double mass_underflow(const Problem& p, const Arithmetic& a) {
  return mass_roundings(p) == 0 ? 0 : 2 * a.omega();
}

double lost_mass(const SoftmaxRow& s) {
  const TestCase& c = s.ref.test_case();
  double lost = 0;
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    if (is_subnormal_mass(c, s.b, s.row, j)) {
      lost += mass_underflow(c.problem, s.a) * (s.r.log_sum() + s.gap(j));
    }
  }
  return lost * kOutward;
}

}  // namespace xent
