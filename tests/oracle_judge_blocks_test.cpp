// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "oracle/bound.h"
#include "oracle/judge.h"
#include "oracle/load_block.h"
#include "oracle/simd/rows.h"
#include "tests/oracle_cases.h"

// Whole outputs: blocks of 512 by vectors, what they leave open one by one, rows by threads.

namespace xent {
namespace {

using namespace oracle_tests;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Rows of n x v logits, among them masked classes; labels are live.
TestCase random_rows(std::int64_t n, std::int64_t v, const std::string& more) {
  Draw draw(static_cast<std::uint64_t>(n * 1000 + v));
  std::vector<Row> rows;
  std::vector<std::int64_t> labels;
  for (std::int64_t r = 0; r < n; ++r) {
    rows.push_back(random_row(draw, static_cast<int>(r % kRowKinds), v, DType::f32));
    labels.push_back(random_label(draw, rows.back()));
  }
  return logits_case(rows, labels, more);
}

/// The exact gradient to the nearest double, whatever the budget's output.
Tensor exact_gradient(Reference& ref) {
  const Problem& p = ref.test_case().problem;
  Tensor grad(DType::f64, {p.n, p.v});
  for (std::int64_t i = 0; i < p.n * p.v; ++i) grad.set(i, ref.grad(i / p.v, i % p.v).hi);
  return grad;
}

/// The kernel writes floats; the test writes doubles, to come as near to a bound as it likes.
ErrorBudget float_budget(const TestCase& c) { return ErrorBudget::standard(c.problem); }

std::int64_t rows_beyond_doubles(const Reference& ref) {
  const auto& built = ref.work().rows;
  std::int64_t sum = 0;
  for (std::size_t i = 1; i < built.size(); ++i) sum += built[i];
  return sum;
}

class AtEdge : public testing::TestWithParam<std::int64_t> {};

TEST_P(AtEdge, EveryElementIsJudgedAndAWrongOneFound) {
  const std::int64_t v = GetParam();
  const TestCase c = random_rows(1, v, "dtype=f32 dir=bwd");
  Reference ref(c);
  const ErrorBudget b = float_budget(c);
  const Tensor right = exact_gradient(ref);
  const Judgement good = judge_grad(ref, b, right);
  EXPECT_EQ(good.verdict, Verdict::pass) << good.message;
  EXPECT_EQ(good.checks, v);
  EXPECT_EQ(good.errors.size(), v);
  for (const std::int64_t j : {std::int64_t{0}, v / 2, std::min<std::int64_t>(v - 1, 511), v - 1}) {
    for (const double wrong : {right.at(j) + 1, kNaN, kInf, -kInf}) {
      Tensor bad = right;
      bad.set(j, wrong);
      const Judgement found = judge_grad(ref, b, bad);
      EXPECT_EQ(found.verdict, Verdict::fail) << j << " " << wrong;
      EXPECT_EQ(found.message.rfind("grad[0," + std::to_string(j) + "] = ", 0), 0u);
      EXPECT_EQ(found.checks, v);
      EXPECT_EQ(found.errors.size(), std::isfinite(wrong) ? v : v - 1);
      EXPECT_EQ(std::isinf(found.errors.error_over_bound()), !std::isfinite(wrong));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, AtEdge, testing::Values(1, 7, 8, 9, 511, 512, 513, 1025));

// 3 radii of the first tier beyond the bound fail, 3 within it pass, and no other tier is asked.
TEST(JudgeBlocks, VerdictChangesAtTheBoundInTheFirstTier) {
  if (!simd_tiers_unusable().empty()) GTEST_SKIP() << simd_tiers_unusable();
  const TestCase c = random_rows(kRowKinds, 40, "dtype=f32 dir=bwd");
  const ErrorBudget b = float_budget(c);
  Reference looked_up(c);
  const Tensor right = exact_gradient(looked_up);
  const auto e = std::make_unique<Elements>();
  Reference ref(c);
  for (std::int64_t r = 0; r < kRowKinds; ++r) {
    ASSERT_TRUE(ref.elements(r, 0, 40, Reference::kQuick, *e));
    for (const std::int64_t j : {0, 13, 39}) {
      const double bound = grad_bound(looked_up, b, r, j), side = j == 13 ? -1 : 1;
      const auto verdict = [&](double radii) {
        Tensor moved = right;
        const double rad = e->rad[j] + 0x1p-52 * (std::fabs(right.at(r * 40 + j)) + bound);
        moved.set(r * 40 + j, e->hi[j] + side * (bound + radii * rad));
        return judge_grad(ref, b, moved).verdict;
      };
      EXPECT_EQ(verdict(-3), Verdict::pass) << r << " " << j;
      EXPECT_EQ(verdict(3), Verdict::fail) << r << " " << j;
    }
  }
  EXPECT_EQ(rows_beyond_doubles(ref), 0);
}

TEST(JudgeBlocks, WhatTheFirstTierLeavesOpenClimbs) {
  if (!simd_tiers_unusable().empty()) GTEST_SKIP() << simd_tiers_unusable();
  const TestCase c = random_rows(1, 600, "dtype=f32 dir=bwd");
  ErrorBudget b = float_budget(c);
  b.accumulate = DType::f64;
  Reference ref(c), other(c);
  const Tensor right = exact_gradient(other);
  const auto e = std::make_unique<Elements>();
  ASSERT_TRUE(other.elements(0, 512, 8, Reference::kQuick, *e));
  const double bound = grad_bound(other, b, 0, 515), rad = e->rad[3];
  ASSERT_GT(rad, 0x1p-51 * bound);
  Tensor near = right;
  near.set(515, right.at(515) + (bound - rad / 4));
  EXPECT_EQ(judge_grad(ref, b, near).verdict, Verdict::pass);
  EXPECT_GT(rows_beyond_doubles(ref), 0);
  near.set(515, right.at(515) + (bound + rad / 4));
  EXPECT_EQ(judge_grad(ref, b, near).verdict, Verdict::fail);
}

bool same_figures(const ErrorProfile& a, const ErrorProfile& b) {
  return a.outputs == b.outputs && a.error_over_bound == b.error_over_bound &&
         a.p999_over_bound == b.p999_over_bound && a.mean_over_bound == b.mean_over_bound &&
         a.ulp == b.ulp && a.p999_ulp == b.p999_ulp && a.mean_ulp == b.mean_ulp &&
         a.bias_ulp == b.bias_ulp && a.max_abs == b.max_abs &&
         a.max_conditioned == b.max_conditioned;
}

TEST(JudgeBlocks, AnyNumberOfThreadsFindsTheSame) {
  const TestCase c = random_rows(400, 513, "dtype=f32 dir=fwdbwd");
  const ErrorBudget b = float_budget(c);
  Tensor grad(DType::f32, {400, 513}), loss(DType::f32, {400});
  Reference ref(c);
  Draw draw(5);
  for (std::int64_t i = 0; i < grad.size(); ++i) {
    const double off = (draw.uniform() - 0.5) * 0x1p-21;
    grad.set(i, draw.below(20000) == 0 ? kNaN : ref.grad(i / 513, i % 513).hi * (1 + off));
  }
  for (std::int64_t i = 0; i < 400; ++i) loss.set(i, ref.loss(i).hi * (i == 333 ? 1.1 : 1));
  std::vector<Judgement> found;
  for (const int threads : {1, 2, 7}) {
    set_judge_threads(threads);
    Reference fresh(c);
    Judgement all = judge_grad(fresh, b, grad);
    all.merge(judge_loss(fresh, b, loss));
    found.push_back(all);
  }
  set_judge_threads(1);
  EXPECT_EQ(found[0].verdict, Verdict::fail);
  for (const Judgement& j : found) {
    EXPECT_EQ(j.verdict, found[0].verdict);
    EXPECT_EQ(j.checks, found[0].checks);
    EXPECT_EQ(j.message, found[0].message);
    EXPECT_EQ(j.excluded, found[0].excluded);
    EXPECT_TRUE(same_figures(j.errors.profile(), found[0].errors.profile()));
  }
}

TEST(JudgeBlocks, ReducedLossesToo) {
  const TestCase c = random_rows(300, 200, "dtype=f32 dir=fwd reduction=mean");
  const ErrorBudget b = float_budget(c);
  Tensor loss(DType::f32, {1});
  loss.set(0, Reference(c).loss(0).hi);
  std::vector<Judgement> found;
  for (const int threads : {1, 7}) {
    set_judge_threads(threads);
    Reference fresh(c);
    found.push_back(judge_loss(fresh, b, loss));
  }
  set_judge_threads(1);
  EXPECT_EQ(found[0].verdict, Verdict::pass) << found[0].message;
  EXPECT_EQ(found[1].verdict, Verdict::pass);
  EXPECT_TRUE(same_figures(found[0].errors.profile(), found[1].errors.profile()));
}

TEST(JudgeBlocks, WithoutABoundNothingIsJudgedButNaN) {
  const TestCase c = one_row(Row(600, 0.5), 0, "dtype=bf16 dir=bwd");
  ErrorBudget b;
  b.accumulate = b.output = DType::bf16;
  Reference ref(c);
  Tensor grad = exact_gradient(ref);
  const Judgement nothing = judge_grad(ref, b, grad);
  EXPECT_EQ(nothing.verdict, Verdict::skip);
  EXPECT_EQ(nothing.excluded.at("no-bound"), 600);
  grad.set(599, kNaN);
  EXPECT_EQ(judge_grad(ref, b, grad).verdict, Verdict::fail);
}

TEST(JudgeBlocks, FiguresAreThoseOfEachElement) {
  const TestCase c = random_rows(kRowKinds, 700, "dtype=f32 dir=bwd");
  const ErrorBudget b = float_budget(c);
  Reference ref(c);
  Tensor grad(DType::f32, {kRowKinds, 700});
  ErrorSamples expected;
  const auto e = std::make_unique<Elements>();
  for (std::int64_t r = 0; r < kRowKinds; ++r) {
    for (std::int64_t j = 0; j < 700; ++j) {
      ASSERT_TRUE(ref.elements(r, j, 1, Reference::kQuick, *e));
      const Enclosure x{Enclosure::Kind::number, e->hi[0], e->lo[0], e->rad[0]};
      grad.set(r * 700 + j, x.hi * (1 + 0x1p-22 * static_cast<double>(j % 5 - 2)));
      const double got = grad.at(r * 700 + j), error = distance(got, x).upper;
      const double bound = grad_bound(ref, b, r, j);
      if (error > bound) continue;
      expected.add(bound == 0 ? 0 : error / bound,
                   std::copysign(error, got - x.hi) / ulp(x.hi, DType::f32), error,
                   error / (2 * unit_roundoff(DType::f32)));
    }
  }
  const Judgement j = judge_grad(ref, b, grad);
  EXPECT_EQ(j.verdict, Verdict::pass) << j.message;
  const ErrorProfile is = j.errors.profile(), should = expected.profile();
  // 2^-50 in compare_block, 2^-42 between the bounds of tiers, and a thousand additions.
  const auto near = [](double a, double x) { return std::fabs(a - x) <= 0x1p-40 * std::fabs(x); };
  EXPECT_EQ(is.outputs, should.outputs);
  EXPECT_TRUE(near(is.error_over_bound, should.error_over_bound));
  EXPECT_TRUE(near(is.mean_over_bound, should.mean_over_bound));
  EXPECT_TRUE(near(is.ulp, should.ulp));
  EXPECT_TRUE(near(is.mean_ulp, should.mean_ulp));
  EXPECT_TRUE(std::fabs(is.bias_ulp - should.bias_ulp) <= 0x1p-40 * should.mean_ulp);
  EXPECT_TRUE(near(is.max_abs, should.max_abs));
  EXPECT_TRUE(near(is.max_conditioned, should.max_conditioned));
  // Bins end where they end: a number next to an edge may change its bin.
  EXPECT_LE(std::fabs(is.p999_ulp / should.p999_ulp - 1), 0x1p-7);
  EXPECT_LE(std::fabs(is.p999_over_bound / should.p999_over_bound - 1), 0x1p-7);
}

TEST(Histogram, BinsHoldTheirUpperEndAndNotTheLower) {
  for (const double x : {0x1p-1074, 0x1p-1022, 1e-300, 1.0, 1.2345, 0x1p1023, kInf}) {
    const std::int64_t bin = Histogram::bin_of(x);
    EXPECT_GE(Histogram::upper_end(bin), x);
    EXPECT_LT(Histogram::upper_end(bin - 1), x);
    EXPECT_EQ(Histogram::bin_of(Histogram::upper_end(bin)), bin);
  }
  EXPECT_EQ(Histogram::bin_of(0), 0);
  EXPECT_EQ(Histogram::upper_end(0), 0);
}

TEST(Histogram, CountsManyAsItCountsOne) {
  Draw draw(8);
  Histogram many, one;
  for (int block = 0; block < 40; ++block) {
    std::vector<std::int64_t> bins;
    std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = 0;
    for (int i = 0; i < 30; ++i) {
      bins.push_back(Histogram::bin_of(draw.below(50) == 0 ? 0 : std::exp2(30 * draw.normal())));
      least = std::min(least, bins.back());
      most = std::max(most, bins.back());
      one.add(bins.back());
    }
    many.add(bins.data(), 30, least, most);
  }
  for (const std::int64_t rank : {1, 10, 300, 600, 1000, 1199, 1200}) {
    EXPECT_EQ(many.at_rank(rank), one.at_rank(rank)) << rank;
  }
}

std::uint16_t half(std::int64_t bits) { return static_cast<std::uint16_t>(bits); }

TEST(LoadBlock, IsTheTensorsOwnNumbers) {
  for (const DType d : {DType::f64, DType::f32, DType::f16, DType::bf16}) {
    Tensor t(d, {1 << 16});
    for (std::int64_t i = 0; i < t.size(); ++i) {
      const int exponent = static_cast<int>(i % 160) - 150;
      if (size_of(d) == 2) t.as<std::uint16_t>()[static_cast<std::size_t>(i)] = half(i);
      else t.set(i, std::ldexp(static_cast<double>(i - 30000), exponent));
    }
    alignas(64) double got[Elements::kMost];
    for (const std::int64_t first : {0, 1, 31000, 31743, 63000, 65024}) {
      const std::int64_t count = std::min<std::int64_t>(t.size() - first, 509);
      load_block(t, first, count, got);
      for (std::int64_t i = 0; i < count; ++i) {
        const double x = t.at(first + i);
        EXPECT_TRUE(std::isnan(x) ? std::isnan(got[i]) : std::memcmp(&x, &got[i], 8) == 0)
            << name(d) << " " << first + i;
      }
    }
  }
}

}  // namespace
}  // namespace xent
