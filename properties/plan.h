// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "properties/property.h"
#include "properties/recipe.h"

namespace xent {

/// How much is judged: sizes to draw from and recipes for each property.
struct Profile {
  std::string_view name;
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> classes;
  std::int64_t most_elements;  ///< of a case, but for single rows
  std::int64_t cases;  ///< for each property; three times as many for those of every domain, more
                       ///< where the problems or domains are more
  int strength;        ///< of the covering array over a property's axes
};
const std::vector<Profile>& profiles();
/// Throws UsageError with the known names.
const Profile& find_profile(std::string_view name);

/// What narrows a plan; empty vectors and texts narrow nothing.
struct Selection {
  std::vector<std::string> properties;  ///< globs over ids
  std::vector<std::string> domains;     ///< globs over names
  std::string problem;                  ///< in the problem grammar, lists and ranges allowed
  std::string dialect;
};

/// Properties whose id matches. A full id that matches nothing is a UsageError with the nearest.
std::vector<Property> selected_properties(const Selection&);

/// What recipes of a property are made of, narrowed. A key of the selection's problem that changes
/// what is computed chooses among the property's own problems and axes (a number: among those in
/// which it is on, or off) and sets its value; n and v replace the profile's sizes; `dtype layout
/// t stride acc out dialect` are set in all of them. Two recipes in five have padded rows.
RecipeSpace recipe_space(const Property&, const Profile&, const Selection&);

}  // namespace xent
