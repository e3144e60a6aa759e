// SPDX-License-Identifier: Apache-2.0
#include "properties/recipe.h"

#include <gtest/gtest.h>
#include <stdlib.h>  // setenv

#include <set>
#include <string>
#include <utility>

#include "properties/domain.h"

namespace xent {
namespace {

RecipeSpace space() {
  RecipeSpace s;
  for (const char* text : {"op=ce n=1 v=2 dtype=f32 dir=fwdbwd upstream=row",
                           "op=ce n=1 v=2 dtype=f64 dir=fwd reduction=mean",
                           "op=kl targets=prob n=1 v=2 dtype=f32 dir=fwd"}) {
    s.problems.push_back(parse_problem(text));
  }
  s.domains = {"gaussian", "masked", "iris", "worked-example", "simplex"};
  s.rows = {1, 3, 33};
  s.classes = {1, 2, 3, 5, 10, 64, 130};
  return s;
}

std::string text(const CaseRecipe& r) {
  return to_text(r.problem) + ' ' + r.domain + ' ' + std::to_string(r.seed);
}

std::vector<std::string> texts(const std::vector<CaseRecipe>& recipes) {
  std::vector<std::string> all;
  for (const CaseRecipe& r : recipes) all.push_back(text(r));
  return all;
}

/// Options and domain of each recipe.
std::set<std::string> pairs_of(const std::vector<CaseRecipe>& recipes) {
  std::set<std::string> pairs;
  for (const CaseRecipe& r : recipes) {
    EXPECT_TRUE(find_domain(r.domain).fits(r.problem)) << text(r);
    Problem options = r.problem;
    options.n = 1;
    options.v = 2;
    pairs.insert(to_text(options) + r.domain);
  }
  return pairs;
}

TEST(Recipe, EveryPairThatFitsComesFirst) {
  // Four domains of logits on each of two problems, and simplex on the third.
  const std::vector<CaseRecipe> recipes = sample(space(), 9, 1);
  EXPECT_EQ(recipes.size(), 9U);
  EXPECT_EQ(pairs_of(recipes).size(), 9U);
}

TEST(Recipe, WhereThePairsAreTooManyEachProblemAndDomainComesOnce) {
  const std::vector<CaseRecipe> recipes = sample(space(), 0, 1);
  EXPECT_EQ(recipes.size(), 5U);
  EXPECT_EQ(pairs_of(recipes).size(), 5U);
  std::set<std::string> problems, domains;
  for (const CaseRecipe& r : recipes) {
    problems.insert(to_text(r.problem).substr(0, 5) + std::string(name(r.problem.dtype)));
    domains.insert(r.domain);
  }
  EXPECT_EQ(problems.size(), 3U);
  EXPECT_EQ(domains.size(), 5U);
}

TEST(Recipe, ADomainComesOnceForEachOpAndKindOfTargets) {
  RecipeSpace s = space();
  s.problems.clear();
  for (const char* options : {"op=ce", "op=ce targets=prob", "op=lse", "op=mse-softmax"}) {
    for (const char* type : {" dtype=f32", " dtype=f64", " dtype=f16"}) {
      s.problems.push_back(parse_problem(std::string(options) + type));
    }
  }
  s.domains = {"gaussian", "ties", "extreme", "dyadic", "offset", "subnormal"};
  std::set<std::string> kinds;
  const std::vector<CaseRecipe> recipes = sample(s, 0, 3);
  for (const CaseRecipe& r : recipes) {
    kinds.insert(std::string(name(r.problem.op)) + std::string(name(r.problem.targets)) + r.domain);
  }
  EXPECT_EQ(kinds.size(), 24U);
  EXPECT_EQ(recipes.size(), 24U);
}

TEST(Recipe, SequencesAreWholeAndOfSeveralLengths) {
  for (const char* text : {"op=ce shift=on", "op=ce layout=bct",
                           "op=ce reduction=mean denominator=sequence"}) {
    RecipeSpace s = space();
    s.problems = {parse_problem(text)};
    s.paddings = {0, 3};
    std::set<std::int64_t> lengths;
    for (const CaseRecipe& r : sample(s, 100, 0)) {
      EXPECT_EQ(r.problem.n % r.problem.t, 0);
      EXPECT_NO_THROW(validate(make_case(r.problem, r.domain, r.seed)));
      EXPECT_TRUE(r.problem.layout == Layout::nc || r.problem.stride == 0);
      lengths.insert(r.problem.t);
    }
    EXPECT_EQ(lengths, (std::set<std::int64_t>{1, 2, 3, 5, 8})) << text;
    s.rows = {6};
    s.exact_rows = true;
    for (const CaseRecipe& r : sample(s, 50, 0)) EXPECT_EQ(r.problem.n, 6);
  }
}

TEST(Recipe, NoRowsOnlyWhereTheProblemSaysSo) {
  RecipeSpace s = space();
  s.problems = {parse_problem("op=ce n=0 reduction=sum"), parse_problem("op=ce")};
  s.domains = {"gaussian"};
  s.rows = {0, 1, 3};
  std::set<bool> empty;
  for (const CaseRecipe& r : sample(s, 30, 0)) {
    EXPECT_EQ(r.problem.n == 0, r.problem.reduction == Reduction::sum);
    empty.insert(r.problem.n == 0);
  }
  EXPECT_EQ(empty.size(), 2U);
}

TEST(Recipe, RandomMembersStayInTheSpaceAndReachAllOfIt) {
  const std::vector<CaseRecipe> recipes = sample(space(), 500, 1);
  EXPECT_EQ(recipes.size(), 500U);
  std::set<std::pair<std::int64_t, std::int64_t>> shapes;
  std::set<std::uint64_t> seeds;
  for (const CaseRecipe& r : recipes) {
    EXPECT_TRUE(find_domain(r.domain).fits(r.problem)) << text(r);
    EXPECT_NO_THROW(validate(make_case(r.problem, r.domain, r.seed)));
    shapes.insert({r.problem.n, r.problem.v});
    seeds.insert(r.seed);
  }
  EXPECT_EQ(shapes.size(), 3U * 7U);
  EXPECT_EQ(seeds.size(), 500U);
}

TEST(Recipe, IsDeterministicWhateverTheEnvironment) {
  const auto once = texts(sample(space(), 60, 42));
  ASSERT_EQ(setenv("RC_PARAMS", "seed=7 max_success=1 reproduce=garbage", 1), 0);
  EXPECT_EQ(texts(sample(space(), 60, 42)), once);
  ASSERT_EQ(unsetenv("RC_PARAMS"), 0);
  EXPECT_NE(texts(sample(space(), 60, 43)), once);
}

TEST(Recipe, StridesAndSequencesRuleOutShapes) {
  RecipeSpace s = space();
  s.problems = {parse_problem("op=ce n=3 v=2 dtype=f32 dir=fwd t=3 stride=64")};
  for (const CaseRecipe& r : sample(s, 50, 0)) {
    EXPECT_EQ(r.problem.n % 3, 0);
    EXPECT_LE(r.problem.v, 64);
  }
}

TEST(Recipe, NothingFitsGivesNothing) {
  RecipeSpace s = space();
  s.domains = {"worked-example"};
  s.classes = {4};
  EXPECT_TRUE(sample(s, 10, 0).empty());
}

TEST(Recipe, ShrinksToWholeSequences) {
  const CaseRecipe start{parse_problem("op=ce n=33 v=130 dtype=f32 t=3 shift=on"), "gaussian", 9};
  const CaseRecipe small = shrink_recipe(start, space(), [](const CaseRecipe& r) {
    return r.problem.shift && r.problem.t == 3;
  });
  EXPECT_EQ(small.problem, parse_problem("op=ce n=3 v=1 dtype=f32 t=3 shift=on"));
}

TEST(Recipe, ShrinksShapeOptionsAndSeed) {
  const CaseRecipe start{parse_problem("op=ce n=33 v=130 dtype=f32 dir=fwdbwd upstream=row"),
                         "gaussian", 0xabcdef};
  std::int64_t calls = 0;
  const auto fails = [&](const CaseRecipe& r) {
    ++calls;
    return r.problem.v >= 9 && r.problem.dir != Dir::fwd;
  };
  const CaseRecipe small = shrink_recipe(start, space(), fails);
  EXPECT_EQ(small.problem, parse_problem("op=ce n=1 v=10 dtype=f32 dir=bwd"));
  EXPECT_EQ(small.seed, 0U);
  EXPECT_LE(calls, 200);
  calls = 0;
  shrink_recipe(start, space(), fails, 3);
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace xent
