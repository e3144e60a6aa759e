// SPDX-License-Identifier: Apache-2.0
#include "properties/recipe.h"

#include <rapidcheck.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "properties/domain.h"
#include "properties/shrink.h"

namespace xent {
namespace {

struct Shape {
  std::int64_t n;
  std::int64_t v;
};

/// A problem and a domain, with the shapes at which they fit.
struct Family {
  const Problem* problem;
  const Domain* domain;
  std::vector<Shape> shapes;
};

Problem with_shape(Problem problem, Shape shape) {
  problem.n = shape.n;
  problem.v = shape.v;
  return problem;
}

bool fits(const Domain& domain, const Problem& problem) {
  return problem.n % problem.t == 0 && problem.row_stride() >= problem.v && domain.fits(problem);
}

std::vector<Family> families(const RecipeSpace& space) {
  std::vector<Family> all;
  for (const Problem& problem : space.problems) {
    for (const std::string& name : space.domains) {
      Family family{&problem, &find_domain(name), {}};
      for (const std::int64_t n : space.rows) {
        for (const std::int64_t v : space.classes) {
          if (n > 1 && n * v > space.most_elements) continue;
          if (fits(*family.domain, with_shape(problem, {n, v}))) family.shapes.push_back({n, v});
        }
      }
      if (!family.shapes.empty()) all.push_back(std::move(family));
    }
  }
  return all;
}

/// The size at which RapidCheck's generators reach their whole range.
constexpr int kFullSize = 100;

Problem with_padding(Problem problem, std::int64_t padding) {
  if (problem.stride == 0 && padding > 0) problem.stride = problem.v + padding;
  return problem;
}

rc::Gen<CaseRecipe> member_of(const Family* family, const std::vector<std::int64_t>& paddings) {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::elementOf(family->shapes), rc::gen::elementOf(paddings),
                     rc::gen::arbitrary<std::uint64_t>()),
      [family](const std::tuple<Shape, std::int64_t, std::uint64_t>& drawn) {
        const auto& [shape, padding, seed] = drawn;
        return CaseRecipe{with_padding(with_shape(*family->problem, shape), padding),
                          std::string(family->domain->name), seed};
      });
}

CaseRecipe draw(const rc::Gen<CaseRecipe>& gen, rc::Random& random) {
  return gen(random.split(), kFullSize).value();
}

/// The sizes below `size`, the least first, then ever nearer.
std::vector<std::int64_t> smaller(std::vector<std::int64_t> sizes, std::int64_t size) {
  std::sort(sizes.begin(), sizes.end());
  const auto position = std::lower_bound(sizes.begin(), sizes.end(), size) - sizes.begin();
  std::vector<std::int64_t> chosen;
  auto places = rc::shrink::towards<std::ptrdiff_t>(position, 0);
  for (auto place = places.next(); place; place = places.next()) {
    chosen.push_back(sizes[static_cast<std::size_t>(*place)]);
  }
  return chosen;
}

/// Each lowers one of: rows, classes, options, seed.
std::vector<CaseRecipe> simpler(const CaseRecipe& recipe, const RecipeSpace& space) {
  std::vector<CaseRecipe> all;
  const auto add = [&](const Problem& problem, std::uint64_t seed) {
    if (fits(find_domain(recipe.domain), problem)) all.push_back({problem, recipe.domain, seed});
  };
  for (const std::int64_t n : smaller(space.rows, recipe.problem.n)) {
    add(with_shape(recipe.problem, {n, recipe.problem.v}), recipe.seed);
  }
  for (const std::int64_t v : smaller(space.classes, recipe.problem.v)) {
    add(with_shape(recipe.problem, {recipe.problem.n, v}), recipe.seed);
  }
  for (const Problem& problem : simpler_options(recipe.problem)) add(problem, recipe.seed);
  for (std::uint64_t seed = 0; seed < std::min<std::uint64_t>(recipe.seed, 4); ++seed) {
    add(recipe.problem, seed);
  }
  return all;
}

}  // namespace

std::vector<CaseRecipe> sample(const RecipeSpace& space, std::int64_t count, std::uint64_t seed) {
  const std::vector<Family> all = families(space);
  std::vector<CaseRecipe> recipes;
  if (all.empty()) return recipes;
  std::vector<const Family*> choices;
  rc::Random random(seed);
  for (const Family& family : all) {
    choices.push_back(&family);
    recipes.push_back(draw(member_of(&family, space.paddings), random));
  }
  const rc::Gen<CaseRecipe> any = rc::gen::mapcat(
      rc::gen::elementOf(choices),
      [&space](const Family* family) { return member_of(family, space.paddings); });
  while (static_cast<std::int64_t>(recipes.size()) < count) recipes.push_back(draw(any, random));
  return recipes;
}

CaseRecipe shrink_recipe(const CaseRecipe& start, const RecipeSpace& space,
                         const std::function<bool(const CaseRecipe&)>& fails,
                         std::int64_t max_attempts) {
  auto best = rc::shrinkable::shrinkRecur(start, [&space](const CaseRecipe& recipe) {
    return rc::seq::fromContainer(simpler(recipe, space));
  });
  auto candidates = best.shrinks();
  for (std::int64_t attempt = 0; attempt < max_attempts; ++attempt) {
    const auto candidate = candidates.next();
    if (!candidate) break;
    if (!fails(candidate->value())) continue;
    best = *candidate;
    candidates = best.shrinks();
  }
  return best.value();
}

}  // namespace xent
