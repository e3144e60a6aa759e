// SPDX-License-Identifier: Apache-2.0
// Whatever a user's tensors hold, no theorem accuses a right kernel of it, and none breaks down.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <iterator>
#include <limits>
#include <sstream>

#include "core/text.h"
#include "impl/registry.h"
#include "properties/domain.h"
#include "properties/plan.h"
#include "properties/random.h"
#include "properties/trial.h"
#include "tests/narrowed_kernels.h"

namespace xent {
namespace {

constexpr std::int64_t kCases = 32;  ///< for each property

/// A few elements, or all of a row, become what no domain writes there.
void spoil(Tensor& t, std::int64_t row, const Random& random) {
  if (t.empty() || t.dtype == DType::i64) return;
  const Format f = format(t.dtype);
  const double inf = std::numeric_limits<double>::infinity();
  const double most = std::ldexp(2 - std::ldexp(1.0, 1 - f.precision), f.emax);
  const double least = std::ldexp(1.0, f.emin - f.precision + 1);
  const double specials[] = {std::numeric_limits<double>::quiet_NaN(), inf, -inf, 0.0, -0.0, most,
                             -most, most / 4, least, -least, 1.0, -1.0, 1e4};
  const auto draw = [&](std::uint64_t i) {
    return specials[random.below(i, std::ssize(specials))];
  };
  const std::int64_t n = t.size();
  if (random.below(0, 4) == 0) {
    const std::int64_t first = random.below(1, (n + row - 1) / row) * row;
    const double x = draw(2);
    for (std::int64_t i = first; i < std::min(n, first + row); ++i) t.set(i, x);
    return;
  }
  const std::int64_t count = 1 + random.below(3, 3);
  for (std::int64_t k = 0; k < count; ++k) {
    const auto at = static_cast<std::uint64_t>(k);
    t.set(random.below(10 + 2 * at, n), draw(11 + 2 * at));
  }
}

TestCase any_data(const CaseRecipe& r, std::uint64_t seed) {
  TestCase c = make_case(r.problem, r.domain, r.seed);
  const Random random(seed);
  Tensor* const tensors[] = {&c.input, &c.target, &c.weight, &c.direction, &c.upstream};
  for (std::size_t i = 0; i < std::size(tensors); ++i) {
    const bool spoilt = random.below(i, 3) < (i == 0 ? 2 : 1);
    if (spoilt) spoil(*tensors[i], i < 2 || i == 3 ? c.problem.v : 1, random.stream(i));
  }
  return c;
}

std::string data_of(const TestCase& c) {
  std::ostringstream text;
  text << to_text(c.problem) << "\n  domain " << c.recipe.domain;
  const std::pair<const char*, const Tensor*> tensors[] = {
      {"input", &c.input}, {"target", &c.target}, {"weight", &c.weight},
      {"direction", &c.direction}, {"upstream", &c.upstream}};
  text.precision(17);
  for (const auto& [name, t] : tensors) {
    if (t->empty()) continue;
    text << "\n  " << name;
    for (std::int64_t i = 0; i < t->size(); ++i) {
      text << ' ';
      if (t->dtype == DType::i64) text << t->integer(i);
      else text << t->at(i);
    }
  }
  return text.str();
}

/// The kernel is not accused; of the substitutes' answers the property may say what it likes.
void expect_survival(const Property& p, const Kernel& k, const TestCase& c, References& refs) {
  SCOPED_TRACE(p.id + " of " + k.name + "\n  " + data_of(c));
  try {
    KernelTrial trial(c, k, refs);
    const Judgement j = p.check(trial);
    EXPECT_TRUE(j.verdict == Verdict::pass || j.verdict == Verdict::skip)
        << name(j.verdict) << ": " << j.message;
    for (const Substitute s : kSubstitutes) {
      SubstituteTrial other(c, k, refs, s, {});
      p.check(other);
    }
  } catch (const std::exception& e) {
    ADD_FAILURE() << "thrown: " << e.what();
  }
}

void judge_any_data(const Property& p, const std::vector<Kernel>& kernels, std::uint64_t seed,
                    std::int64_t cases) {
  RecipeSpace space = recipe_space(p, find_profile("smoke"), {});
  space.rows = {1, 2, 4};
  space.classes = {1, 2, 3, 5, 9};
  space.sequences = {1, 2};
  space.every_plain_pair = false;
  std::vector<CaseRecipe> recipes = sample(space, 1 << 10, seed);
  const Random random(seed);
  for (std::int64_t i = 0; i < cases && !recipes.empty(); ++i) {
    const auto draw = static_cast<std::uint64_t>(i);
    const CaseRecipe& r =
        recipes[static_cast<std::size_t>(random.below(draw, std::ssize(recipes)))];
    const TestCase c = any_data(r, random.bits(1000 + draw));
    References refs;
    for (const Kernel& k : kernels) {
      if (supports_property(p, k, c.problem)) expect_survival(p, k, c, refs);
    }
  }
}

std::vector<Kernel> right_kernels() {
  std::vector<Kernel> kernels = select(builtin_kernels(), "scalar/safe");
  for (Kernel& k : select(builtin_kernels(), "scalar/online")) kernels.push_back(std::move(k));
  return kernels;
}

const Property& find_property(const std::string& id) {
  const auto& all = all_properties();
  return *std::find_if(all.begin(), all.end(), [&](const Property& p) { return p.id == id; });
}

TEST(AnyData, NoPropertyAccusesARightKernel) {
  std::vector<Kernel> kernels = right_kernels();
  ASSERT_EQ(kernels.size(), 2u);
  for (Kernel& k : narrowed_kernels()) kernels.push_back(std::move(k));
  for (const Property& p : all_properties()) judge_any_data(p, kernels, fnv1a(p.id), kCases);
}

/// One row of these values by one property: judged, and right.
void expect_judged(const std::string& property, const std::string& problem,
                   const std::vector<double>& input, const std::vector<double>& target,
                   const std::vector<double>& weight = {}) {
  const auto fill = [](Tensor& t, const std::vector<double>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      t.set(static_cast<std::int64_t>(i), values[i]);
    }
  };
  TestCase c;
  c.problem = parse_problem(problem + " n=1 v=" + std::to_string(input.size()));
  c.input = Tensor(c.problem.dtype, {1, c.problem.v});
  fill(c.input, input);
  if (has_vector_targets(c.problem)) {
    c.target = c.input;
    fill(c.target, target);
  } else {
    c.target = Tensor(DType::i64, {1});
    c.target.set_integer(0, static_cast<std::int64_t>(target.front()));
  }
  if (c.problem.weights) {
    c.weight = Tensor(c.problem.dtype, {c.problem.v});
    fill(c.weight, weight);
  }
  const Property& p = find_property(property);
  for (const Kernel& k : right_kernels()) {
    const Judgement j = judge_case(p, k, c);
    EXPECT_EQ(j.verdict, Verdict::pass) << k.name << ": " << j.message << "\n" << data_of(c);
  }
}

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(AnyData, AnIndexLooksAtItsOwnClassAlone) {
  expect_judged("grad.accurate", "op=cross-entropy dir=fwdbwd", {0.2, -1, 0.5}, {2});
  expect_judged("options.accurate", "op=nll dir=fwdbwd weights=on", {-2, -1, -3}, {2},
                {kNaN, kNaN, 0.5});
}

TEST(AnyData, ANaNStaysInItsOwnClassWhereClassesAreApart) {
  expect_judged("grad.accurate", "op=bce-logits targets=prob dir=bwd", {1, kNaN}, {0.5, 0.5});
}

TEST(AnyData, TargetsBelowZeroAndSubnormalMassesAreBounded) {
  expect_judged("grad.accurate", "op=mse-softmax targets=prob dir=bwd dtype=f16", {-6.625, 2.8125},
                {0x1p-24, -1});
  expect_judged("options.accurate", "op=ce dir=fwdbwd smoothing=0.125 weights=on",
                {1.0413837432861328, -87.609642028808594}, {1}, {0.9375, 0x1p-149});
}

}  // namespace
}  // namespace xent
