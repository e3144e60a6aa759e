// SPDX-License-Identifier: Apache-2.0
#include "properties/jobs.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include "core/text.h"
#include "properties/domain.h"
#include "properties/entry.h"
#include "properties/options.h"
#include "properties/random.h"
#include "properties/trial.h"

namespace xent {
namespace {

/// Round robin over the properties, so that a budget or a shard holds some of each.
std::vector<Job> interleaved(const Plan& plan) {
  std::vector<std::vector<Job>> by_property(plan.properties.size());
  for (const Job& job : plan.jobs) by_property[job.property].push_back(job);
  std::vector<Job> mixed;
  for (std::size_t round = 0; mixed.size() < plan.jobs.size(); ++round) {
    for (const auto& jobs : by_property) {
      if (round < jobs.size()) mixed.push_back(jobs[round]);
    }
  }
  return mixed;
}

/// A property of every domain has more to try.
std::int64_t cases_of(const Property& p, const Profile& profile) {
  const bool any_domain = p.domains == std::vector<std::string>{"*"};
  return any_domain ? 3 * profile.cases : profile.cases;
}

/// What may be asked of the same data.
constexpr std::string_view kAsked[] = {"dir", "reduction", "denominator", "upstream"};

bool is_asked(std::string_view key) {
  return std::find(std::begin(kAsked), std::end(kAsked), key) != std::end(kAsked);
}

/// Whatever changes the meaning is as in the user's problem, but for what may be asked and is not
/// chosen by name.
Choice wish_of(const TestCase& c, const Selection& selection) {
  const auto chosen = keys_of(selection.problem);
  Choice wish({}, c.problem);
  for (const OptionKey& option : option_keys()) {
    const bool free = is_asked(option.key) && !chosen.contains(option.key);
    if (option.meaning && !free) wish.keys.emplace(option.key);
  }
  return wish;
}

/// Every problem of the property that agrees with the wish.
std::vector<Problem> wished(const Property& property, const Choice& wish) {
  Stated left = Stated(property.problems, property.axes).narrowed(wish);
  for (auto& axis : left.axes) {
    const bool asks = std::any_of(axis.begin(), axis.end(), [](const Choice& c) {
      return std::any_of(c.keys.begin(), c.keys.end(), is_asked);
    });
    if (!asks && axis.size() > 1) axis.erase(axis.begin() + 1, axis.end());
  }
  std::vector<Problem> all = left.covered(static_cast<int>(left.axes.size()) + 1);
  std::erase_if(all, [&](const Problem& p) { return !wish.agrees(p); });
  return all;
}

/// Properties of one domain are stated of that domain's data only.
bool fits_tensors(const Property& property, const Problem& q, const TestCase& c) {
  if (property.domains.size() == 1 && property.domains.front() != "*") return false;
  const DType dtype = c.problem.dtype;
  return (q.dir != Dir::hvp || !c.direction.empty()) &&
         (q.upstream == Upstream::one || q.upstream == c.problem.upstream) &&
         (q.dtype == dtype || (q.dtype == DType::f32 && dtype != DType::f64));
}

Problem as_tensors(const Problem& q, const TestCase& c) {
  Problem p = c.problem;
  p.dir = q.dir;
  p.reduction = q.reduction;
  p.denominator = q.denominator;
  p.denominator_value = q.denominator_value;
  p.upstream = q.upstream;
  return p;
}

bool takes_part(const Property& p, const VerifyOptions& o) {
  return o.tensors_part && !is_accuracy(p.id);
}

/// One recipe for each problem that the user's tensors fit.
std::vector<CaseRecipe> tensor_recipes(const Property& property, const VerifyOptions& o,
                                       std::uint64_t seed) {
  const TestCase& c = takes_part(property, o) ? *o.tensors_part : *o.tensors;
  std::vector<CaseRecipe> recipes;
  for (const Problem& q : wished(property, wish_of(c, o.selection))) {
    if (!fits_tensors(property, q, c)) continue;
    const Problem p = as_tensors(q, c);
    const bool known = std::any_of(recipes.begin(), recipes.end(),
                                   [&](const CaseRecipe& r) { return r.problem == p; });
    if (!known) recipes.push_back({p, "file", seed});
  }
  return recipes;
}

bool is_large(const RecipeSpace& space) {
  constexpr std::int64_t kLarge = 1 << 20;
  const auto least = [](const std::vector<std::int64_t>& sizes) {
    return sizes.empty() ? 0 : *std::min_element(sizes.begin(), sizes.end());
  };
  return least(space.rows) * least(space.classes) > kLarge;
}

/// A third party that raises when it is asked is judged by it later.
bool may_support(const Property& p, const Kernel& k, const Problem& q) {
  try {
    return supports_property(p, k, q).ok;
  } catch (const std::runtime_error&) {
    return true;
  }
}

/// To cover everything takes small cases.
void narrow_to_count(const Property& p, const std::vector<Kernel>& kernels, RecipeSpace& space) {
  space.covers = false;
  std::erase_if(space.problems, [&](const Problem& q) {
    return std::none_of(kernels.begin(), kernels.end(), [&](const Kernel& k) {
      return may_support(p, k, q);
    });
  });
}

}  // namespace

bool is_whole(const VerifyOptions& o, std::int64_t cut) {
  return o.selection.problem.empty() && o.selection.domains.empty() && !o.tensors &&
         o.shards == 1 && !o.cases && cut == 0;
}

Plan make_plan(const std::vector<Kernel>& kernels, const std::vector<Property>& properties,
               const VerifyOptions& o) {
  Plan plan;
  plan.properties = properties;
  const Profile& profile = find_profile(o.profile);
  for (std::size_t i = 0; i < plan.properties.size(); ++i) {
    const Property& p = plan.properties[i];
    plan.spaces.push_back(recipe_space(p, profile, o.selection));
    if (o.cases && is_large(plan.spaces.back())) narrow_to_count(p, kernels, plan.spaces.back());
    const std::uint64_t seed = mix(o.seed ^ fnv1a(p.id));
    const std::vector<CaseRecipe> recipes =
        o.tensors ? tensor_recipes(p, o, seed)
                  : sample(plan.spaces.back(), o.cases.value_or(cases_of(p, profile)), seed);
    for (const CaseRecipe& r : recipes) plan.jobs.push_back({i, r, takes_part(p, o)});
  }
  plan.jobs = interleaved(plan);
  std::vector<Job> mine;
  for (std::size_t i = 0; i < plan.jobs.size(); ++i) {
    if (static_cast<std::int64_t>(i) % o.shards == o.shard) mine.push_back(plan.jobs[i]);
  }
  plan.jobs = std::move(mine);
  return plan;
}

TestCase case_of(const Job& job, const VerifyOptions& o) {
  if (!o.tensors) return make_case(job.recipe.problem, job.recipe.domain, job.recipe.seed);
  TestCase c = job.part ? *o.tensors_part : *o.tensors;
  c.problem = job.recipe.problem;
  if (c.problem.upstream == Upstream::one) c.upstream = {};
  if (c.problem.dir != Dir::hvp) c.direction = {};
  c.recipe.seed = job.recipe.seed;
  return c;
}

}  // namespace xent
