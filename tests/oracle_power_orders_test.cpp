// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "oracle/bound.h"
#include "oracle/judge.h"
#include "tests/oracle_cases.h"

// A class that a binary32 sum over 262144 of them forgets, in each order that kernels sum in: on
// ordinary rows the bound of a long chain cannot tell, on structured rows every order's can.

namespace xent {
namespace {

using namespace oracle_tests;

constexpr std::int64_t kClasses = 262144;
constexpr float kAbsent = -std::numeric_limits<float>::infinity();

struct Order {
  std::string name;
  SumOrder order;
  std::int64_t lanes;
  std::int64_t block;
};

std::ostream& operator<<(std::ostream& out, const Order& o) { return out << o.name; }

const Order kOrders[] = {{"sequential", SumOrder::sequential, 1, 1},
                         {"lanes", SumOrder::lanes, 16, 1},
                         {"blocked", SumOrder::blocked, 1, 256},
                         {"pairwise", SumOrder::pairwise, 1, 8}};

float pairwise(const float* x, std::size_t n) {
  if (n <= 8) {
    float s = x[0];
    for (std::size_t i = 1; i < n; ++i) s += x[i];
    return s;
  }
  return pairwise(x, n / 2) + pairwise(x + n / 2, n - n / 2);
}

float summed(const std::vector<float>& x, const Order& o) {
  if (o.order == SumOrder::pairwise) return pairwise(x.data(), x.size());
  if (o.order == SumOrder::blocked) {
    float total = 0;
    for (std::size_t first = 0; first < x.size(); first += 256) {
      float s = x[first];
      for (std::size_t i = 1; i < 256; ++i) s += x[first + i];
      total += s;
    }
    return total;
  }
  std::vector<float> lane(static_cast<std::size_t>(o.lanes), 0);
  for (std::size_t i = 0; i < x.size(); ++i) lane[i % lane.size()] += x[i];
  for (std::size_t half = lane.size() / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

/// What a binary32 kernel answers, its sum without class `forgotten` (-1: whole).
Output answer(const TestCase& c, const Order& o, std::int64_t forgotten) {
  const auto z = c.input.as<float>();
  const float m = *std::max_element(z.begin(), z.end());
  std::vector<float> e;
  for (const float x : z) e.push_back(std::exp(x - m));
  std::vector<float> kept = e;
  if (forgotten >= 0) kept[static_cast<std::size_t>(forgotten)] = 0;
  const float s = summed(kept, o);
  const std::int64_t y = c.label(0);
  Output out{Tensor(DType::f32, {1}), Tensor(DType::f32, {1, kClasses})};
  out.loss.set(0, (m - z[static_cast<std::size_t>(y)]) + std::log(s));
  for (std::int64_t j = 0; j < kClasses; ++j) {
    out.grad.set(j, e[static_cast<std::size_t>(j)] / s - (j == y ? 1.0F : 0.0F));
  }
  return out;
}

ErrorBudget budget_of(const TestCase& c, const Order& o) {
  ErrorBudget b = ErrorBudget::standard(c.problem);
  b.exp_rel = 2;
  b.exp_arg = 0;
  b.log_rel = 2;
  b.log_abs = 0;
  b.loss = LossForm::shifted;
  b.grad = GradForm::quotient;
  b.target = TargetForm::naive;
  b.order = o.order;
  b.lanes = o.lanes;
  b.block = o.block;
  return b;
}

class OrderOfSum : public testing::TestWithParam<Order> {
 protected:
  struct Verdicts {
    Verdict loss, grad;
  };
  Verdicts judged(Reference& ref, std::int64_t forgotten) const {
    const ErrorBudget b = budget_of(ref.test_case(), GetParam());
    const Output out = answer(ref.test_case(), GetParam(), forgotten);
    return {judge_loss(ref, b, out.loss).verdict, judge_grad(ref, b, out.grad).verdict};
  }
  /// Whole rows pass; without any of these classes, loss and gradient fail.
  void expect_told(const Row& z, const std::vector<std::int64_t>& classes) const {
    const TestCase c = one_row(z, classes.front() == 0 ? classes.back() : 0);
    Reference ref(c);
    EXPECT_EQ(judged(ref, -1).loss, Verdict::pass);
    EXPECT_EQ(judged(ref, -1).grad, Verdict::pass);
    for (const std::int64_t k : classes) {
      EXPECT_EQ(judged(ref, k).loss, Verdict::fail) << k;
      EXPECT_EQ(judged(ref, k).grad, Verdict::fail) << k;
    }
  }
};

Row masked(const auto& live) {
  Row z(static_cast<std::size_t>(kClasses), kAbsent);
  for (std::int64_t j = 0; j < kClasses; ++j) {
    if (live(j)) z[static_cast<std::size_t>(j)] = 0;
  }
  return z;
}

TEST_P(OrderOfSum, TellsAnyDroppedClassOfAnIntegerRow) {
  expect_told(masked([](std::int64_t j) { return j % 4 == 0; }),
                        {0, 4, 252, 256, kClasses / 2, kClasses - 4});
}

TEST_P(OrderOfSum, TellsAnyDroppedClassOfAnIndexBitRow) {
  for (const int bit : {0, 8, 17}) {
    const std::int64_t last = (kClasses - 1) & ~(std::int64_t{1} << bit);
    expect_told(masked([&](std::int64_t j) { return (j >> bit & 1) == 0; }), {0, last});
  }
}

TEST_P(OrderOfSum, TellsADroppedSpike) {
  for (const std::int64_t at : {std::int64_t{1}, std::int64_t{255}, kClasses - 1}) {
    Row z(static_cast<std::size_t>(kClasses), -20);
    z[static_cast<std::size_t>(at)] = 8;
    expect_told(z, {at});
  }
}

// The class of median size, on N(0, 4) rows: its share is 3e-4 of an average one's.
TEST_P(OrderOfSum, CannotTellAMedianClassOfAnOrdinaryRow) {
  Draw draw(16);
  Row z;
  for (std::int64_t j = 0; j < kClasses; ++j) {
    z.push_back(rounded_to(4 * draw.normal(), DType::f32));
  }
  std::int64_t median = 1;
  while (std::fabs(z[static_cast<std::size_t>(median)]) > 0.01) ++median;
  const TestCase c = one_row(z, 0);
  Reference ref(c);
  EXPECT_EQ(judged(ref, -1).loss, Verdict::pass);
  EXPECT_EQ(judged(ref, median).loss, Verdict::pass);
  EXPECT_EQ(judged(ref, median).grad, Verdict::pass);
}

INSTANTIATE_TEST_SUITE_P(Orders, OrderOfSum, testing::ValuesIn(kOrders),
                         [](const auto& of) { return of.param.name; });

}  // namespace
}  // namespace xent
