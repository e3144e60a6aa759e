// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <limits>

#include "properties/domain_rows.h"

namespace xent {
namespace {

constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kMasked = -std::numeric_limits<double>::infinity();

std::int64_t classes(std::span<const double> z) { return static_cast<std::int64_t>(z.size()); }

std::int64_t any_class(const RowPlan& plan, std::uint64_t draw, std::span<const double> z) {
  return plan.choice.below(draw, classes(z));
}

/// Gaps in nats up to the one at which exp(-gap) leaves the format.
double gap_of(const RowPlan& plan, std::uint64_t draw) {
  static constexpr double kGaps[] = {1,   2,   3,   5,   7,   10,  14,  20,  28,  40,  56, 80,
                                     87,  88,  95,  100, 103, 104, 112, 160, 224, 320, 448,
                                     560, 640, 708, 720, 740};
  const double limit = (plan.format.precision - plan.format.emin) * kLn2;
  std::int64_t count = 0;
  for (const double gap : kGaps) count += gap < limit + 1;
  return kGaps[plan.choice.below(draw, count)];
}

/// Every class but y is below z[y] - gap, by an amount that differs from row to row.
void lead(const RowPlan& plan, std::span<double> z, std::int64_t y, double gap) {
  static constexpr double kSpread[] = {0, 0.25, 1, 4};
  const double spread = kSpread[plan.choice.below(101, 4)];
  const double base = plan.choice.normal(102);
  for (std::int64_t j = 0; j < classes(z); ++j) {
    const double below = spread * plan.element.normal(static_cast<std::uint64_t>(j));
    z[j] = base - gap - (below < 0 ? -below : below);
  }
  z[y] = base;
}

}  // namespace

double power_of_two(int e) {
  if (e < -1074) return 0;
  const auto one = std::uint64_t{1};
  return std::bit_cast<double>(e < -1022 ? one << (e + 1074)
                                         : static_cast<std::uint64_t>(e + 1023) << 52);
}

int exponent_of(double x) {
  return static_cast<int>((std::bit_cast<std::uint64_t>(x) >> 52) & 0x7ff) - 1023;
}

double spacing(double x, const Format& format) {
  const int e = exponent_of(x);
  return power_of_two((e < format.emin ? format.emin : e) - format.precision + 1);
}

double largest(const Format& format) {
  return (2 - power_of_two(1 - format.precision)) * power_of_two(format.emax);
}

std::int64_t gaussian_row(const RowPlan& plan, std::span<double> z) {
  const auto sigma = static_cast<double>(1 + plan.seed.below(0, 8));
  for (std::int64_t j = 0; j < classes(z); ++j) {
    z[j] = sigma * plan.element.normal(static_cast<std::uint64_t>(j));
  }
  return kAnyClass;
}

std::int64_t confident_row(const RowPlan& plan, std::span<double> z) {
  const std::int64_t y = any_class(plan, 0, z);
  lead(plan, z, y, gap_of(plan, 1));
  return y;
}

std::int64_t wrong_row(const RowPlan& plan, std::span<double> z) {
  const std::int64_t ahead = any_class(plan, 0, z);
  const std::int64_t y = (ahead + 1 + plan.choice.below(2, classes(z) - 1)) % classes(z);
  const double gap = gap_of(plan, 1);
  lead(plan, z, ahead, plan.choice.coin(3) ? gap : 1);
  z[y] = z[ahead] - gap - plan.choice.uniform(4);
  return y;
}

std::int64_t offset_row(const RowPlan& plan, std::span<double> z) {
  double offset = 1;
  for (std::int64_t k = plan.turn % 31; k > 0 && offset * 20 < largest(plan.format); --k) {
    offset *= 10;
  }
  // A multiple of `step` below 2^(precision) * step is representable, and so is each difference.
  const double step = [&] {
    const double enough = 2 * spacing(offset + 32, plan.format);
    return enough > 0x1p-6 ? enough : 0x1p-6;
  }();
  const double sign = plan.choice.coin(0) ? 1 : -1;
  const auto centre = sign * static_cast<double>(static_cast<std::int64_t>(offset / step));
  const double spread = step < 4 ? 4 / step : plan.choice.below(1, 2) != 0 ? 1 : 0;
  for (std::int64_t j = 0; j < classes(z); ++j) {
    const double x = spread * plan.element.normal(static_cast<std::uint64_t>(j));
    z[j] = (centre + static_cast<double>(static_cast<std::int64_t>(x))) * step;
  }
  return kAnyClass;
}

std::int64_t ties_row(const RowPlan& plan, std::span<double> z) {
  // How many of 16 classes share the maximum: all, nearly all, half, few; at least two.
  static constexpr std::int64_t kShare[] = {16, 15, 8, 1};
  const std::int64_t share = kShare[plan.turn % 4];
  const double top = 8 * plan.choice.normal(0);
  for (std::int64_t j = 0; j < classes(z); ++j) {
    const auto at = static_cast<std::uint64_t>(j);
    const bool tied = plan.element.stream(1).below(at, 16) < share;
    z[j] = tied ? top : top - 8 * plan.element.uniform(at);
  }
  const std::int64_t first = any_class(plan, 1, z);
  z[first] = top;
  z[(first + 1 + plan.choice.below(2, classes(z) - 1)) % classes(z)] = top;
  return kAnyClass;
}

std::int64_t masked_row(const RowPlan& plan, std::span<double> z) {
  // Masked classes in 16; the last masks all but the target.
  static constexpr std::int64_t kShare[] = {2, 8, 14, 16};
  const std::int64_t share = kShare[plan.turn % 4];
  const std::int64_t y = any_class(plan, 0, z);
  const std::int64_t masked = (y + 1 + plan.choice.below(1, classes(z) - 1)) % classes(z);
  for (std::int64_t j = 0; j < classes(z); ++j) {
    const auto at = static_cast<std::uint64_t>(j);
    const bool mask = j == masked || plan.element.stream(1).below(at, 16) < share;
    z[j] = mask && j != y ? kMasked : 4 * plan.element.normal(at);
  }
  return y;
}

std::int64_t masked_target_row(const RowPlan& plan, std::span<double> z) {
  gaussian_row(plan, z);
  const std::int64_t y = any_class(plan, 0, z);
  z[y] = kMasked;
  // In every other turn of three classes and more others are masked beside it: -inf - -inf.
  if (plan.turn % 2 == 0 && classes(z) > 2) z[(y + 1) % classes(z)] = kMasked;
  return y;
}

std::int64_t dyadic_row(const RowPlan& plan, std::span<double> z) {
  for (std::int64_t j = 0; j < classes(z); ++j) {
    const auto sixteenths = plan.element.below(static_cast<std::uint64_t>(j), 257) - 128;
    z[j] = static_cast<double>(sixteenths) / 16;
  }
  return kAnyClass;
}

std::int64_t grid_row(const RowPlan& plan, std::span<double> z) {
  // |z| <= 16 and a shift of at most 2^10 stay below 2^11, hence precision - 11 fraction bits.
  const double step = power_of_two(11 - plan.format.precision);
  for (std::int64_t j = 0; j < classes(z); ++j) {
    const double x = plan.element.between(static_cast<std::uint64_t>(j), -16, 16);
    z[j] = static_cast<double>(static_cast<std::int64_t>(x / step)) * step;
  }
  return kAnyClass;
}

}  // namespace xent
