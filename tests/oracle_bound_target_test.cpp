// SPDX-License-Identifier: Apache-2.0
// L38 to L42: kernels that subtract the target's logit, at their worst.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "oracle/bound.h"
#include "tests/oracle_ratios.h"
#include "tests/oracle_simulated_kernel.h"

namespace xent {
namespace {

using namespace oracle_tests;

constexpr double kInf = std::numeric_limits<double>::infinity();

double limit_of(Draw& draw, DType d) {
  return d == DType::f16 ? draw.one_of({1e4, 1e4, 20.0}) : draw.one_of({1e37, 1e37, 1e37, 20.0});
}

ErrorBudget random_budget(Draw& draw, DType accumulate) {
  ErrorBudget b;
  b.shift = Shift::target;
  b.shift_limit = limit_of(draw, accumulate);
  b.exp_rel = draw.one_of({1.0, 2.0, 4.0});
  b.exp_arg = draw.one_of({0.0, 0.25, 2.5});
  b.log_rel = draw.one_of({1.0, 4.0});
  b.order = draw.one_of({SumOrder::any, SumOrder::sequential, SumOrder::lanes, SumOrder::blocked,
                         SumOrder::blocked, SumOrder::pairwise, SumOrder::compensated});
  b.lanes = draw.one_of<std::int64_t>({1, 4, 16});
  b.block = draw.one_of<std::int64_t>({1, 4, 64});
  const bool plain = draw.below(5) == 0;
  b.loss = plain ? draw.one_of({LossForm::shifted, LossForm::lse}) : LossForm::accurate;
  b.target = plain ? TargetForm::naive : TargetForm::accurate;
  b.accumulate = b.output = accumulate;
  b.flush_to_zero = draw.below(4) == 0;
  if (draw.below(8) == 0) b.exp_cutoff = draw.one_of({-20.0, -87.25});
  if (draw.below(6) == 0) b.output = draw.one_of({DType::bf16, DType::f16});
  return b;
}

/// Like random_row, or with a target that is `gap` below the largest of the others: few others or
/// many, near each other, tied or far apart, some masked.
struct Labelled {
  Row z;
  std::int64_t y;
};

Row others_of_kind(Draw& draw, std::int64_t v) {
  Row z;
  const auto kind = draw.below(4);
  const double spread = draw.one_of({0.0, 1.0, 4.0, 30.0});
  for (std::int64_t j = 0; j < v; ++j) {
    const double x = kind == 0 ? 0 : kind == 1 ? -spread * draw.uniform() : spread * draw.normal();
    z.push_back(kind == 3 && draw.below(3) == 0 ? -kInf : x);
  }
  if (*std::max_element(z.begin(), z.end()) == -kInf) z[0] = 0;
  return z;
}

Labelled row_with_gap(Draw& draw, std::int64_t v, double gap) {
  Row z = others_of_kind(draw, v);
  const std::int64_t y = draw.below(v);
  double most = -kInf;
  for (std::int64_t j = 0; j < v; ++j) {
    if (j != y) most = std::max(most, z[static_cast<std::size_t>(j)]);
  }
  z[static_cast<std::size_t>(y)] = (most == -kInf ? 0 : most) - gap;
  for (double& x : z) x = rounded_to(x, DType::f32);
  return {z, y};
}

Labelled random_labelled(Draw& draw, int i, std::int64_t v) {
  if (i % 3 != 0) {
    const double gap = draw.below(3) == 0 ? 4 * draw.normal() : -95 + 200 * draw.uniform();
    return row_with_gap(draw, v, gap);
  }
  const Row z = random_row(draw, static_cast<int>(draw.below(kRowKinds)), v, DType::f32);
  return {z, random_label(draw, z)};
}

/// Regimes are kept apart: none hides that another's bound is slack.
std::string regime(const ErrorBudget& b, const RowFacts& f) {
  const double gap = f.max - f.target;
  if (b.output != b.accumulate) return ", rounded out";
  if (b.exp_cutoff > -200) return ", cutoff";
  if (gap + std::log(f.rest) > std::log(b.shift_limit)) return ", by the maximum";
  return gap > 10 ? ", far below" : gap > 0 ? ", below" : ", at the maximum";
}

void search_row(Ratios& ratios, Draw& draw, const Labelled& row, DType accumulate) {
  const TestCase c = one_row(row.z, row.y);
  Reference ref(c);
  const auto top = std::max_element(row.z.begin(), row.z.end()) - row.z.begin();
  for (int i = 0; i < 16; ++i) {
    const ErrorBudget b = random_budget(draw, accumulate);
    const auto which = draw.below(6);
    const std::uint64_t signs = which == 0 ? ~0u : which == 1 ? 0 : draw.bits();
    const SimulatedKernel kernel(b, draw.below(3) != 0, signs);
    const auto out = [&](double x) { return b.output == accumulate ? x : rounded_to(x, b.output); };
    const std::string kind = regime(b, ref.facts(0)), where = text_of(row.z, row.y);
    ratios.see("loss" + kind, out(kernel.loss(row.z, row.y)), ref.loss(0), loss_bound(ref, b, 0),
               b, where);
    for (const std::int64_t j : {row.y, top, draw.below(c.problem.v)}) {
      ratios.see((j == row.y ? "target" : "gradient") + kind,
                 out(kernel.gradient(row.z, row.y, j)), ref.grad(0, j), grad_bound(ref, b, 0, j), b,
                 where + " j=" + std::to_string(j));
    }
  }
}

Ratios search(DType accumulate, int rows, std::int64_t most_classes) {
  Ratios ratios;
  Draw draw(20251126);
  for (int i = 0; i < rows; ++i) {
    const std::int64_t v = draw.below(8) == 0 ? 1 + draw.below(most_classes) : 1 + draw.below(20);
    search_row(ratios, draw, random_labelled(draw, i, v), accumulate);
  }
  return ratios;
}

void expect_tight(const Ratios& r) {
  EXPECT_EQ(r.first_violation(), "");
  for (const auto& [form, worst] : r.worst()) EXPECT_GT(worst, 0.5) << form;
}

TEST(BoundOfTheTargetsLogit, IsNamedInTheBudgetsText) {
  ErrorBudget b;
  EXPECT_EQ(to_text(b).find("target's logit"), std::string::npos);
  b.shift = Shift::target;
  EXPECT_NE(to_text(b).find("minus the target's logit"), std::string::npos);
}

TEST(BoundOfTheTargetsLogit, CountsOnlyForOneClassOfCrossEntropy) {
  const auto bounds = [](const TestCase& c, Shift shift) {
    ErrorBudget b;
    b.shift = shift;
    b.loss = LossForm::accurate;
    b.target = TargetForm::accurate;
    Reference ref(c);
    return std::pair(loss_bound(ref, b, 0), c.problem.wants_grad() ? grad_bound(ref, b, 0, 1) : 0);
  };
  const auto same = [&](const TestCase& c) {
    return bounds(c, Shift::target) == bounds(c, Shift::maximum);
  };
  const Row z = {30, 1, -2, 3.5};
  EXPECT_FALSE(same(one_row(z, 1)));
  EXPECT_TRUE(same(lse_case({z}, "dtype=f32 dir=fwdbwd")));
  EXPECT_TRUE(same(one_row(z, 1, "dtype=f32 dir=fwdbwd smoothing=0.1")));
}

TEST(BoundOfTheTargetsLogit, HoldsForF32KernelsAtTheirWorstAndIsNotSilly) {
  const Ratios r = search(DType::f32, 4000, 600);
  EXPECT_GT(r.checks(), 200000);
  expect_tight(r);
}

// Exponentials that a cutoff replaces count in 1 + S as well.
TEST(BoundOfTheTargetsLogit, HoldsWhereManyClassesAreCutOff) {
  Row z(1500, -20.0625);
  z[0] = -0.5, z[1] = 0;
  const TestCase c = one_row(z, 1);
  Reference ref(c);
  ErrorBudget b;
  b.shift = Shift::target;
  b.order = SumOrder::compensated;
  b.exp_cutoff = -20;
  Ratios ratios;
  Draw draw(12);
  for (int i = 0; i < 600; ++i) {
    const SimulatedKernel kernel(b, true, draw.bits());
    ratios.see("gradient", kernel.gradient(z, 1, 0), ref.grad(0, 0), grad_bound(ref, b, 0, 0), b,
               text_of(z, 1));
  }
  expect_tight(ratios);
}

TEST(BoundOfTheTargetsLogit, HoldsInF16ArithmeticWhereSecondOrderTermsShow) {
  const Ratios r = search(DType::f16, 2500, 100);
  EXPECT_GT(r.checks(), 50000);
  expect_tight(r);
}

TEST(BoundOfTheTargetsLogit, HoldsInBf16Arithmetic) {
  const Ratios r = search(DType::bf16, 2500, 30);
  EXPECT_EQ(r.first_violation(), "");
  EXPECT_GT(r.checks(), 20000);
}

}  // namespace
}  // namespace xent
