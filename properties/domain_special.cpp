// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <limits>

#include "properties/data/iris.h"
#include "properties/domain_rows.h"

namespace xent {
namespace {

constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kMasked = -std::numeric_limits<double>::infinity();

std::int64_t classes(std::span<const double> z) { return static_cast<std::int64_t>(z.size()); }

/// Arguments at which exp overflows, becomes subnormal, becomes 0 (binary32: 88.7, -87.3, -104.0).
double threshold(const RowPlan& plan, std::int64_t which) {
  const Format& f = plan.format;
  const std::array<int, 3> exponents = {f.emax + 1, f.emin, f.emin - f.precision};
  return exponents[which] * kLn2;
}

/// x moved by at most 3 neighbours in the format.
double nearby(double x, const Format& format, const Random& random, std::uint64_t draw) {
  return x + static_cast<double>(random.below(draw, 7) - 3) * spacing(x, format);
}

/// Numbers of every exponent and both signs.
std::int64_t every_exponent_row(const RowPlan& plan, std::span<double> z) {
  const Format& f = plan.format;
  for (std::int64_t j = 0; j < classes(z); ++j) {
    const auto at = static_cast<std::uint64_t>(2 * j);
    const auto e = static_cast<int>(plan.element.below(at, f.emax - f.emin + 1)) + f.emin;
    const double x = (1 + plan.element.uniform(at + 1)) * power_of_two(e - 1);
    z[j] = plan.element.stream(1).coin(at) ? 2 * std::min(x, largest(f) / 2)
                                           : -2 * std::min(x, largest(f) / 2);
  }
  return kAnyClass;
}

/// The ends of the format: differences overflow.
std::int64_t ends_row(const RowPlan& plan, std::span<double> z) {
  const double top = largest(plan.format);
  const std::array<double, 6> values = {top, -top, top / 2, -top / 2, 0, -0.0};
  for (std::int64_t j = 0; j < classes(z); ++j) {
    z[j] = values[plan.element.below(static_cast<std::uint64_t>(j), 6)];
  }
  return kAnyClass;
}

/// Logits at a threshold of exp, either sign: an unshifted exp overflows or flushes.
std::int64_t threshold_row(const RowPlan& plan, std::span<double> z) {
  const double t = threshold(plan, plan.choice.below(0, 3)) * (plan.choice.coin(1) ? 1 : -1);
  const Random draw = plan.element.stream(1);
  for (std::int64_t j = 0; j < classes(z); ++j) {
    const auto at = static_cast<std::uint64_t>(j);
    z[j] = draw.below(at, 4) != 0 ? nearby(t, plan.format, plan.element, at)
                                  : t * plan.element.uniform(at);
  }
  z[plan.choice.below(2, classes(z))] = t;
  return kAnyClass;
}

/// One maximum and the others below it by a threshold of exp.
std::int64_t gap_row(const RowPlan& plan, std::span<double> z) {
  const double gap = threshold(plan, 1 + plan.choice.below(0, 2));
  for (std::int64_t j = 0; j < classes(z); ++j) {
    z[j] = nearby(gap, plan.format, plan.element, static_cast<std::uint64_t>(j));
  }
  z[plan.choice.below(1, classes(z))] = 0;
  return kAnyClass;
}

/// The value that all live classes share: with 0 or a power of two, products with a constant and
/// differences in a fused multiply-add are exact.
double shared_value(const RowPlan& plan) {
  if (plan.choice.below(900, 3) == 0) return 0;
  const double x = power_of_two(static_cast<int>(plan.choice.below(901, 13)) - 4);
  return plan.choice.coin(902) ? x : -x;
}

}  // namespace

std::int64_t subnormal_row(const RowPlan& plan, std::span<double> z) {
  const Format& f = plan.format;
  const double least = power_of_two(f.emin - f.precision + 1);
  for (std::int64_t j = 0; j < classes(z); ++j) {
    const auto at = static_cast<std::uint64_t>(2 * j);
    const auto shift = static_cast<int>(plan.element.below(at, f.precision));
    const auto count = static_cast<double>(plan.element.bits(at + 1) >> 12 >> (52 - shift));
    z[j] = plan.element.stream(1).coin(at) ? count * least : -count * least;
  }
  return kAnyClass;
}

std::int64_t extreme_row(const RowPlan& plan, std::span<double> z) {
  static constexpr std::array<LogitRow, 5> kRows = {ends_row, threshold_row, gap_row,
                                                    every_exponent_row, subnormal_row};
  return kRows[plan.turn % 5](plan, z);
}

std::int64_t integer_mass_row(const RowPlan& plan, std::span<double> z) {
  const double value = shared_value(plan);
  std::int64_t needed = 1 + plan.choice.below(0, std::max<std::int64_t>(1, classes(z) / 4));
  // Selection sampling (Knuth, algorithm S): each set of live classes is equally likely.
  for (std::int64_t j = 0; j < classes(z); ++j) {
    const bool live = plan.element.below(static_cast<std::uint64_t>(j), classes(z) - j) < needed;
    z[j] = live ? value : kMasked;
    needed -= live;
  }
  return kAnyClass;
}

std::int64_t spikes_row(const RowPlan& plan, std::span<double> z) {
  static constexpr std::array<double, 5> kGaps = {64, 104, 128, 1024, 0};
  static constexpr std::array<std::int64_t, 24> kPlaces = {
      0,   1,   7,   8,   15,  16,   31,   32,   63,   64,   127,  128,
      255, 256, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 4095, 4096};
  const std::int64_t v = classes(z);
  const std::int64_t boundaries =
      std::lower_bound(kPlaces.begin(), kPlaces.end(), v) - kPlaces.begin();
  const std::int64_t turn = plan.turn % (boundaries + 2);
  const std::int64_t place = turn < boundaries    ? kPlaces[turn]
                             : turn == boundaries ? v - 1
                                                  : plan.choice.below(0, v);
  const double gap = kGaps[plan.choice.below(1, 5)];
  for (std::int64_t j = 0; j < v; ++j) {
    z[j] = gap == 0 ? kMasked : plan.element.normal(static_cast<std::uint64_t>(j)) - gap;
  }
  z[place] = 8;
  return plan.choice.coin(2) || gap == 0 ? place : kAnyClass;
}

std::int64_t index_bit_row(const RowPlan& plan, std::span<double> z) {
  const double value = shared_value(plan);
  std::int64_t bits = 0;
  while ((classes(z) - 1) >> bits != 0) ++bits;
  const std::int64_t bit = plan.turn % bits;
  const std::int64_t wanted = plan.turn / bits % 2;
  for (std::int64_t j = 0; j < classes(z); ++j) {
    z[j] = (j >> bit) % 2 == wanted ? value : kMasked;
  }
  return kAnyClass;
}

std::int64_t iris_row(const RowPlan& plan, std::span<double> z) {
  const std::int64_t row = plan.turn % iris::kRows;
  for (std::int64_t c = 0; c < iris::kSpecies; ++c) {
    const auto& weights = iris::kWeights[c];
    // ((((bias + w0 x0) + w1 x1) + w2 x2) + w3 x3), in binary64, x in centimetres.
    z[c] = weights[0];
    for (std::size_t k = 0; k < 4; ++k) z[c] += weights[k + 1] * (iris::kTenths[row][k] / 10.0);
  }
  return iris::species(row);
}

std::int64_t worked_example_row(const RowPlan& plan, std::span<double> z) {
  static constexpr std::array<std::array<double, 5>, 3> kLogits = {{
      {1.0057e+00, 9.3315e-01, 1.3519e+00, 2.1038e-01, -1.4991e+00},
      {-1.2585e-01, -7.9080e-01, 1.3314e+00, -8.3375e-01, -1.0713e+00},
      {-2.3545e+00, 4.7245e-01, 5.3418e-01, 7.8703e-01, -5.2672e-04},
  }};
  static constexpr std::array<std::int64_t, 3> kTargets = {2, 0, 0};
  std::copy(kLogits[plan.row].begin(), kLogits[plan.row].end(), z.begin());
  return kTargets[plan.row];
}

}  // namespace xent
