// SPDX-License-Identifier: Apache-2.0
#include "properties/recipe.h"

#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "properties/domain.h"
#include "properties/random.h"
#include "properties/shrink.h"

namespace xent {
namespace {

struct Shape {
  std::int64_t n;
  std::int64_t v;
  std::int64_t t = 1;
  auto operator<=>(const Shape&) const = default;
};

/// A problem and a domain, with the shapes at which they fit.
struct Family {
  const Problem* problem;
  const Domain* domain;
  std::vector<Shape> shapes;
  /// Op, kind of targets and domain: what data there is.
  using Kind = std::tuple<Op, TargetKind, const Domain*>;
  Kind kind() const { return {problem->op, problem->targets, domain}; }
};

Problem with_shape(Problem problem, Shape shape) {
  problem.n = shape.n;
  problem.v = shape.v;
  problem.t = shape.t;
  return problem;
}

bool fits(const Domain& domain, const Problem& problem) {
  return problem.n % problem.t == 0 && problem.row_stride() >= problem.v && domain.fits(problem);
}

bool has_sequences(const Problem& p) {
  return p.shift || p.layout != Layout::nc ||
         (p.is_mean() && p.denominator == Denominator::sequence);
}

/// `n` rows or a few more, so that they are whole sequences.
std::int64_t whole_sequences(std::int64_t n, std::int64_t t) { return (n + t - 1) / t * t; }

/// Numbers of rows and positions, ascending.
std::set<Shape> rows_and_positions(const Problem& p, const RecipeSpace& space) {
  std::vector<std::int64_t> lengths = {p.t};
  if (p.t == 1 && has_sequences(p)) lengths = space.sequences;
  std::set<Shape> all;
  for (const std::int64_t n : p.n == 0 ? std::vector<std::int64_t>{0} : space.rows) {
    if ((n == 0) != (p.n == 0)) continue;
    for (const std::int64_t t : lengths) {
      if (!space.exact_rows || n % t == 0) all.insert({whole_sequences(n, t), 0, t});
    }
  }
  return all;
}

std::vector<Shape> shapes_of(const Problem& p, const Domain& domain, const RecipeSpace& space) {
  std::vector<Shape> shapes;
  for (const Shape& rows : rows_and_positions(p, space)) {
    for (const std::int64_t v : space.classes) {
      if (rows.n > rows.t && rows.n * v > space.most_elements) continue;
      const Shape shape = {rows.n, v, rows.t};
      if (fits(domain, with_shape(p, shape))) shapes.push_back(shape);
    }
  }
  return shapes;
}

std::vector<Family> families(const RecipeSpace& space) {
  std::vector<Family> all;
  for (const Problem& problem : space.problems) {
    for (const std::string& name : space.domains) {
      Family family{&problem, &find_domain(name), {}};
      family.shapes = shapes_of(problem, *family.domain, space);
      if (!family.shapes.empty()) all.push_back(std::move(family));
    }
  }
  return all;
}

/// Families such that each problem and each kind of data is among them, the latter with a plain
/// problem if there is one; of those to choose from, the one whose data was chosen least often,
/// then whose domain was, then whose problem was, then by chance.
class Chooser {
 public:
  Chooser(const std::vector<Family>& all, std::uint64_t seed) : all_(all), random_(seed) {}

  std::vector<const Family*> choose() {
    take_kinds([](const Family& f) { return is_plain(*f.problem); });
    for (const Family& f : all_) {
      if (problems_[f.problem] > 0) continue;
      take([&](const Family& g) { return g.problem == f.problem; });
    }
    take_kinds([](const Family&) { return true; });
    return std::move(chosen_);
  }

 private:
  template <class Eligible>
  void take_kinds(Eligible eligible) {
    for (const Family& f : all_) {
      if (kinds_[f.kind()] > 0 || !eligible(f)) continue;
      take([&](const Family& g) { return g.kind() == f.kind() && eligible(g); });
    }
  }

  template <class Wanted>
  void take(Wanted wanted) {
    using Rank = std::tuple<int, int, int, std::uint64_t>;
    const Family* best = nullptr;
    Rank least;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const Family& f = all_[i];
      if (!wanted(f)) continue;
      const Rank rank = {kinds_[f.kind()], domains_[f.domain], problems_[f.problem],
                         random_.stream(chosen_.size()).bits(i)};
      if (!best || rank < least) best = &f, least = rank;
    }
    ++kinds_[best->kind()];
    ++domains_[best->domain];
    ++problems_[best->problem];
    chosen_.push_back(best);
  }

  const std::vector<Family>& all_;
  Random random_;
  std::map<Family::Kind, int> kinds_;
  std::map<const Domain*, int> domains_;
  std::map<const Problem*, int> problems_;
  std::vector<const Family*> chosen_;
};

/// The size at which RapidCheck's generators reach their whole range.
constexpr int kFullSize = 100;

Problem with_padding(Problem problem, std::int64_t padding) {
  const bool rows_apart = problem.layout != Layout::bct;
  if (problem.stride == 0 && padding > 0 && rows_apart) problem.stride = problem.v + padding;
  return problem;
}

/// Every number of classes is as likely, however few rows of it fit into a case.
rc::Gen<Shape> shape_of(const Family* family) {
  std::map<std::int64_t, std::vector<Shape>> by_classes;
  for (const Shape& shape : family->shapes) by_classes[shape.v].push_back(shape);
  std::vector<std::vector<Shape>> groups;
  for (auto& [v, shapes] : by_classes) groups.push_back(std::move(shapes));
  return rc::gen::mapcat(rc::gen::elementOf(groups), [](const std::vector<Shape>& shapes) {
    return rc::gen::elementOf(shapes);
  });
}

rc::Gen<CaseRecipe> member_of(const Family* family, const std::vector<std::int64_t>& paddings) {
  return rc::gen::map(
      rc::gen::tuple(shape_of(family), rc::gen::elementOf(paddings),
                     rc::gen::arbitrary<std::uint64_t>()),
      [family](const std::tuple<Shape, std::int64_t, std::uint64_t>& drawn) {
        const auto& [shape, padding, seed] = drawn;
        return CaseRecipe{with_padding(with_shape(*family->problem, shape), padding),
                          std::string(family->domain->name), seed};
      });
}

/// The shapes at which options can show: several classes, several sequences.
Family telling(Family family) {
  const std::vector<Shape> all = family.shapes;
  std::erase_if(family.shapes, [](const Shape& s) { return s.v < 2 || s.n < 2 * s.t; });
  if (family.shapes.empty()) family.shapes = all;
  return family;
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
  const Problem& p = recipe.problem;
  for (const std::int64_t n : smaller(space.rows, p.n)) {
    const std::int64_t whole = whole_sequences(n, p.t);
    if (whole < p.n && n > 0) add(with_shape(p, {whole, p.v, p.t}), recipe.seed);
  }
  for (const std::int64_t v : smaller(space.classes, p.v)) {
    add(with_shape(p, {p.n, v, p.t}), recipe.seed);
  }
  for (const Problem& problem : simpler_options(p)) add(problem, recipe.seed);
  for (std::uint64_t seed = 0; seed < std::min<std::uint64_t>(recipe.seed, 4); ++seed) {
    add(p, seed);
  }
  return all;
}

/// Of problems without options.
bool widely_taken(const Problem& p) {
  const bool taken = p.reduction == Reduction::none
                         ? p.dtype == DType::f32 || p.dtype == DType::f64
                         : p.dtype == DType::f32 && p.reduction == Reduction::mean;
  return p.op == Op::ce && p.targets == TargetKind::index && taken &&
         p.upstream == Upstream::one && p.dir != Dir::bwd;
}

/// What must not be missing: of all families where they are few, else of those that are chosen.
std::vector<CaseRecipe> covering(const std::vector<Family>& all,
                                 const std::vector<const Family*>& plain, const RecipeSpace& space,
                                 std::int64_t count, std::uint64_t seed, rc::Random& random) {
  std::vector<CaseRecipe> recipes;
  const bool few = static_cast<std::int64_t>(all.size()) <= count;
  std::vector<const Family*> chosen;
  for (const Family& family : all) chosen.push_back(&family);
  if (!few) chosen = Chooser(all, seed).choose();
  for (const Family* family : chosen) {
    const Family shown = telling(*family);
    recipes.push_back(draw(member_of(&shown, space.paddings), random));
  }
  for (const Family* f : plain) {
    if (few || !space.every_plain_pair || !widely_taken(*f->problem)) continue;
    recipes.push_back(draw(member_of(f, {0}), random));
  }
  return recipes;
}

}  // namespace

bool is_plain(const Problem& p) {
  Problem q;
  q.op = p.op;
  q.dir = p.dir;
  q.n = p.n;
  q.v = p.v;
  q.targets = p.targets;
  q.reduction = p.reduction;
  q.upstream = p.upstream;
  q.dtype = p.dtype;
  return p == q;
}

std::vector<CaseRecipe> sample(const RecipeSpace& space, std::int64_t count, std::uint64_t seed) {
  const std::vector<Family> all = families(space);
  std::vector<CaseRecipe> recipes;
  if (all.empty()) return recipes;
  std::vector<const Family*> choices, plain;
  for (const Family& family : all) {
    choices.push_back(&family);
    if (is_plain(*family.problem)) plain.push_back(&family);
  }
  rc::Random random(seed);
  if (space.covers) recipes = covering(all, plain, space, count, seed, random);
  const auto any_of = [&](const std::vector<const Family*>& some) {
    return rc::gen::mapcat(rc::gen::elementOf(some), [&space](const Family* family) {
      return member_of(family, space.paddings);
    });
  };
  while (static_cast<std::int64_t>(recipes.size()) < count) {
    const bool plainly = recipes.size() % 2 == 0 && !plain.empty();
    recipes.push_back(draw(any_of(plainly ? plain : choices), random));
  }
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
