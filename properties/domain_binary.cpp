// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <limits>

#include "properties/domain_rows.h"

namespace xent {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Streams of a row's elements that labels and places use.
constexpr std::uint64_t kLabel = 50, kPlace = 51;

std::int64_t classes(std::span<const double> y) { return static_cast<std::int64_t>(y.size()); }

/// 2^-k or 1 - 2^-k, k from 1 to the precision.
double near_an_end(const RowPlan& plan, const Random& draw, std::uint64_t at) {
  const auto k = 1 + static_cast<int>(draw.below(2 * at, plan.format.precision));
  return draw.coin(2 * at + 1) ? power_of_two(-k) : 1 - power_of_two(-k);
}

void hard_labels(const RowPlan& plan, std::span<double> y) {
  const Random draw = plan.element.stream(kLabel);
  for (std::int64_t j = 0; j < classes(y); ++j) y[j] = draw.coin(static_cast<std::uint64_t>(j));
}

void soft_labels(const RowPlan& plan, std::span<double> y) {
  const Random draw = plan.element.stream(kLabel);
  for (std::int64_t j = 0; j < classes(y); ++j) y[j] = draw.uniform(static_cast<std::uint64_t>(j));
}

void end_labels(const RowPlan& plan, std::span<double> y) {
  const Random draw = plan.element.stream(kLabel);
  for (std::int64_t j = 0; j < classes(y); ++j) {
    y[j] = near_an_end(plan, draw, static_cast<std::uint64_t>(j));
  }
}

void equal_labels(const RowPlan& plan, std::span<double> y) {
  static constexpr std::array<double, 4> kLabels = {0, 1, 0.5, 0.875};
  std::fill(y.begin(), y.end(), kLabels[plan.choice.below(400, 4)]);
}

/// Places at which exp(-x) is 1 to all digits, leaves the format, or x is near its limit.
double far_out(const RowPlan& plan, std::uint64_t at, bool to_the_limit) {
  static constexpr std::array<double, 10> kNear = {8, 12, 17, 24, 37, 64, 88, 104, 710, 746};
  const std::array<double, 4> far = {1024, power_of_two(plan.format.emax / 2),
                                     largest(plan.format) / 2, largest(plan.format)};
  const Random draw = plan.element.stream(kPlace);
  if (to_the_limit && draw.below(at, 4) == 0) return far[draw.below(at + 1, 4)];
  return kNear[draw.below(at + 1, 10)] + draw.uniform(at);
}

}  // namespace

void binary_labels(const RowPlan& plan, std::span<double> y) {
  static constexpr std::array<void (*)(const RowPlan&, std::span<double>), 4> kLabels = {
      hard_labels, soft_labels, end_labels, equal_labels};
  kLabels[plan.turn % 4](plan, y);
}

void binary_hard_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  gaussian_row(plan, x);
  hard_labels(plan, y);
}

void binary_soft_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  gaussian_row(plan, x);
  if (plan.turn % 2 == 0) soft_labels(plan, y);
  else end_labels(plan, y);
}

void binary_saturated_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  const std::int64_t kind = plan.turn % 4;  // right, wrong, mixed, mixed to the format's limit
  hard_labels(plan, y);
  for (std::int64_t j = 0; j < classes(x); ++j) {
    const auto at = static_cast<std::uint64_t>(2 * j);
    const bool right = kind == 0 || (kind >= 2 && plan.element.coin(at));
    const double size = far_out(plan, at, kind == 3);
    x[j] = right == (y[j] == 1) ? size : -size;
  }
}

void binary_infinite_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  binary_hard_row(plan, x, y);
  const bool all_right = plan.turn % 2 == 0;
  const std::int64_t sure = plan.choice.below(401, classes(x));
  for (std::int64_t j = 0; j < classes(x); ++j) {
    const auto at = static_cast<std::uint64_t>(j);
    if (j != sure && plan.element.stream(kPlace).below(at, 4) != 0) continue;
    const bool right = all_right || (j != sure && plan.element.stream(kPlace + 1).coin(at));
    x[j] = right == (y[j] == 1) ? kInfinity : -kInfinity;
  }
}

void chances_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  // At least half a unit of the format away from 0 and 1: rounding reaches neither.
  const double least = power_of_two(-plan.format.precision);
  for (std::int64_t j = 0; j < classes(x); ++j) {
    const double u = plan.element.uniform(static_cast<std::uint64_t>(j));
    x[j] = std::clamp(u, least, 1 - least);
  }
  binary_labels(plan, y);
}

void chances_edge_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  const Format& f = plan.format;
  binary_labels(plan, y);
  const Random draw = plan.element.stream(kPlace);
  for (std::int64_t j = 0; j < classes(x); ++j) {
    const auto at = static_cast<std::uint64_t>(4 * j);
    const std::int64_t kind = draw.below(at, 4);
    const auto e = 1 + static_cast<int>(draw.below(at + 1, f.precision - f.emin - 1));
    x[j] = near_an_end(plan, plan.element, static_cast<std::uint64_t>(j));
    if (kind == 0) x[j] = power_of_two(-e);
    if (kind == 1 && y[j] == 0) x[j] = 0;
    if (kind == 1 && y[j] == 1) x[j] = 1;
  }
}

void chances_zero_row(const RowPlan& plan, std::span<double> x, std::span<double> y) {
  chances_row(plan, x, y);
  const std::int64_t j = plan.choice.below(402, classes(x));
  x[j] = plan.choice.coin(403);
  if (plan.choice.coin(404)) y[j] = 0.5;
  else y[j] = x[j] == 0;
}

}  // namespace xent
