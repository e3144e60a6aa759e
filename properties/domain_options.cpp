// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <limits>

#include "properties/domain_build.h"

namespace xent {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double sixteenths(const Random& random, std::uint64_t at) {
  return static_cast<double>(1 + random.below(at, 32)) / 16;
}

/// Random in [-2, 2], or 0, or 1, or a loss scale of mixed precision.
void fill_upstream(TestCase& made, const Random& random) {
  const Problem& problem = made.problem;
  if (problem.upstream == Upstream::one) return;
  made.upstream =
      Tensor(problem.dtype, {problem.upstream == Upstream::row ? problem.n : std::int64_t{1}});
  for (std::int64_t i = 0; i < made.upstream.size(); ++i) {
    const auto at = static_cast<std::uint64_t>(i);
    const double scale = problem.dtype == DType::f16 ? 0x1p10 : 0x1p16;
    const std::array<double, 5> values = {0, 1, scale, random.between(at, -2, 2),
                                          random.between(at, -2, 2)};
    made.upstream.set(i, values[static_cast<std::size_t>(random.stream(1).below(at, 5))]);
  }
}

/// Class weights: sixteenths in (0, 2], and in turn numbers of 23 bits in (0, 4], which few formats
/// hold and whose sums are exact in binary64.
void fill_weights(TestCase& made, const Random& random) {
  if (!made.problem.weights || !made.weight.shape.empty()) return;
  made.weight = Tensor(made.problem.dtype, {made.problem.v});
  for (std::int64_t j = 0; j < made.weight.size(); ++j) {
    const auto at = static_cast<std::uint64_t>(j);
    const double bits = static_cast<double>(1 + random.below(at, 1 << 23));
    made.weight.set(j, j % 2 == 0 ? sixteenths(random, at) : bits * 0x1p-21);
  }
}

/// Row by row in turn: normal, a basis vector, constant, orthogonal to 1.
void fill_direction(TestCase& made, const Random& random) {
  const Problem& p = made.problem;
  if (p.dir != Dir::hvp) return;
  made.direction = Tensor(p.dtype, {p.n, p.v});
  const std::int64_t start = random.below(0, 4);
  for (std::int64_t row = 0; row < p.n; ++row) {
    const Random of_row = random.stream(static_cast<std::uint64_t>(row));
    const std::int64_t kind = (start + row) % 4;
    const std::int64_t basis = of_row.below(0, p.v);
    const double size = kind == 2 ? sixteenths(of_row, 1) : 1;
    for (std::int64_t j = 0; j < p.v; ++j) {
      const double normal = of_row.stream(1).normal(static_cast<std::uint64_t>(j));
      const std::array<double, 4> values = {normal, j == basis ? 1.0 : 0.0, size, 0};
      made.direction.set(row * p.v + j, values[static_cast<std::size_t>(kind)]);
    }
    if (kind != 3) continue;
    for (std::int64_t j = 0; j + 1 < p.v; j += 2) {
      const double x = sixteenths(of_row.stream(2), static_cast<std::uint64_t>(j));
      made.direction.set(row * p.v + j, x);
      made.direction.set(row * p.v + j + 1, -x);
    }
  }
}

/// NaN everywhere; NaN and both infinities in turn; nothing but -inf.
void fill_garbage(TestCase& c, const RowPlan& plan) {
  static constexpr std::array<double, 3> kMixed = {kNaN, kInfinity, -kInfinity};
  const std::int64_t kind = plan.turn % 3;
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    const double x = kind == 0 ? kNaN : kind == 1 ? kMixed[j % 3] : -kInfinity;
    c.input.set(plan.row * c.problem.v + j, x);
  }
}

}  // namespace

void ignore_rows(TestCase& made, const Random& random, std::int64_t of) {
  if (!made.problem.ignore_index || made.target.dtype != DType::i64) return;
  for (std::int64_t i = 0; i < made.target.size(); ++i) {
    if (random.below(static_cast<std::uint64_t>(i), of) != 0) continue;
    made.target.set_integer(i, *made.problem.ignore_index);
  }
}

TestCase ignored_garbage_case(const Problem& problem, std::uint64_t seed) {
  TestCase made = ordinary_case(problem, seed);
  ignore_rows(made, Random(seed).stream(kTargets), 2);
  for (std::int64_t row = 0; row < problem.n; ++row) {
    if (!made.scored_class(row)) fill_garbage(made, plan_row(problem, seed, row));
  }
  return made;
}

TestCase none_valid_case(const Problem& problem, std::uint64_t seed) {
  TestCase made = ordinary_case(problem, seed);
  const bool ignore = problem.ignore_index && (!problem.weights || Random(seed).coin(kLabels));
  if (ignore) ignore_rows(made, Random(seed), 1);
  else made.weight = Tensor(problem.dtype, {problem.v});
  return made;
}

TestCase zero_weights_case(const Problem& problem, std::uint64_t seed) {
  TestCase made = ordinary_case(problem, seed);
  const Random random = Random(seed).stream(kWeights);
  made.weight = Tensor(problem.dtype, {problem.v});
  const std::int64_t kept = random.stream(1).below(0, problem.v);
  for (std::int64_t j = 0; j < problem.v; ++j) {
    const auto at = static_cast<std::uint64_t>(j);
    const bool zero = j != kept && random.stream(2).below(at, 3) == 0;
    made.weight.set(j, zero ? 0 : sixteenths(random, at));
  }
  return made;
}

TestCase zero_weight_masked_case(const Problem& problem, std::uint64_t seed) {
  TestCase made = zero_weights_case(problem, seed);
  const std::int64_t v = problem.v;
  const std::int64_t kept = Random(seed).stream(kWeights).stream(1).below(0, v);
  const std::int64_t zero = (kept + 1) % v;
  made.weight.set(zero, 0);
  for (std::int64_t row = 0; row < problem.n; ++row) {
    if (plan_row(problem, seed, row).turn % 2 == 0) continue;
    made.input.set(row * v + zero, -kInfinity);
    if (!problem.shift) made.target.set_integer(row, zero);
    else if (row % problem.t != problem.t - 1) made.target.set_integer(row + 1, zero);
  }
  return made;
}

TestCase uniform_weights_case(const Problem& problem, std::uint64_t seed) {
  TestCase made = ordinary_case(problem, seed);
  made.weight = Tensor(problem.dtype, {problem.v});
  const double weight = sixteenths(Random(seed).stream(kWeights), 0);
  for (std::int64_t j = 0; j < problem.v; ++j) made.weight.set(j, weight);
  return made;
}

std::int64_t capped_row(const RowPlan& plan, std::span<double> z) {
  static constexpr std::array<double, 4> kSpread = {0.125, 1, 4, 32};
  const double unit = plan.problem.softcap / plan.problem.scale;
  const double spread = kSpread[static_cast<std::size_t>(plan.turn % 4)] * unit;
  // In every other turn the whole row is below 0, down to -cap: there a padding lane would weigh.
  const bool below = plan.turn / 4 % 2 != 0;
  for (std::size_t j = 0; j < z.size(); ++j) {
    const double x = spread * plan.element.normal(j);
    z[j] = below && x * unit > 0 ? -x : x;
    // An infinite logit is capped, too.
    if (plan.turn % 3 == 0 && j % 3 == 0) z[j] = z[j] < 0 ? -kInfinity : kInfinity;
  }
  return kAnyClass;
}

std::int64_t special_row(const RowPlan& plan, std::span<double> z) {
  static constexpr std::array<double, 2> kSpecial = {kNaN, kInfinity};
  const auto v = static_cast<std::int64_t>(z.size());
  gaussian_row(plan, z);
  const std::int64_t kind = plan.turn % 6;  // odd: ordinary
  if (kind == 4) std::fill(z.begin(), z.end(), -kInfinity);
  if (kind == 0 || kind == 2) z[plan.choice.below(0, v)] = kSpecial[kind / 2];
  return plan.choice.below(1, v);
}

void fill_options(TestCase& made, std::uint64_t seed) {
  const Random random(seed);
  fill_upstream(made, random.stream(kUpstream));
  fill_weights(made, random.stream(kWeights));
  fill_direction(made, random.stream(kDirection));
  ignore_rows(made, random.stream(kTargets), 4);
}

}  // namespace xent
