// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "properties/domain.h"
#include "properties/shrink.h"

namespace xent {
namespace {

TestCase start(std::string_view domain, std::string_view problem, std::uint64_t seed = 7) {
  return make_case(parse_problem(problem), domain, seed);
}

/// Shrinks by a fault that the start shows, and checks that the result is valid and shows it too.
TestCase shrunk(const TestCase& c, const Fails& fails) {
  EXPECT_TRUE(fails(c));
  const TestCase small = shrink(c, fails).test_case;
  EXPECT_TRUE(fails(small));
  EXPECT_NO_THROW(validate(small));
  EXPECT_FALSE(meaningless(small.problem)) << to_text(small.problem);
  return small;
}

void expect_problem(const TestCase& c, std::string_view text) {
  EXPECT_EQ(to_text(c.problem), to_text(parse_problem(text)));
}

bool some_number(const Tensor& t, double above) {
  for (std::int64_t i = 0; i < t.size(); ++i) {
    if (t.at(i) > above) return true;
  }
  return false;
}

TEST(ShrinkOptions, DirectionBecomesSimple) {
  const TestCase c = start("gaussian", "op=ce n=8 v=20 dir=hvp zloss=0.01");
  const TestCase small = shrunk(c, [](const TestCase& t) {
    return t.problem.dir == Dir::hvp && some_number(t.direction, 0.3);
  });
  expect_problem(small, "op=ce n=1 v=1 dir=hvp");
  EXPECT_EQ(small.direction.at(0), 1);
  EXPECT_EQ(small.logit(0, 0), 0);
}

TEST(ShrinkOptions, WeightsAndUpstreamBecomeOneUnlessTheyAreTheFault) {
  const TestCase c =
      start("gaussian", "op=ce n=8 v=20 dir=fwdbwd weights=on upstream=row smoothing=0.1");
  const TestCase kept = shrunk(c, [](const TestCase& t) {
    return t.problem.weights && t.problem.upstream == Upstream::row;
  });
  expect_problem(kept, "op=ce n=1 v=1 dir=fwd weights=on upstream=row");
  EXPECT_EQ(kept.weight.at(0), 1);
  EXPECT_EQ(kept.upstream.at(0), 1);
  const TestCase heavy = shrunk(c, [](const TestCase& t) { return some_number(t.weight, 1.5); });
  expect_problem(heavy, "op=ce n=1 v=1 dir=fwd weights=on");
  EXPECT_EQ(heavy.weight.at(0), 2);
}

TEST(ShrinkOptions, VectorTargetsConcentrate) {
  const TestCase c = start("soft", "op=ce targets=prob n=6 v=30 dir=fwdbwd reduction=mean");
  const TestCase small = shrunk(c, [](const TestCase& t) {
    return t.problem.v > 3 && some_number(t.target, 0.01);
  });
  expect_problem(small, "op=ce targets=prob n=1 v=4 dir=fwd");
  double sum = 0;
  for (std::int64_t j = 0; j < 4; ++j) sum += small.target.at(j);
  EXPECT_EQ(sum, 1);
}

TEST(ShrinkOptions, LabelsAndChancesStayInTheirRange) {
  const TestCase c = start("chances", "op=bce-prob targets=prob n=6 v=12 dir=fwdbwd");
  const TestCase small = shrunk(c, [](const TestCase& t) {
    for (std::int64_t i = 0; i < t.input.size(); ++i) {
      EXPECT_TRUE(t.input.at(i) >= 0 && t.input.at(i) <= 1);
      EXPECT_TRUE(t.target.at(i) >= 0 && t.target.at(i) <= 1);
    }
    return some_number(t.input, 0.3);
  });
  expect_problem(small, "op=bce-prob targets=prob n=1 v=1 dir=fwd");
  EXPECT_EQ(small.input.at(0), 1);
}

TEST(ShrinkOptions, SequencesAreDroppedWholeAndShortened) {
  const TestCase c =
      start("gaussian", "op=ce n=40 v=6 t=8 shift=on ignore=-1 dir=fwdbwd layout=btv");
  const TestCase small = shrunk(c, [](const TestCase& t) {
    return t.problem.shift && t.problem.t >= 3 && some_number(t.input, 2);
  });
  expect_problem(small, "op=ce n=3 v=1 t=3 shift=on dir=fwd");
}

TEST(ShrinkOptions, ShiftGoesWithTheRowsThatScoreNothing) {
  const TestCase c = start("confident", "op=ce n=24 v=6 t=4 shift=on dir=fwd");
  const TestCase small = shrunk(c, [](const TestCase& t) {
    for (std::int64_t row = 0; row < t.problem.n; ++row) {
      const auto y = t.scored_class(row);
      if (y && t.logit(row, *y) > 0.5) return true;
    }
    return false;
  });
  expect_problem(small, "op=ce n=1 v=1 dir=fwd");
}

TEST(ShrinkOptions, IgnoredGarbageStaysWhereItIsTheFault) {
  const TestCase c = start("ignored-garbage", "op=ce n=24 v=6 ignore=-100 dir=fwdbwd");
  const TestCase small = shrunk(c, [](const TestCase& t) {
    for (std::int64_t row = 0; row < t.problem.n; ++row) {
      if (!t.scored_class(row) && std::isnan(t.logit(row, 0))) return true;
    }
    return false;
  });
  expect_problem(small, "op=ce n=1 v=1 ignore=-100 dir=fwd");
}

TEST(ShrinkOptions, ASequenceMeanKeepsItsSequences) {
  const TestCase c = start("gaussian",
                           "op=ce n=12 v=5 t=3 reduction=mean denominator=sequence dir=fwd");
  const TestCase small = shrunk(c, [](const TestCase& t) {
    return t.problem.denominator == Denominator::sequence && t.problem.n > t.problem.t;
  });
  expect_problem(small, "op=ce n=2 v=1 reduction=mean denominator=sequence dir=fwd");
}

TEST(ShrinkOptions, SimplerProblemsKeepTheirMeaning) {
  for (const char* text :
       {"op=ce n=4 reduction=mean denominator=rows", "op=ce n=4 t=2 shift=on ignore=1",
        "op=ce reduction=mean unit=perplexity", "op=ce n=4 t=2 reduction=mean denominator=sequence",
        "op=ce targets=prob smoothing=0.1 weights=on zloss=0.1 scale=2 softcap=3 n=2 layout=bct"}) {
    const Problem p = parse_problem(text);
    ASSERT_FALSE(meaningless(p)) << text;
    EXPECT_FALSE(simpler_options(p).empty());
    for (const Problem& simpler : simpler_options(p)) {
      EXPECT_NO_THROW(validate(simpler));
      EXPECT_FALSE(meaningless(simpler)) << to_text(simpler);
    }
  }
}

TEST(ShrinkOptions, AnEmptyBatchIsLeftAlone) {
  const TestCase c = start("gaussian", "op=ce n=0 v=5 reduction=sum dir=fwd");
  const TestCase small = shrunk(c, [](const TestCase& t) {
    return t.problem.n == 0 && t.problem.reduction == Reduction::sum;
  });
  expect_problem(small, "op=ce n=0 v=1 reduction=sum dir=fwd");
}

}  // namespace
}  // namespace xent
