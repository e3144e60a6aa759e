// SPDX-License-Identifier: Apache-2.0
#include "properties/plan.h"

#include <algorithm>
#include <limits>
#include <set>

#include "core/dialect.h"
#include "core/error.h"
#include "core/kernel.h"
#include "core/text.h"
#include "properties/domain.h"
#include "properties/options.h"

namespace xent {
namespace {

void append_unique(std::vector<Problem>& all, const Problem& p) {
  if (std::find(all.begin(), all.end(), p) == all.end()) all.push_back(p);
}

/// The theorems are stated for f32 and f64; other types take the place of f32, unless stated too.
bool takes_place(const Stated& stated, const Choice& wish) {
  const DType wanted = wish.values.dtype;
  if (!wish.names("dtype") || wanted == DType::f32 || wanted == DType::f64) return false;
  const auto has = [&](const Problem& p) { return p.dtype == wanted; };
  return std::none_of(stated.problems.begin(), stated.problems.end(), has);
}

/// A problem of the property under a wish; false if it is not what was wished for.
bool take_wish(Problem& p, const Choice& wish, bool instead_of_f32) {
  if (wish.names("dtype")) {
    const DType wanted = instead_of_f32 ? DType::f32 : wish.values.dtype;
    if (p.dtype != wanted) return false;
  }
  if (!wish.agrees(p)) return false;
  wish.apply_to(p);
  return !meaningless(p);
}

std::vector<Problem> narrowed(const Stated& stated, const Selection& s, int strength) {
  std::vector<Problem> kept;
  for (const Problem& values : parse_problems(s.problem)) {
    const Choice wish(keys_of(s.problem), values);
    const bool instead = takes_place(stated, wish);
    for (Problem p : stated.narrowed(wish).covered(strength)) {
      if (take_wish(p, wish, instead)) append_unique(kept, p);
    }
  }
  return kept;
}

/// The sizes of the selection in place of the profile's; problems without rows stay so.
void sizes_from(const Selection& s, RecipeSpace& space) {
  const auto keys = keys_of(s.problem);
  std::set<std::int64_t> rows, classes;
  for (const Problem& p : parse_problems(s.problem)) {
    rows.insert(p.n);
    classes.insert(p.v);
  }
  if (keys.contains("n")) {
    space.rows.assign(rows.begin(), rows.end());
    space.exact_rows = true;
    if (!rows.contains(0)) {
      std::erase_if(space.problems, [](const Problem& p) { return p.n == 0; });
    }
  }
  if (keys.contains("v")) space.classes.assign(classes.begin(), classes.end());
  // What was asked for by name is judged at any size.
  if (keys.contains("n") && keys.contains("v")) {
    space.most_elements = std::numeric_limits<std::int64_t>::max();
  }
}

bool matches_any(const std::vector<std::string>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& g) { return glob_match(g, text); });
}

/// `listed`: what `xentcheck list` calls them.
void require_known(const std::vector<std::string>& globs, const std::vector<std::string>& names,
                   const std::string& what, const std::string& listed) {
  for (const std::string& g : globs) {
    if (g.find_first_of("*?") != std::string::npos) continue;
    if (std::find(names.begin(), names.end(), g) == names.end()) {
      throw UsageError("unknown " + what + " '" + g + "'" + nearest_hint(g, names) +
                       "; `xentcheck list " + listed + "` shows all");
    }
  }
}

/// What is asked of each call, whatever it computes.
bool of_every_call(std::string_view id) {
  return id == "loss.accurate" || id == "loss.extreme-logits" || id == "grad.accurate" ||
         id == "row.independence" || id.starts_with("io.") || id.starts_with("run.");
}

}  // namespace

const std::vector<Profile>& profiles() {
  static const std::vector<Profile> all = {
      {"smoke",
       {1, 2, 3, 7, 33, 65, 257},
       {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 130, 257, 1025, 4097,
        8193},
       4096,
       60,
       2},
      {"ci",
       {1, 3, 33, 257, 2049},
       {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 130, 255, 257,
        511, 513, 1000, 1023, 1024, 1025, 2047, 2048, 2049, 4095, 4097, 8191, 8192, 8193, 32000},
       16384,
       100,
       2},
      {"nightly",
       {1, 2, 3, 5, 33, 64},
       {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257,
        511, 513, 1000, 1023, 1025, 2047, 2049, 4095, 4097, 32000, 50257, 128256},
       131072,
       1000,
       3},
  };
  return all;
}

const Profile& find_profile(std::string_view name) {
  for (const Profile& p : profiles()) {
    if (p.name == name) return p;
  }
  throw UsageError("unknown profile '" + std::string(name) + "': use smoke, ci or nightly");
}

std::vector<Property> selected_properties(const Selection& s) {
  if (s.properties.empty()) return all_properties();
  std::vector<std::string> ids;
  for (const Property& p : all_properties()) ids.push_back(p.id);
  require_known(s.properties, ids, "property", "properties");
  std::vector<Property> kept;
  for (const Property& p : all_properties()) {
    if (matches_any(s.properties, p.id)) kept.push_back(p);
  }
  return kept;
}

RecipeSpace recipe_space(const Property& property, const Profile& profile, const Selection& s) {
  RecipeSpace space;
  space.rows = profile.rows;
  space.classes = profile.classes;
  space.most_elements = profile.most_elements;
  space.paddings = {0, 0, 0, 1, 5};
  space.every_plain_pair = of_every_call(property.id);
  const Stated stated(property.problems, property.axes);
  const int strength = profile.strength;
  space.problems = s.problem.empty() ? stated.covered(strength) : narrowed(stated, s, strength);
  if (!s.problem.empty()) sizes_from(s, space);
  if (!s.dialect.empty()) {
    for (Problem& p : space.problems) p.dialect = find_dialect(s.dialect).name;
  }
  std::vector<std::string> names;
  for (const Domain& d : all_domains()) names.emplace_back(d.name);
  require_known(s.domains, names, "domain", "domains");
  for (const std::string& name : names) {
    const bool wanted = s.domains.empty() || matches_any(s.domains, name);
    if (wanted && matches_any(property.domains, name)) space.domains.push_back(name);
  }
  return space;
}

}  // namespace xent
