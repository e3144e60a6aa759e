// SPDX-License-Identifier: Apache-2.0
#include "oracle/judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "oracle/bound.h"
#include "tests/oracle_cases.h"

namespace xent {
namespace {

using namespace oracle_tests;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kMaxF32 = std::numeric_limits<float>::max();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();

Tensor losses(DType d, const std::vector<double>& values) {
  Tensor t(d, {static_cast<std::int64_t>(values.size())});
  for (std::size_t i = 0; i < values.size(); ++i) t.set(static_cast<std::int64_t>(i), values[i]);
  return t;
}

Judgement judge_one(double value, const TestCase& c, const ErrorBudget& b) {
  Reference ref(c);
  return judge_loss(ref, b, losses(c.problem.output_dtype(), {value}));
}

Judgement judge_constant(double value, DType d, double bound, const Enclosure& e) {
  return judge_value(value, d, bound, "x", [&](int) { return e; });
}

TEST(Ulp, IsGoldbergsOnTheReals) {
  EXPECT_EQ(ulp(1.0, DType::f32), 0x1p-23);
  EXPECT_EQ(ulp(-1.0, DType::f32), 0x1p-23);
  EXPECT_EQ(ulp(std::nextafter(1.0, 0.0), DType::f32), 0x1p-24);
  EXPECT_EQ(ulp(std::nextafter(2.0, 0.0), DType::f32), 0x1p-23);
  EXPECT_EQ(ulp(0x1p-126, DType::f32), 0x1p-149);
  EXPECT_EQ(ulp(0x1p-140, DType::f32), 0x1p-149);
  EXPECT_EQ(ulp(0, DType::f32), 0x1p-149);
  EXPECT_EQ(ulp(1e-300, DType::bf16), 0x1p-133);
  EXPECT_EQ(ulp(3, DType::f16), 0x1p-9);
  EXPECT_EQ(ulp(kLeast, DType::f64), kLeast);
  EXPECT_EQ(ulp(0x1p-1000, DType::f64), 0x1p-1052);
}

TEST(Judge, NaNFailsWhereANumberIsExpected) {
  const TestCase c = one_row({1, 2, 3}, 0);
  EXPECT_EQ(judge_one(kNaN, c, ErrorBudget::standard(c.problem)).verdict, Verdict::fail);
  EXPECT_EQ(judge_constant(kNaN, DType::f32, kInf, Enclosure::exact(1)).verdict, Verdict::fail);
}

TEST(Judge, SpecialValuesMustBeMatched) {
  using Kind = Enclosure::Kind;
  const auto verdict = [](double value, Kind kind) {
    return judge_constant(value, DType::f32, 0, Enclosure::special(kind)).verdict;
  };
  EXPECT_EQ(verdict(kInf, Kind::plus_inf), Verdict::pass);
  EXPECT_EQ(verdict(-kInf, Kind::minus_inf), Verdict::pass);
  EXPECT_EQ(verdict(kNaN, Kind::nan), Verdict::pass);
  for (const double wrong : {-kInf, kMaxF32, 0.0, kNaN}) {
    EXPECT_EQ(verdict(wrong, Kind::plus_inf), Verdict::fail) << wrong;
  }
  for (const double wrong : {-kInf, kInf, 0.0}) {
    EXPECT_EQ(verdict(wrong, Kind::nan), Verdict::fail) << wrong;
  }
}

// RN gives an infinity from FLT_MAX (1 + 2^-25) on, up to the rounding of this product.
TEST(Judge, InfinityIsRightFromTheOverflowThreshold) {
  const double threshold = 0x1p127 * (2 - 0x1p-24);
  const double below = std::nextafter(threshold, 0), step = threshold - below;
  const auto verdict = [](double value, double exact, double bound) {
    return judge_constant(value, DType::f32, bound, Enclosure::exact(exact)).verdict;
  };
  EXPECT_EQ(verdict(kInf, threshold, 0), Verdict::pass);
  EXPECT_EQ(verdict(kInf, below, 0), Verdict::fail);
  EXPECT_EQ(verdict(kInf, below, 2 * step), Verdict::pass);
  EXPECT_EQ(verdict(-kInf, -threshold, 0), Verdict::pass);
  EXPECT_EQ(verdict(-kInf, threshold, 0), Verdict::fail);
  EXPECT_EQ(verdict(kInf, -threshold, 0), Verdict::fail);
  EXPECT_EQ(verdict(kInf, 0, 1), Verdict::fail);
  EXPECT_EQ(verdict(-kInf, 0, 1), Verdict::fail);
  // A bound may reach across 0.
  EXPECT_EQ(verdict(kInf, -1, threshold + 2), Verdict::pass);
  EXPECT_EQ(verdict(-kInf, -1, threshold), Verdict::pass);
  EXPECT_EQ(verdict(kInf, -threshold / 2, threshold), Verdict::fail);
  Enclosure straddling = Enclosure::exact(threshold);
  straddling.rad = step;
  EXPECT_EQ(judge_constant(kInf, DType::f32, 0, straddling).verdict, Verdict::inconclusive);
}

TEST(Judge, F32LossAroundOverflow) {
  const auto verdict = [](double value, double gap) {
    const TestCase c = one_row({gap / 2, -gap / 2}, 1);
    return judge_one(value, c, ErrorBudget::relative(c.problem)).verdict;
  };
  const double last = kMaxF32;
  const double over = 2 * rounded_to(kMaxF32 / 2 * (1 + 0x1p-16), DType::f32);
  const double under = 2 * rounded_to(kMaxF32 / 2 * (1 - 0x1p-16), DType::f32);
  EXPECT_EQ(verdict(kInf, over), Verdict::pass);
  EXPECT_EQ(verdict(last, over), Verdict::fail);
  EXPECT_EQ(verdict(under, under), Verdict::pass);
  EXPECT_EQ(verdict(kInf, under), Verdict::fail);
}

struct Sample {
  TestCase test_case;
  ErrorBudget budget;
};

// f64 outputs of an f32 kernel: any distance from the exact value can be written.
std::vector<Sample> samples(DType output) {
  std::vector<Sample> all;
  Draw draw(11);
  for (int kind = 0; kind < kRowKinds; ++kind) {
    const Row z = random_row(draw, kind, 1 + draw.below(9), DType::f32);
    const std::string more = "dtype=f32 dir=fwdbwd out=" + std::string(name(output));
    const TestCase c = one_row(z, random_label(draw, z), more);
    for (ErrorBudget b : {ErrorBudget::standard(c.problem), ErrorBudget::relative(c.problem)}) {
      b.output = output;
      all.push_back({c, b});
    }
  }
  return all;
}

TEST(Judge, VerdictChangesAtTheBound) {
  for (const Sample& s : samples(DType::f64)) {
    Reference ref(s.test_case);
    const double bound = loss_bound(ref, s.budget, 0);
    const Enclosure exact = ref.loss(0);
    for (const double side : {-1.0, 1.0}) {
      const auto at = [&](double share) {
        return judge_one(exact.hi + side * share * bound, s.test_case, s.budget).verdict;
      };
      // A double near hi is off by ulp(hi) / 2 <= 2^-53 hi, and the bound is above 2^-24 hi.
      EXPECT_EQ(at(1 - 0x1p-20), Verdict::pass) << to_text(s.budget);
      EXPECT_EQ(at(1 + 0x1p-20), Verdict::fail) << to_text(s.budget);
    }
  }
}

TEST(Judge, GradientVerdictChangesAtTheBoundOfEachElement) {
  for (const Sample& s : samples(DType::f64)) {
    Reference ref(s.test_case);
    const std::int64_t v = s.test_case.problem.v;
    Tensor right(DType::f64, {1, v});
    for (std::int64_t j = 0; j < v; ++j) right.set(j, ref.grad(0, j).hi);
    for (std::int64_t j = 0; j < v; ++j) {
      const double bound = grad_bound(ref, s.budget, 0, j);
      Tensor within = right, beyond = right;
      within.set(j, right.at(j) + (1 - 0x1p-20) * bound);
      beyond.set(j, right.at(j) + (1 + 0x1p-20) * bound);
      EXPECT_EQ(judge_grad(ref, s.budget, within).verdict, Verdict::pass) << j;
      const Judgement wrong = judge_grad(ref, s.budget, beyond);
      EXPECT_EQ(wrong.verdict, Verdict::fail) << j;
      EXPECT_EQ(wrong.message.rfind("grad[0," + std::to_string(j) + "] = ", 0), 0u)
          << wrong.message;
    }
  }
}

TEST(Judge, RoundedExactAnswersPassInEveryFormat) {
  for (const DType d : {DType::f32, DType::bf16, DType::f16}) {
    for (const Sample& s : samples(d)) {
      Reference ref(s.test_case);
      Tensor grad(d, {1, s.test_case.problem.v});
      for (std::int64_t j = 0; j < grad.size(); ++j) grad.set(j, ref.grad(0, j).hi);
      const Judgement of_grad = judge_grad(ref, s.budget, grad);
      EXPECT_EQ(of_grad.verdict, Verdict::pass) << of_grad.message << to_text(s.budget);
      EXPECT_EQ(of_grad.checks, s.test_case.problem.v);
      const Judgement of_loss = judge_loss(ref, s.budget, losses(d, {ref.loss(0).hi}));
      EXPECT_EQ(of_loss.verdict, Verdict::pass) << of_loss.message << to_text(s.budget);
    }
  }
}

// Probabilities around 2^-1074, scaled by what rounds again there; a budget of one unit roundoff.
TEST(Judge, RoundedExactAnswersPassAtTheSubnormalEndOfF64) {
  Draw draw(12);
  for (int i = 0; i < 60; ++i) {
    Row z = {0};
    for (int j = 0; j < 5; ++j) z.push_back(-735 - 12 * draw.uniform());
    TestCase c = logits_case({z, z, z}, {1, 0, 0}, "dtype=f64 dir=bwd reduction=mean");
    set_upstream(c, {draw.one_of({1.0, 0.3, -7.0, 1e-200})});
    ErrorBudget b = ErrorBudget::relative(c.problem);
    b.exp_rel = 1;
    b.exp_arg = 0;
    Reference ref(c);
    Tensor grad(DType::f64, {3, 6});
    for (std::int64_t k = 0; k < grad.size(); ++k) grad.set(k, ref.grad(k / 6, k % 6).hi);
    const Judgement j = judge_grad(ref, b, grad);
    EXPECT_EQ(j.verdict, Verdict::pass) << j.message;
    EXPECT_TRUE(j.excluded.empty());
  }
}

TEST(Judge, AZeroUpstreamAsksForZero) {
  TestCase c = one_row({1, 2}, 0, "dtype=f32 dir=bwd");
  set_upstream(c, {0});
  Reference ref(c);
  const ErrorBudget b = ErrorBudget::standard(c.problem);
  Tensor grad(DType::f32, {1, 2});
  grad.set(1, -0.0);
  EXPECT_EQ(judge_grad(ref, b, grad).verdict, Verdict::pass);
  grad.set(1, 0x1p-149);
  EXPECT_EQ(judge_grad(ref, b, grad).verdict, Verdict::fail);
}

TEST(Judge, RowsWithoutAnswerAreExcludedByName) {
  const TestCase c = logits_case({{-kInf, -kInf}, {1, kInf}, {0, 0}}, {0, 0, 0});
  Reference ref(c);
  const ErrorBudget b = ErrorBudget::standard(c.problem);
  const Judgement j = judge_loss(ref, b, losses(DType::f32, {kNaN, kNaN, std::log(2.0)}));
  EXPECT_EQ(j.verdict, Verdict::pass);
  EXPECT_EQ(j.checks, 1);
  EXPECT_EQ(j.excluded, (std::map<std::string, std::int64_t>{{"all-masked", 1},
                                                             {"plus-inf-logit", 1}}));
  Tensor grad(DType::f32, {3, 2});
  grad.set(4, -0.5);
  grad.set(5, 0.5);
  const Judgement g = judge_grad(ref, b, grad);
  EXPECT_EQ(g.verdict, Verdict::pass);
  EXPECT_EQ(g.excluded.at("all-masked"), 2);
}

TEST(Judge, WithoutABoundNothingIsJudgedButNaN) {
  const TestCase c = one_row(Row(400, 0.5), 0, "dtype=bf16 dir=fwd");
  ErrorBudget b;
  b.accumulate = b.output = DType::bf16;
  EXPECT_EQ(judge_one(5, c, b).verdict, Verdict::skip);
  EXPECT_EQ(judge_one(5, c, b).excluded.at("no-bound"), 1);
  EXPECT_EQ(judge_one(kNaN, c, b).verdict, Verdict::fail);
}

// Each loss is a number of the format, their sum is not.
TEST(Judge, MeansWhoseSumsOverflowAreExcludedByName) {
  const TestCase c =
      logits_case({{3e38, 0}, {3e38, 0}}, {1, 1}, "dtype=f32 dir=fwd reduction=mean");
  EXPECT_EQ(judge_one(kInf, c, ErrorBudget::standard(c.problem)).excluded,
            (std::map<std::string, std::int64_t>{{"intermediate-overflow", 1}}));
  // Nothing else comes of an overflow.
  const ErrorBudget b = ErrorBudget::standard(c.problem);
  for (const double wrong : {7.0, 0.0, -5.0, -kInf, kNaN}) {
    EXPECT_EQ(judge_one(wrong, c, b).verdict, Verdict::fail) << wrong;
  }
  EXPECT_EQ(judge_one(3e38F, c, b).verdict, Verdict::pass);
}

TEST(Judge, AsksForPrecisionOnlyWhileUndecided) {
  std::vector<int> asked;
  const auto exact = [&](int level) {
    asked.push_back(level);
    Enclosure e = Enclosure::exact(1);
    e.rad = std::ldexp(1.0, -10 * (level + 1));
    return e;
  };
  const auto verdict = [&](double value) {
    asked.clear();
    return judge_value(value, DType::f32, 0.5, "x", exact).verdict;
  };
  EXPECT_EQ(verdict(1.25), Verdict::pass);
  EXPECT_EQ(asked, (std::vector<int>{0}));
  EXPECT_EQ(verdict(1.5 + 0x1p-9), Verdict::fail);
  EXPECT_EQ(asked, (std::vector<int>{0}));
  EXPECT_EQ(verdict(1.5 - 0x1p-15), Verdict::pass);
  EXPECT_EQ(asked, (std::vector<int>{0, 1}));
  EXPECT_EQ(verdict(1.5 + 0x1p-25), Verdict::fail);
  EXPECT_EQ(asked, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(verdict(1.5), Verdict::inconclusive);
  EXPECT_EQ(asked, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(Judge, MergeKeepsTheGravestAndItsMessage) {
  Judgement all;
  EXPECT_EQ(all.verdict, Verdict::skip);
  all.merge(judge_constant(1, DType::f32, 0, Enclosure::exact(1)));
  EXPECT_EQ(all.verdict, Verdict::pass);
  EXPECT_EQ(all.message, "");
  all.merge(judge_constant(2, DType::f32, 0.5, Enclosure::exact(1)));
  EXPECT_EQ(all.verdict, Verdict::fail);
  const std::string first = all.message;
  EXPECT_NE(first.find("x = 2, exactly 1, bound 0.5, error 1"), std::string::npos) << first;
  all.merge(judge_constant(3, DType::f32, 0.5, Enclosure::exact(1)));
  all.check(true, "not said");
  EXPECT_EQ(all.message, first);
  EXPECT_EQ(all.checks, 4);
  EXPECT_EQ(all.errors.size(), 3);
  all.check(false, "not said either");
  EXPECT_EQ(all.message, first);
  EXPECT_EQ(all.verdict, Verdict::fail);
}

// Bins are at most 2^(1/64) wide and their upper end is given, never beyond the greatest sample.
TEST(ErrorSamples, QuantilesAgreeWithSorting) {
  Draw draw(13);
  ErrorSamples whole, first, second;
  std::vector<double> over, ulps;
  double signed_sum = 0, sum = 0;
  for (int i = 0; i < 5000; ++i) {
    const double x = draw.below(10) == 0 ? 0 : std::exp2(20 * draw.uniform() - 15);
    const double u = (draw.below(2) == 0 ? -1 : 1) * 3 * x;
    over.push_back(x);
    ulps.push_back(3 * x);
    signed_sum += u;
    sum += x;
    whole.add(x, u, x / 7, x / 9);
    (i % 3 == 0 ? first : second).add(x, u, x / 7, x / 9);
  }
  first.append(second);
  std::sort(over.begin(), over.end());
  std::sort(ulps.begin(), ulps.end());
  const auto rank = static_cast<std::size_t>(std::ceil(0.999 * 5000)) - 1;
  for (const ErrorSamples* samples : {&whole, &first}) {
    const ErrorProfile p = samples->profile();
    EXPECT_EQ(p.outputs, 5000);
    EXPECT_EQ(p.error_over_bound, over.back());
    EXPECT_EQ(std::fabs(p.ulp), ulps.back());
    EXPECT_GE(p.p999_over_bound, over[rank]);
    EXPECT_LE(p.p999_over_bound, over[rank] * std::exp2(1.0 / 64));
    EXPECT_GE(p.p999_ulp, ulps[rank]);
    EXPECT_LE(p.p999_ulp, ulps[rank] * std::exp2(1.0 / 64));
    // 5000 additions in any order, divided by 5000.
    EXPECT_NEAR(p.mean_over_bound, sum / 5000, sum * 0x1p-52);
    EXPECT_NEAR(p.mean_ulp, 3 * sum / 5000, 3 * sum * 0x1p-52);
    EXPECT_NEAR(p.bias_ulp, signed_sum / 5000, 3 * sum * 0x1p-52);
    EXPECT_EQ(p.max_abs, over.back() / 7);
    EXPECT_EQ(p.max_conditioned, over.back() / 9);
  }
  EXPECT_EQ(ErrorSamples().profile().outputs, 0);
}

}  // namespace
}  // namespace xent
