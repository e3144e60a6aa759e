// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/dtype.h"
#include "properties/domain_rows.h"

namespace xent {
namespace {

std::int64_t classes(std::span<const double> p) { return static_cast<std::int64_t>(p.size()); }

}  // namespace

void fill_positive(const RowPlan& plan, std::uint64_t stream, std::span<double> p) {
  const Random draw = plan.element.stream(stream);
  const std::int64_t power = 1 + plan.choice.stream(stream).below(0, 6);
  double sum = 0;
  for (std::int64_t j = 0; j < classes(p); ++j) {
    const double x = draw.uniform(static_cast<std::uint64_t>(j)) + 0x1p-6;
    p[j] = 1;
    for (std::int64_t k = 0; k < power; ++k) p[j] *= x;
    sum += p[j];
  }
  for (double& x : p) x = std::max(x / sum, power_of_two(plan.format.emin));
}

void drop_some(const RowPlan& plan, std::uint64_t stream, std::int64_t of, std::int64_t kept,
               std::span<double> p) {
  const Random draw = plan.element.stream(stream);
  for (std::int64_t j = 0; j < classes(p); ++j) {
    if (j != kept && draw.below(static_cast<std::uint64_t>(j), of) == 0) p[j] = 0;
  }
}

void fill_dyadic(std::span<double> p, int bits, std::int64_t least, std::int64_t last) {
  const std::int64_t whole = std::int64_t{1} << bits;
  const std::int64_t live = std::count_if(p.begin(), p.end(), [](double x) { return x > 0; });
  const auto spare = static_cast<double>(whole - least * live);
  double sum = 0;
  for (const double x : p) sum += x;
  std::int64_t left = whole;
  for (std::int64_t j = 0; j < classes(p); ++j) {
    if (p[j] <= 0 || j == last) continue;
    const std::int64_t count =
        std::min(least + static_cast<std::int64_t>(spare * (p[j] / sum)), left - least);
    left -= count;
    p[j] = static_cast<double>(count) / static_cast<double>(whole);
  }
  p[last] = static_cast<double>(left) / static_cast<double>(whole);
}

int dyadic_bits(std::int64_t v) {
  int bits = 0;
  while ((std::int64_t{1} << bits) < v) ++bits;
  return std::max(bits + 3, 8);
}

void simplex_row(const RowPlan& plan, std::span<double> q, std::span<double> p) {
  fill_positive(plan, 0, q);
  fill_positive(plan, 1, p);
  if (plan.choice.coin(0)) drop_some(plan, 2, 4, plan.choice.below(1, classes(p)), p);
}

void dyadic_simplex_row(const RowPlan& plan, std::span<double> q, std::span<double> p) {
  const int bits = dyadic_bits(classes(p));
  const std::int64_t last = plan.choice.below(0, classes(p));
  fill_positive(plan, 0, q);
  fill_dyadic(q, bits, 1, last);
  fill_positive(plan, 1, p);
  if (plan.choice.coin(1)) drop_some(plan, 2, 4, last, p);
  fill_dyadic(p, bits, 1, last);
}

void one_hot_row(const RowPlan& plan, std::span<double> q, std::span<double> p) {
  fill_positive(plan, 0, q);
  std::fill(p.begin(), p.end(), 0.0);
  p[plan.choice.below(0, classes(p))] = 1;
}

void near_equal_row(const RowPlan& plan, std::span<double> q, std::span<double> p) {
  const Random draw = plan.element.stream(2);
  const std::int64_t reach = plan.turn % 4;  // 0: equal
  fill_positive(plan, 1, p);
  for (std::int64_t j = 0; j < classes(p); ++j) {
    // p is a normal number, hence at least 2^(precision - 1) steps: q stays positive.
    const double step = spacing(p[j], plan.format);
    const double rounded = static_cast<double>(static_cast<std::int64_t>(p[j] / step)) * step;
    const auto ulps = draw.below(static_cast<std::uint64_t>(j), 2 * reach + 1) - reach;
    p[j] = rounded;
    q[j] = rounded + static_cast<double>(ulps) * step;
  }
}

void uniform_row(const RowPlan& plan, std::span<double> q, std::span<double> p) {
  std::fill(q.begin(), q.end(), 1.0 / static_cast<double>(classes(q)));
  std::fill(p.begin(), p.end(), 1.0 / static_cast<double>(classes(p)));
  if (plan.problem.takes_targets() && plan.turn % 2 != 0) fill_positive(plan, 1, p);
}

void tiny_row(const RowPlan& plan, std::span<double> q, std::span<double> p) {
  const Format& f = plan.format;
  const auto fill = [&](std::uint64_t stream, std::span<double> x) {
    const Random draw = plan.element.stream(stream);
    for (std::int64_t j = 0; j < classes(x); ++j) {
      const auto at = static_cast<std::uint64_t>(2 * j);
      const auto e = static_cast<int>(draw.below(at, f.precision - f.emin - 8)) + 8;
      const double tiny = (1 + draw.uniform(at + 1)) * power_of_two(-e);
      x[j] = std::max(tiny, power_of_two(f.emin - f.precision + 1));
    }
    x[plan.choice.stream(stream).below(0, classes(x))] = 1 - 0x1p-6;
  };
  fill(0, q);
  fill(1, p);
}

void disjoint_zero_row(const RowPlan& plan, std::span<double> q, std::span<double> p) {
  const std::int64_t v = classes(q);
  const std::int64_t kept = plan.choice.below(0, v);
  fill_positive(plan, 0, q);
  fill_positive(plan, 1, p);
  drop_some(plan, 2, 4, kept, q);
  const std::int64_t gone = (kept + 1 + plan.choice.below(1, v - 1)) % v;
  q[gone] = 0;
  if (plan.problem.targets == TargetKind::prob) return;
  std::fill(p.begin(), p.end(), 0.0);
  p[gone] = 1;
}

void unnormalised_row(const RowPlan& plan, std::span<double> q, std::span<double> p) {
  simplex_row(plan, q, p);
  const auto factor = [&](std::uint64_t draw) {
    return (1 + plan.choice.uniform(draw)) *
           power_of_two(static_cast<int>(plan.choice.below(draw, 7)) - 3);
  };
  for (double& x : q) x = std::max(x * factor(10), power_of_two(plan.format.emin));
  for (double& x : p) x *= factor(11);
}

void proportional_row(const RowPlan& plan, std::span<double> q, std::span<double> p) {
  // The least p is far enough above the subnormals for q to have as many digits.
  const double least = power_of_two(plan.format.emin + 3);
  const double factor = power_of_two(static_cast<int>(plan.turn % 7) - 3);
  fill_positive(plan, 1, p);
  for (std::int64_t j = 0; j < classes(p); ++j) {
    const double step = spacing(p[j], plan.format);
    p[j] = std::max(static_cast<double>(static_cast<std::int64_t>(p[j] / step)) * step, least);
    q[j] = factor * p[j];
  }
}

}  // namespace xent
