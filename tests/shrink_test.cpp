// SPDX-License-Identifier: Apache-2.0
#include "properties/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "properties/domain.h"

namespace xent {
namespace {

TestCase start(std::string_view domain, std::string_view problem, std::uint64_t seed = 7) {
  return make_case(parse_problem(problem), domain, seed);
}

bool some_logit(const TestCase& c, double above) {
  for (std::int64_t i = 0; i < c.input.size(); ++i) {
    if (c.input.at(i) > above) return true;
  }
  return false;
}

double widest_gap(const TestCase& c) {
  double widest = 0;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    double low = c.logit(row, 0);
    double high = low;
    for (std::int64_t j = 1; j < c.problem.v; ++j) {
      low = std::min(low, c.logit(row, j));
      high = std::max(high, c.logit(row, j));
    }
    widest = std::max(widest, high - low);
  }
  return widest;
}

/// A 33 x 130 case with logits up to about +-600.
TestCase wide(std::string_view options = "") {
  const std::string problem = "op=ce n=33 v=130 dtype=f32 dir=fwdbwd upstream=row ";
  TestCase c = start("gaussian", problem + std::string(options));
  for (std::int64_t i = 0; i < c.input.size(); ++i) c.input.set(i, 32 * c.input.at(i));
  return c;
}

// 2.6 million logits: more than are tried of a small case in all.
TEST(Shrink, OneRowOfALargeCaseIsFound) {
  TestCase large = start("gaussian", "op=ce n=65 v=40000 dtype=f32 dir=fwdbwd");
  large.input.set(41 * 40000 + 39999, 100.5);
  const Fails fails = [](const TestCase& c) { return some_logit(c, 88.8); };
  const Shrunk shrunk = shrink(large, fails);
  EXPECT_EQ(shrunk.test_case.problem, parse_problem("op=ce n=1 v=1 dtype=f32 dir=fwd"));
  EXPECT_EQ(shrunk.test_case.logit(0, 0), 89);
}

TEST(Shrink, LargeLogitBecomesTheSmallestInteger) {
  const Fails fails = [](const TestCase& c) { return some_logit(c, 88.8); };
  const TestCase large = wide();
  ASSERT_TRUE(fails(large));
  const Shrunk shrunk = shrink(large, fails);
  EXPECT_EQ(shrunk.test_case.problem, parse_problem("op=ce n=1 v=1 dtype=f32 dir=fwd"));
  EXPECT_EQ(shrunk.test_case.logit(0, 0), 89);
  EXPECT_EQ(shrunk.test_case.recipe.domain, "shrunk");
  EXPECT_GT(shrunk.steps, 0);
  EXPECT_LE(shrunk.steps, shrunk.attempts);
  EXPECT_NO_THROW(validate(shrunk.test_case));
}

TEST(Shrink, GapBecomesTheSmallestIntegerBesideZero) {
  const Fails fails = [](const TestCase& c) { return widest_gap(c) > 104; };
  const Shrunk shrunk = shrink(wide("reduction=mean stride=144"), fails);
  EXPECT_EQ(shrunk.test_case.problem, parse_problem("op=ce n=1 v=2 dtype=f32 dir=fwd"));
  EXPECT_EQ(shrunk.test_case.logit(0, 0) + shrunk.test_case.logit(0, 1), 105);
  EXPECT_EQ(shrunk.test_case.logit(0, 0) * shrunk.test_case.logit(0, 1), 0);
  EXPECT_EQ(shrunk.test_case.label(0), 0);
}

TEST(Shrink, KeepsWhatTheFaultNeeds) {
  const Fails fails = [](const TestCase& c) {
    if (c.problem.dir == Dir::fwd || c.problem.upstream == Upstream::one) return false;
    for (std::int64_t row = 0; row < c.problem.n; ++row) {
      if (c.upstream_of(row) < 0 && c.label(row) >= 8) return true;
    }
    return false;
  };
  const TestCase large = wide();
  ASSERT_TRUE(fails(large));
  const TestCase small = shrink(large, fails).test_case;
  EXPECT_EQ(small.problem, parse_problem("op=ce n=1 v=9 dtype=f32 dir=bwd upstream=row"));
  EXPECT_EQ(small.label(0), 8);
  EXPECT_EQ(small.upstream_of(0), -1);
  for (std::int64_t j = 0; j < 9; ++j) EXPECT_EQ(small.logit(0, j), 0);
}

TEST(Shrink, MaskStaysWhereTheFaultNeedsIt) {
  const Fails fails = [](const TestCase& c) {
    for (std::int64_t i = 0; i < c.input.size(); ++i) {
      if (std::isinf(c.input.at(i))) return true;
    }
    return false;
  };
  const TestCase small =
      shrink(start("masked", "op=ce n=9 v=40 dtype=f64 dir=fwd"), fails).test_case;
  EXPECT_EQ(small.problem.v, 1);
  EXPECT_EQ(small.logit(0, 0), -std::numeric_limits<double>::infinity());
}

TEST(Shrink, HugeAndTinyNumbersBecomePowersOfTwo) {
  TestCase c = start("gaussian", "op=ce n=2 v=3 dtype=f32 dir=fwd");
  c.input.set(4, -3.1e38);
  const auto large = [](const TestCase& t) {
    for (std::int64_t i = 0; i < t.input.size(); ++i) {
      if (t.input.at(i) < -1e38) return true;
    }
    return false;
  };
  EXPECT_EQ(shrink(c, large).test_case.logit(0, 0), -0x1p127);
  c.input.set(4, 3.3e-39);
  const auto tiny = [](const TestCase& t) {
    for (std::int64_t i = 0; i < t.input.size(); ++i) {
      if (t.input.at(i) > 0 && t.input.at(i) < 1e-9) return true;
    }
    return false;
  };
  EXPECT_EQ(shrink(c, tiny).test_case.logit(0, 0), 0x1p-30);
}

TEST(Shrink, ProbabilitiesStayATensorOfTheirOwn) {
  const Fails fails = [](const TestCase& c) {
    for (std::int64_t i = 0; i < c.input.size(); ++i) {
      if (c.input.at(i) < c.target.at(i)) return true;
    }
    return false;
  };
  const TestCase small =
      shrink(start("simplex", "op=kl targets=prob n=5 v=20 dtype=f32 dir=fwd"), fails).test_case;
  EXPECT_EQ(small.problem.n, 1);
  EXPECT_EQ(small.problem.v, 1);
  EXPECT_EQ(small.logit(0, 0), 0);
  EXPECT_EQ(small.target.at(0), 1);
}

TEST(Shrink, IsDeterministicAndBounded) {
  const Fails fails = [](const TestCase& c) { return widest_gap(c) > 300.5; };
  const TestCase large = wide();
  const Shrunk once = shrink(large, fails);
  const Shrunk again = shrink(large, fails);
  EXPECT_EQ(once.test_case, again.test_case);
  EXPECT_EQ(once.attempts, again.attempts);
  std::int64_t calls = 0;
  const Shrunk bounded = shrink(
      large, [&](const TestCase& c) { return ++calls, fails(c); }, 10);
  EXPECT_EQ(calls, 10);
  EXPECT_EQ(bounded.attempts, 10);
  EXPECT_TRUE(fails(bounded.test_case));
}

TEST(Shrink, ALongRowThatCannotBeCutStillGetsSimpleLogits) {
  const TestCase large = start("gaussian", "op=ce n=3 v=1025 dtype=f32 dir=fwdbwd");
  const Fails fails = [](const TestCase& c) { return c.problem.v == 1025; };
  const Shrunk shrunk = shrink(large, fails, 300);
  EXPECT_EQ(shrunk.test_case.problem, parse_problem("op=ce n=1 v=1025 dtype=f32 dir=fwd"));
  for (std::int64_t j = 0; j < 1025; ++j) ASSERT_EQ(shrunk.test_case.logit(0, j), 0);
}

TEST(Shrink, LeavesACaseThatCannotBeSimplerAlone) {
  const TestCase c = start("gaussian", "op=ce n=2 v=3 dtype=f32 dir=fwd");
  const Shrunk shrunk = shrink(c, [](const TestCase&) { return false; });
  EXPECT_EQ(shrunk.test_case, c);
  EXPECT_EQ(shrunk.steps, 0);
}

TEST(Shrink, SimplerOptionsChangeOneThingEach) {
  EXPECT_TRUE(simpler_options(Problem{}).empty());
  const std::string shape = "op=ce n=4 v=9 dtype=bf16 ";
  const std::vector<Problem> simpler =
      simpler_options(parse_problem(shape + "dir=fwdbwd reduction=mean upstream=row"));
  ASSERT_EQ(simpler.size(), 4U);
  EXPECT_EQ(simpler[0], parse_problem(shape + "dir=fwd reduction=mean upstream=row"));
  EXPECT_EQ(simpler[1], parse_problem(shape + "dir=bwd reduction=mean upstream=row"));
  EXPECT_EQ(simpler[2], parse_problem(shape + "dir=fwdbwd upstream=row"));
  EXPECT_EQ(simpler[3], parse_problem(shape + "dir=fwdbwd reduction=mean"));
}

}  // namespace
}  // namespace xent
