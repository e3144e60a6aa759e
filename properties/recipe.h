// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/test_case.h"

namespace xent {

/// What is generated: small, so that it shrinks in tens of steps. The data follow from it.
struct CaseRecipe {
  Problem problem;  ///< shape and options
  std::string domain;
  std::uint64_t seed = 0;
};

/// What recipes may be made of.
struct RecipeSpace {
  std::vector<Problem> problems;  ///< options; v is replaced, and n unless it is 0
  std::vector<std::string> domains;   ///< those that do not fit a problem are left out
  std::vector<std::int64_t> rows;     ///< n
  std::vector<std::int64_t> classes;  ///< v
  std::int64_t most_elements = 1 << 20;  ///< of n * v
  /// Elements between rows, for problems that name no stride; drawn, so repeats weigh.
  std::vector<std::int64_t> paddings = {0};
  /// Positions in a sequence, for problems with sequences that name no t.
  std::vector<std::int64_t> sequences = {1, 2, 3, 5, 8};
  bool exact_rows = false;  ///< n is not rounded up to whole sequences
  /// All problems and all kinds of data are among the recipes, however many that are.
  bool covers = true;
  /// Then also: ce of class indices without options, in f32 and f64, and the mean in f32, once with
  /// each domain (losses, or losses and gradients), rows without padding: what most kernels take.
  bool every_plain_pair = false;
};

/// Without options: what every kernel of the op may be expected to know.
bool is_plain(const Problem&);

/// First, if the space covers, each (problem, domain) pair that fits once; where the pairs are more
/// than `count`, each problem once, and each domain once for each op and kind of targets, but never
/// fewer. Then random members of the space, every other one of a problem without options if there
/// are any, `count` in all. Deterministic in `seed`; RapidCheck's environment is ignored.
std::vector<CaseRecipe> sample(const RecipeSpace&, std::int64_t count, std::uint64_t seed);

/// Shrinks the recipe (shape, options, seed) while `fails` holds of the case it makes.
CaseRecipe shrink_recipe(const CaseRecipe&, const RecipeSpace&,
                         const std::function<bool(const CaseRecipe&)>& fails,
                         std::int64_t max_attempts = 200);

}  // namespace xent
