// SPDX-License-Identifier: Apache-2.0
#include "properties/jobs.h"

#include "core/text.h"
#include "properties/domain.h"
#include "properties/random.h"

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

/// The user's tensors can take the place of data for this problem. Properties of one domain are
/// stated of that domain's data only.
bool fits_tensors(const Property& property, const Problem& q, const Problem& tensors) {
  if (property.domains.size() == 1 && property.domains.front() != "*") return false;
  return q.op == tensors.op && q.targets == tensors.targets &&
         (q.upstream == Upstream::one || q.upstream == tensors.upstream) &&
         (q.dtype == tensors.dtype || (q.dtype == DType::f32 && tensors.dtype != DType::f64));
}

Problem as_tensors(const Problem& q, const VerifyOptions& o) {
  Problem p = o.tensors->problem;
  p.dir = q.dir;
  p.reduction = q.reduction;
  p.upstream = q.upstream;
  return p;
}

}  // namespace

bool is_whole(const VerifyOptions& o, std::int64_t cut) {
  return o.selection.problem.empty() && o.selection.domains.empty() && !o.tensors &&
         o.shards == 1 && !o.cases && cut == 0;
}

Plan make_plan(const std::vector<Property>& properties, const VerifyOptions& o) {
  Plan plan;
  plan.properties = properties;
  const Profile& profile = find_profile(o.profile);
  for (std::size_t i = 0; i < plan.properties.size(); ++i) {
    const Property& p = plan.properties[i];
    plan.spaces.push_back(recipe_space(p, profile, o.selection));
    const std::uint64_t seed = mix(o.seed ^ fnv1a(p.id));
    std::vector<CaseRecipe> recipes;
    if (o.tensors) {
      for (const Problem& q : plan.spaces.back().problems) {
        if (!fits_tensors(p, q, o.tensors->problem)) continue;
        recipes.push_back({as_tensors(q, o), "file", seed});
      }
    } else {
      recipes = sample(plan.spaces.back(), o.cases.value_or(profile.cases), seed);
    }
    for (const CaseRecipe& r : recipes) plan.jobs.push_back({i, r});
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
  TestCase c = *o.tensors;
  c.problem = job.recipe.problem;
  if (c.problem.upstream == Upstream::one) c.upstream = {};
  c.recipe.seed = job.recipe.seed;
  return c;
}

}  // namespace xent
