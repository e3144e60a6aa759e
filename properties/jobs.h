// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "properties/engine.h"
#include "properties/recipe.h"

namespace xent {

/// One case to judge by one property.
struct Job {
  std::size_t property;
  CaseRecipe recipe;
  bool part = false;  ///< of the user's tensors
};

/// What is judged: jobs[i].property is an index into properties, and so into spaces.
struct Plan {
  std::vector<Property> properties;
  std::vector<RecipeSpace> spaces;
  std::vector<Job> jobs;
};

/// Round robin over the properties; of a shard, its part. With tensors, one job for each problem
/// that they fit. Of large cases (more than 2^20 elements) no more than options.cases say, and only
/// what some kernel takes.
Plan make_plan(const std::vector<Kernel>&, const std::vector<Property>&, const VerifyOptions&);

/// The case of a job: generated, or the user's tensors under the job's direction and reduction.
TestCase case_of(const Job&, const VerifyOptions&);

/// The plan is the profile's own. Only then does low power accuse the property: a narrow choice of
/// data may well hold none that tells a trivial answer from a right one.
bool is_whole(const VerifyOptions&, std::int64_t cut);

}  // namespace xent
