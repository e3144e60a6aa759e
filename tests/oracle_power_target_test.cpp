// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "oracle/judge.h"
#include "tests/oracle_cases.h"

// What the bounds of L38 to L42 reject: binary32 kernels that subtract the target's logit, each
// wrong in one place, on rows where it matters.

namespace xent {
namespace {

using namespace oracle_tests;

constexpr float kLimit = 1e37F;

/// One place each.
struct Fault {
  bool subtracts_y = false;    ///< S is the whole sum minus 1
  bool naive_target = false;   ///< p_y - 1
  bool clamps = false;         ///< where S is out of range it is made the limit: no second way
  bool clamps_exp = false;     ///< exp stops at 80, and S looks good
  bool fuses_shift = false;    ///< exp2(fma(z, K, -M)) with a rounded M = z_y K
  bool rounds_one_plus_s = false;  ///< the loss is log(1 + S)
};

/// By the formulas of Shift::target, in order.
class TargetKernel {
 public:
  TargetKernel(const Row& z, std::int64_t y, Fault fault)
      : y_(static_cast<std::size_t>(y)), fault_(fault) {
    for (const double x : z) z_.push_back(static_cast<float>(x));
    most_ = *std::max_element(z_.begin(), z_.end());
    sum();
  }

  Output output() const {
    const auto v = static_cast<std::int64_t>(z_.size());
    Output out{Tensor(DType::f32, {1}), Tensor(DType::f32, {1, v})};
    out.loss.set(0, loss());
    for (std::size_t j = 0; j < z_.size(); ++j) {
      out.grad.set(static_cast<std::int64_t>(j), gradient(j));
    }
    return out;
  }

 private:
  float e(std::size_t j) const {
    if (fault_.fuses_shift) {
      constexpr float kLog2E = 0x1.715476p0F;
      return std::exp2(std::fma(z_[j], kLog2E, -(reference_ * kLog2E)));
    }
    const float d = z_[j] - reference_;
    return std::exp(fault_.clamps_exp ? std::min(d, 80.0F) : d);
  }
  float total(bool with_y) const {
    float s = 0;
    for (std::size_t j = 0; j < z_.size(); ++j) s += j == y_ && !with_y ? 0 : e(j);
    return s;
  }
  void sum() {
    reference_ = z_[y_];
    s_ = fault_.subtracts_y ? total(true) - 1 : total(false);
    if (fault_.clamps) s_ = std::min(s_, kLimit);
    by_target_ = (s_ < kLimit && s_ > 0) || fault_.clamps;
    if (by_target_) return;
    reference_ = most_;
    s_ = total(false);
  }
  float denominator() const { return by_target_ ? 1 + s_ : total(true); }
  double loss() const {
    if (by_target_ && fault_.rounds_one_plus_s) return std::log(1 + s_);
    if (by_target_ || z_[y_] == most_) return std::log1p(s_);
    return (most_ - z_[y_]) + std::log(denominator());
  }
  double gradient(std::size_t j) const {
    if (j == y_ && !fault_.naive_target) return -(s_ / denominator());
    return e(j) / denominator() - (j == y_ ? 1.0F : 0.0F);
  }

  std::vector<float> z_;
  std::size_t y_;
  Fault fault_;
  float most_ = 0, reference_ = 0, s_ = 0;
  bool by_target_ = true;
};

ErrorBudget budget() {
  ErrorBudget b;
  b.exp_rel = 2;
  b.exp_arg = 0.25;
  b.log_rel = 4;
  b.order = SumOrder::sequential;
  b.shift = Shift::target;
  b.loss = LossForm::accurate;
  b.target = TargetForm::accurate;
  return b;
}

struct Verdicts {
  Verdict loss, grad;
};

Verdicts judged(const Row& z, std::int64_t y, Fault fault) {
  const TestCase c = one_row(z, y);
  Reference ref(c);
  const Output out = TargetKernel(z, y, fault).output();
  return {judge_loss(ref, budget(), out.loss).verdict, judge_grad(ref, budget(), out.grad).verdict};
}

void expect_right(const Row& z, std::int64_t y) {
  const Verdicts v = judged(z, y, {});
  EXPECT_EQ(v.loss, Verdict::pass);
  EXPECT_EQ(v.grad, Verdict::pass);
}

/// Class 1 is the target, `gap` below class 0 (or above it).
Row with_gap(double gap) { return {gap, 0, -1, -3, -2.5}; }

TEST(PowerOfTheTargetsLogit, ARightKernelPassesOnBothSidesOfEveryLimit) {
  for (double gap = -110; gap <= 130; gap += 0.9375) expect_right(with_gap(gap), 1);
  for (const double offset : {1e3, -1e4}) expect_right({offset + 7, offset, offset - 2}, 1);
}

TEST(PowerOfTheTargetsLogit, AClassSubtractedFromTheSumShowsOnConfidentRows) {
  const Row confident = {-15, 0, -16, -15.5};
  expect_right(confident, 1);
  const Verdicts v = judged(confident, 1, {.subtracts_y = true});
  EXPECT_EQ(v.loss, Verdict::fail);
  EXPECT_EQ(v.grad, Verdict::fail);
}

TEST(PowerOfTheTargetsLogit, ProbabilityMinusOneShowsOnConfidentRows) {
  const Row confident = {-12, 0, -9, -11};
  const Verdicts v = judged(confident, 1, {.naive_target = true});
  EXPECT_EQ(v.loss, Verdict::pass);
  EXPECT_EQ(v.grad, Verdict::fail);
}

// Where the exact sum is below the limit nothing is clamped.
TEST(PowerOfTheTargetsLogit, AMissingSecondWayShowsFarBelowTheMaximum) {
  for (const double gap : {86.0, 95.0, 120.0}) {
    EXPECT_EQ(judged(with_gap(gap), 1, {.clamps = true}).loss, Verdict::fail) << gap;
    EXPECT_EQ(judged(with_gap(gap), 1, {.clamps_exp = true}).loss, Verdict::fail) << gap;
  }
  EXPECT_EQ(judged(with_gap(60), 1, {.clamps = true}).loss, Verdict::pass);
}

TEST(PowerOfTheTargetsLogit, AFusedShiftShowsFarFromZero) {
  const Row offset = {13987.25, 13985.8125, 13984.5};
  expect_right(offset, 1);
  const Verdicts v = judged(offset, 1, {.fuses_shift = true});
  EXPECT_EQ(v.loss, Verdict::fail);
  EXPECT_EQ(v.grad, Verdict::fail);
}

TEST(PowerOfTheTargetsLogit, ARoundedOnePlusSShowsInTheLoss) {
  const Row confident = {-14, 0, -15};
  expect_right(confident, 1);
  EXPECT_EQ(judged(confident, 1, {.rounds_one_plus_s = true}).loss, Verdict::fail);
}

TEST(PowerOfTheTargetsLogit, ADroppedClassShows) {
  for (const double gap : {-3.0, 0.0, 40.0}) {
    Row z = with_gap(gap);
    const TestCase c = one_row(z, 1);
    Reference ref(c);
    z[0] = -1e4;
    const Output out = TargetKernel(z, 1, {}).output();
    EXPECT_EQ(judge_loss(ref, budget(), out.loss).verdict, Verdict::fail) << gap;
  }
}

}  // namespace
}  // namespace xent
