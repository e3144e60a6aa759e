// SPDX-License-Identifier: Apache-2.0
#include "oracle/bound_row.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "oracle/load_block.h"

namespace xent {
namespace {

/// A product below the least double is not 0.
double product_of_mass(double w, double y, double share) {
  const double b = std::fabs(w) * (std::fabs(y) + share) * kOutward;
  const bool zero = w == 0 || std::fabs(y) + share == 0;
  return zero ? 0 : std::max(b, std::numeric_limits<double>::denorm_min());
}

}  // namespace

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

Ground::Ground(const ErrorBudget& b, std::int64_t v)
    : budget(b), a(b), n(static_cast<double>(v)), exp_slope(1 + b.exp_arg) {
  const Format f = format(b.accumulate);
  const int least_exponent = f.emin - f.precision + 1;
  depth = addition_depth(b.order, v, b.lanes, b.block);
  if (b.order == SumOrder::compensated) depth += 4 * n * a.u();
  // A path has at most n maxima; where the maximum stays, the factor is exp(0) = 1.
  rescales = b.online ? n : 0;
  dead_gap = b.flush_to_zero ? -f.emin * M_LN2 : (f.precision - f.emin) * M_LN2;
  if (b.exp_cutoff > -dead_gap) dead_gap = -b.exp_cutoff;
  // Of a function whose relative error is `rel` u where results are normal.
  const auto omega_of = [&](double rel) {
    return b.flush_to_zero ? power_of_two_up(f.emin)
                           : std::max(1.0, rel) * power_of_two_up(least_exponent);
  };
  omega = std::max(std::exp(b.exp_cutoff), omega_of(b.exp_rel));
  omega_of_log = omega_of(b.log_rel);
  omega_of_product = power_of_two_up(b.flush_to_zero ? f.emin : least_exponent - 1);
}

RowBound::RowBound(const RowFacts& facts, const Ground& ground, bool exact_ties)
    : f_(facts), g_(ground), exact_ties_(exact_ties) {
  const ErrorBudget& b = g_.budget;
  sigma_ = b.exp_rel + g_.exp_slope * live_gap(f_.mean_gap) + order_term(true) +
           (g_.rescales + 1) * g_.n * g_.omega / u();
  sigma_rest_ = b.exp_rel + g_.exp_slope * live_gap(f_.rest_gap) +
                order_term(f_.ties > 1 || !f_.target_is_max);
  below_ = (static_cast<double>(std::max<std::int64_t>(f_.ties, 1) - 1) + f_.below_max) * kOutward;
  // log(1 + x) <= x keeps the digits of a small log s.
  log_sum_ = std::min(f_.log_sum, below_);
}

double RowBound::sigma_below() const {
  // The gaps of the others, weighted: s mean_gap / (s - 1).
  const double least = below_ * (1 - 0x1p-38);
  const double gap = least > 0 ? f_.sum * f_.mean_gap / least * kOutward : kNoBound;
  return g_.budget.exp_rel + g_.exp_slope * live_gap(gap) + order_term(f_.ties > 1);
}

double RowBound::omega_of_rest() const {
  return (g_.rescales + 1) * std::max(0.0, g_.n - 1) * g_.omega;
}

double RowBound::all_orders(double extra) const {
  const double tau =
      u() * (exp_error(f_.greatest_gap) + in_order() + g_.budget.log_rel + 4 + extra);
  return tau <= 0.125 ? 1 + 4 * tau : kNoBound;
}

double RowBound::rigorous(double bracket, double absolute, double extra) const {
  const double factor = all_orders(extra);
  if (factor == kNoBound) return kNoBound;
  return factor * (u() * bracket + absolute) * kOutward + kLeast;
}

/// Roundings of the additions and rescalings, relative to a sum that is at least 1 because it
/// holds a maximum. L3: where the terms below the maximum weigh at most u / 4 together, the
/// others are ones, each partial sum that holds a one is an integer, and only that weight is
/// lost, in any order; the 2 covers the errors that the weight itself has gathered.
double RowBound::order_term(bool holds_maximum) const {
  const double weight = f_.below_max + g_.n * g_.omega;
  const bool integers = holds_maximum && exact_ties_ && weight <= u() / 4 &&
                        static_cast<double>(f_.ties) * u() <= 1 && exponential_of_maximum_is_one();
  return integers ? std::min(in_order(), 2 * weight / u()) : in_order();
}

/// A kernel of unknown order may also fuse the shift, exp2(fma(z, K, -fl(m K))): its argument at
/// the maximum is the residual of m K, which is 0 only for m = 0 and powers of two. One maximum
/// alone is not rounded in any case.
bool RowBound::exponential_of_maximum_is_one() const {
  int exponent = 0;
  const double mantissa = std::frexp(std::fabs(f_.max), &exponent);
  return g_.budget.order != SumOrder::any || f_.ties == 1 || f_.max == 0 || mantissa == 0.5;
}

double mass_roundings(const Problem& p) {
  // eps, 1 - eps, two products and their sum; eps / V is one quotient and one product.
  if (p.smoothing != 0) return 5;
  return p.weights && has_vector_targets(p) ? 1 : 0;
}

double mass_of(const TestCase& c, std::int64_t row, std::int64_t j) {
  const Problem& p = c.problem;
  const double share = p.smoothing / static_cast<double>(p.v);
  const double y = has_vector_targets(p)     ? c.target.at(row * p.v + j)
                   : c.scored_class(row) == j ? 1
                                              : 0;
  return product_of_mass(c.weight_of(j), y, share);
}

void masses_of(const TestCase& c, std::int64_t row, std::int64_t first, std::int64_t count,
               double* out) {
  const Problem& p = c.problem;
  const double share = p.smoothing / static_cast<double>(p.v);
  alignas(64) double w[kMasses];
  if (p.weights) load_block(c.weight, first, count, w);
  else std::fill_n(w, count, 1.0);
  if (has_vector_targets(p)) {
    load_block(c.target, row * p.v + first, count, out);
  } else {
    const std::int64_t y = *c.scored_class(row) - first;
    std::fill_n(out, count, 0.0);
    if (y >= 0 && y < count) out[y] = 1;
  }
  for (std::int64_t i = 0; i < count; ++i) out[i] = product_of_mass(w[i], out[i], share);
}

double subnormal_mass_limit(const ErrorBudget& b) {
  return std::ldexp(1.0, format(b.accumulate).emin + 1);
}

bool is_subnormal_mass(const TestCase& c, const ErrorBudget& b, std::int64_t row,
                       std::int64_t j) {
  if (mass_roundings(c.problem) == 0) return false;
  const double mass = mass_of(c, row, j);
  return mass > 0 && mass < subnormal_mass_limit(b);
}

double mass_underflow(const Problem& p, const Arithmetic& a) {
  return mass_roundings(p) == 0 ? 0 : 2 * a.omega();
}

double lost_mass(const RowOfLogits& s) {
  const TestCase& c = s.ref.test_case();
  const double underflow = mass_underflow(c.problem, s.a);
  double lost = 0;
  for_subnormal_masses(c, s.b, s.row, [&](std::int64_t j) {
    lost += underflow * (s.r.log_sum() + s.gap(j));
  });
  return lost * kOutward;
}

}  // namespace xent
