// SPDX-License-Identifier: Apache-2.0
#include "oracle/bound_scaling.h"

#include <cmath>

#include "oracle/bound.h"

namespace xent {

namespace {
constexpr double kLog2E = 0x1.71547652b82fep+0;
}

double unit_factor(const Problem& p) { return p.unit == Unit::bits ? kLog2E * kOutward : 1; }
double unit_roundings(const Problem& p) { return p.unit == Unit::bits ? 2 : 0; }

bool narrows(const ErrorBudget& b) {
  const Format out = format(b.output);
  const Format in = format(b.accumulate);
  return out.precision < in.precision || out.emin > in.emin;
}

double finished(const Rounded& x, const ErrorBudget& b) {
  const double half_ulp = narrows(b) ? ulp(x.size + x.error, b.output) / 2 : 0;
  const double bound = (x.error + half_ulp) * kOutward + kLeast;
  return std::isnan(bound) ? kNoBound : bound;
}

DivisionRoundings::DivisionRoundings(const TestCase& c, const ErrorBudget& b) : c_(c), b_(b) {
  const Problem& p = c.problem;
  if (!p.is_mean()) return;
  const Arithmetic a(b);
  fixed_ = p.denominator == Denominator::sequence ? 4 : 2;
  if (!a.holds(static_cast<double>(p.n))) fixed_ += 2;
  if (p.denominator == Denominator::number && !a.holds(p.denominator_value)) ++fixed_;
  const bool of_scored =
      p.denominator == Denominator::valid || p.denominator == Denominator::sequence;
  weighted_ = p.weights && of_scored && p.takes_targets() && !has_vector_targets(p);
}

DivisionRoundings::Group DivisionRoundings::group_of(std::int64_t row) const {
  const Problem& p = c_.problem;
  if (p.denominator != Denominator::sequence) return {0, p.n};
  const std::int64_t first = row / p.t * p.t;
  return {first, first + p.t};
}

/// |w_y| summed over the group, over |sum w_y|: how much larger the errors of D are than D's own
/// roundings.
double DivisionRoundings::weight_condition() const {
  double sum = 0, size = 0;
  for (std::int64_t r = group_.first; r < group_.last; ++r) {
    const auto y = c_.scored_class(r);
    if (!y) continue;
    sum += c_.weight_of(*y);
    size += std::fabs(c_.weight_of(*y));
  }
  return sum == 0 ? kNoBound : std::fabs(size / sum) * kOutward;
}

double DivisionRoundings::of_row(std::int64_t row) {
  if (!weighted_) return fixed_;
  if (row < group_.first || row >= group_.last) {
    group_ = group_of(row);
    const double depth = addition_depth(b_.rows, group_.last - group_.first, b_.lanes, b_.block);
    of_group_ = fixed_ + depth * weight_condition();
  }
  return of_group_;
}

double lower_divisor(const Reference& ref, std::int64_t row) {
  return ref.test_case().problem.is_mean() ? magnitude_lower(ref.divisor(row)) : 1;
}

}  // namespace xent
