// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "properties/domain_rows.h"

namespace xent {
namespace {

constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kMasked = -std::numeric_limits<double>::infinity();

/// Streams of a row's elements that targets use, apart from those of its logits.
constexpr std::uint64_t kTarget = 40, kDropped = 41;

std::int64_t classes(std::span<const double> y) { return static_cast<std::int64_t>(y.size()); }

void by_division(const RowPlan& plan, std::span<double> y) {
  fill_positive(plan, kTarget, y);
  if (plan.choice.coin(300)) drop_some(plan, kDropped, 4, plan.choice.below(301, classes(y)), y);
}

void dyadic(const RowPlan& plan, std::span<double> y) {
  const std::int64_t last = plan.choice.below(302, classes(y));
  fill_positive(plan, kTarget, y);
  if (plan.choice.coin(303)) drop_some(plan, kDropped, 4, last, y);
  fill_dyadic(y, dyadic_bits(classes(y)), 1, last);
}

void one_hot(const RowPlan& plan, std::span<double> y) {
  std::fill(y.begin(), y.end(), 0.0);
  y[plan.choice.below(304, classes(y))] = 1;
}

/// Each in [0, 2) times a factor of the row: sums of any size, and no mass at all.
void unnormalised(const RowPlan& plan, std::span<double> y) {
  const std::array<double, 4> factors = {1, 0x1p-4, 1 / static_cast<double>(classes(y)), 0};
  const double factor = factors[plan.choice.below(305, 4)];
  const Random draw = plan.element.stream(kTarget);
  for (std::int64_t j = 0; j < classes(y); ++j) {
    y[j] = 2 * factor * draw.uniform(static_cast<std::uint64_t>(j));
  }
}

/// A few classes share the mass.
void sparse(const RowPlan& plan, std::span<double> y) {
  std::fill(y.begin(), y.end(), 0.0);
  for (std::uint64_t k = 0; k < 4; ++k) y[plan.choice.below(306 + k, classes(y))] += 0.25;
}

using Fill = void (*)(const RowPlan&, std::span<double>);

}  // namespace

double log_of(double x) {
  int e = exponent_of(x);
  double m = x * power_of_two(-e);
  if (m > 1.4142135) {
    m /= 2;
    ++e;
  }
  // log m = 2 artanh s, s = (m - 1) / (m + 1), |s| < 0.1716
  const double s = (m - 1) / (m + 1);
  double sum = 0;
  for (int k = 23; k > 0; k -= 2) sum = sum * (s * s) + 1.0 / k;
  return 2 * s * sum + e * kLn2;
}

void soft_target(const RowPlan& plan, std::int64_t aim, std::span<double> y) {
  static constexpr std::array<Fill, 5> kFills = {by_division, dyadic, one_hot, unnormalised,
                                                 sparse};
  kFills[plan.turn % 5](plan, y);
  if (aim == kAnyClass) return;
  for (double& p : y) p /= 16;
  y[aim] += 0.9375;
}

void soft_row(const RowPlan& plan, std::span<double> z, std::span<double> y) {
  gaussian_row(plan, z);
  by_division(plan, y);
}

void soft_dyadic_row(const RowPlan& plan, std::span<double> z, std::span<double> y) {
  gaussian_row(plan, z);
  dyadic(plan, y);
}

void soft_one_hot_row(const RowPlan& plan, std::span<double> z, std::span<double> y) {
  gaussian_row(plan, z);
  one_hot(plan, y);
}

void soft_unnormalised_row(const RowPlan& plan, std::span<double> z, std::span<double> y) {
  gaussian_row(plan, z);
  unnormalised(plan, y);
}

void soft_masked_row(const RowPlan& plan, std::span<double> z, std::span<double> y) {
  const std::int64_t kept = masked_row(plan, z);
  by_division(plan, y);
  y[kept] += 0x1p-3;
  for (std::int64_t j = 0; j < classes(z); ++j) {
    if (z[j] == kMasked) y[j] = 0;
  }
}

void soft_matched_row(const RowPlan& plan, std::span<double> z, std::span<double> y) {
  const double offset = 4 * plan.choice.normal(310);
  fill_positive(plan, kTarget, y);
  for (std::int64_t j = 0; j < classes(z); ++j) z[j] = log_of(y[j]) + offset;
}

void log_probabilities_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  fill_positive(plan, 0, x);
  for (double& p : x) p = log_of(p);
  soft_target(plan, kAnyClass, y);
}

void log_grid_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  for (std::int64_t j = 0; j < classes(x); ++j) {
    const std::int64_t sixteenths = plan.element.below(static_cast<std::uint64_t>(j), 129);
    x[j] = -static_cast<double>(sixteenths) / 16;
  }
  if (dyadic_bits(classes(y)) <= plan.format.precision) dyadic(plan, y);
  else one_hot(plan, y);
}

void log_masked_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  log_probabilities_row(plan, x, y);
  const std::int64_t kept = plan.choice.below(311, classes(x));
  const std::int64_t gone = (kept + 1 + plan.choice.below(312, classes(x) - 1)) % classes(x);
  y[kept] += 0x1p-3;
  for (std::int64_t j = 0; j < classes(x); ++j) {
    const bool mask = plan.element.stream(kDropped).below(static_cast<std::uint64_t>(j), 4) == 0;
    if (j == kept || !(mask || j == gone)) continue;
    x[j] = kMasked;
    y[j] = 0;
  }
}

void log_extreme_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  const Format& f = plan.format;
  const std::array<double, 6> values = {0, -0.0, -power_of_two(f.emin - f.precision + 1),
                                        -power_of_two(f.emin), -power_of_two(f.emax / 2), -1};
  for (std::int64_t j = 0; j < classes(x); ++j) {
    x[j] = values[plan.element.below(static_cast<std::uint64_t>(j), 6)];
  }
  // One number at the limit only: two of them might overflow in a sum of which the result does not.
  x[plan.choice.below(313, classes(x))] = -largest(f) / (plan.choice.coin(314) ? 4 : 1024);
  by_division(plan, y);
}

}  // namespace xent
