// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "oracle/bound.h"
#include "oracle/judge.h"
#include "tests/oracle_cases.h"

// What the bounds reject: a bound that no wrong kernel breaks is worth nothing. All of it for the
// class `standard`, whose sums are sequential and whose exp and log are poor.

namespace xent {
namespace {

using namespace oracle_tests;

constexpr double kInf = std::numeric_limits<double>::infinity();

/// `live` classes at value c, spread evenly, the others masked; class 0 is live.
Row integer_row(std::int64_t v, std::int64_t live, double c) {
  Row z(static_cast<std::size_t>(v), -kInf);
  for (std::int64_t i = 0; i < live; ++i) z[static_cast<std::size_t>(i * (v / live))] = c;
  return z;
}

/// The loss moves by -log(1 - 1/live) when one live class other than the target is dropped; a
/// kernel may have used its bound in the other direction, hence twice.
void expect_loss_tells_a_dropped_class(const Row& z, std::int64_t live, DType dtype) {
  const TestCase c = one_row(z, 0, "dir=fwd dtype=" + std::string(name(dtype)));
  const ErrorBudget b = ErrorBudget::standard(c.problem);
  Reference ref(c);
  ASSERT_EQ(ref.facts(0).ties, live);
  const double bound = loss_bound(ref, b, 0);
  const auto k = static_cast<double>(live);
  EXPECT_GT(-std::log1p(-1 / k), 2 * bound) << "v=" << z.size() << " live=" << live;
  Tensor loss(c.problem.output_dtype(), {1});
  loss.set(0, std::log(k));
  EXPECT_EQ(judge_loss(ref, b, loss).verdict, Verdict::pass);
  loss.set(0, std::log(k - 1));
  EXPECT_EQ(judge_loss(ref, b, loss).verdict, Verdict::fail);
}

TEST(Power, OneDroppedClassShowsInTheLossOfIntegerRows) {
  for (const std::int64_t v : {2, 33, 1000, 50257, 128256}) {
    const std::int64_t live = std::max<std::int64_t>(2, v / 16);
    expect_loss_tells_a_dropped_class(integer_row(v, live, 1), live, DType::f32);
    expect_loss_tells_a_dropped_class(integer_row(v, 2, -8), 2, DType::f32);
  }
  expect_loss_tells_a_dropped_class(integer_row(262144, 262144 / 4, 0), 262144 / 4, DType::f32);
}

// Half of the classes are live: those whose index has the bit.
TEST(Power, OneDroppedClassShowsInTheLossOfIndexBitRows) {
  for (const int bit : {0, 5, 15}) {
    Row z(std::size_t{1} << 16, -kInf);
    for (std::size_t j = 0; j < z.size(); ++j) {
      if ((j >> bit & 1) == 0) z[j] = 2;
    }
    expect_loss_tells_a_dropped_class(z, 1 << 15, DType::f32);
  }
}

// 1 / K of each live class. As quotients the gradients have no logarithm in their bound and tell
// at any size.
TEST(Power, OneDroppedClassShowsInEveryGradientAtV262144) {
  const auto rejects = [](std::int64_t live, GradForm form) {
    const std::int64_t v = 262144;
    const TestCase c = one_row(integer_row(v, live, 0), 0, "dtype=f32 dir=bwd");
    ErrorBudget b = ErrorBudget::standard(c.problem);
    b.grad = form;
    Reference ref(c);
    const auto k = static_cast<double>(live);
    const std::int64_t step = v / live;
    for (const std::int64_t j : {step, v / 2, v - step}) {
      EXPECT_GT(1 / (k - 1) - 1 / k, 2 * grad_bound(ref, b, 0, j)) << live;
    }
  };
  rejects(262144 / 8, GradForm::any);
  rejects(262144, GradForm::quotient);
}

// The class that the sum forgets is the spike: others are 64 below, or absent.
TEST(Power, ADroppedSpikeShows) {
  for (const std::int64_t v : {2, 4097, 128256}) {
    for (const bool masked : {false, true}) {
      Row z(static_cast<std::size_t>(v), masked ? -kInf : -56);
      z.back() = 8;
      const TestCase c = one_row(z, v - 1, "dtype=f32 dir=fwdbwd");
      const ErrorBudget b = ErrorBudget::standard(c.problem);
      Reference ref(c);
      const double smallest_shift = 64 - std::log(static_cast<double>(v));
      EXPECT_GT(smallest_shift, 2 * loss_bound(ref, b, 0)) << v;
      // Without the spike the others share the mass 1.
      EXPECT_GT(1 / static_cast<double>(v), 2 * grad_bound(ref, b, 0, 0)) << v;
    }
  }
}

TEST(Power, AnAllZeroGradientIsRejectedAtV128256) {
  const std::int64_t v = 128256;
  Draw draw(14);
  Row z;
  for (std::int64_t j = 0; j < v; ++j) z.push_back(rounded_to(3 * draw.normal(), DType::f32));
  const TestCase c = one_row(z, 17, "dtype=f32 dir=bwd");
  const ErrorBudget b = ErrorBudget::standard(c.problem);
  Reference ref(c);
  const Judgement zeros = judge_grad(ref, b, Tensor(DType::f32, {1, v}));
  EXPECT_EQ(zeros.verdict, Verdict::fail);
  EXPECT_EQ(zeros.checks, v);
  // Not the target alone: the bound is a small part of each element.
  for (const std::int64_t j : {0, 16, 17, 64000, 128255}) {
    const Enclosure g = ref.grad(0, j);
    EXPECT_GT(magnitude_lower(g), 50 * grad_bound(ref, b, 0, j)) << j;
  }
}

// log-sum-exp minus logit keeps no digit of 2.06e-9: right for standard, wrong for relative.
TEST(Power, OnlyTheRelativeClassSeesLostDigits) {
  const TestCase c = one_row({20, 0}, 0);
  Reference ref(c);
  Tensor lost(DType::f32, {1}), kept(DType::f32, {1});
  kept.set(0, std::log1p(std::exp(-20.0)));
  EXPECT_EQ(judge_loss(ref, ErrorBudget::standard(c.problem), lost).verdict, Verdict::pass);
  EXPECT_EQ(judge_loss(ref, ErrorBudget::relative(c.problem), lost).verdict, Verdict::fail);
  EXPECT_EQ(judge_loss(ref, ErrorBudget::relative(c.problem), kept).verdict, Verdict::pass);
}

// Why integer rows exist: n - 1 roundings may move an ordinary row's loss by more than an average
// class weighs.
TEST(Power, OrdinaryRowsCannotTellADroppedClassFromASequentialSum) {
  Draw draw(15);
  Row z;
  for (int j = 0; j < 6000; ++j) z.push_back(rounded_to(draw.normal(), DType::f32));
  const TestCase c = one_row(z, 0, "dtype=f32 dir=fwd");
  Reference ref(c);
  EXPECT_LT(1.0 / 6000, loss_bound(ref, ErrorBudget::standard(c.problem), 0));
}

}  // namespace
}  // namespace xent
