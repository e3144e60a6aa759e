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

namespace xent {
namespace {

std::set<std::string> keys_of(const std::string& text) {
  std::set<std::string> keys;
  for (const std::string_view word : words(text)) keys.emplace(word.substr(0, word.find('=')));
  return keys;
}

/// The problem agrees with `wish` in the keys that choose.
bool chosen(const Problem& p, const Problem& wish, const std::set<std::string>& keys) {
  return (!keys.contains("op") || p.op == wish.op) &&
         (!keys.contains("dir") || p.dir == wish.dir) &&
         (!keys.contains("dtype") || p.dtype == wish.dtype) &&
         (!keys.contains("reduction") || p.reduction == wish.reduction) &&
         (!keys.contains("targets") || p.targets == wish.targets) &&
         (!keys.contains("upstream") || p.upstream == wish.upstream);
}

/// `wish` with the property's own choices where the text is silent.
Problem merged(const Problem& p, const Problem& wish, const std::set<std::string>& keys) {
  Problem m = wish;
  m.op = p.op;
  m.dir = p.dir;
  m.dtype = keys.contains("dtype") ? wish.dtype : p.dtype;
  m.reduction = p.reduction;
  m.targets = p.targets;
  m.upstream = p.upstream;
  return m;
}

void append_unique(std::vector<Problem>& all, const Problem& p) {
  if (std::find(all.begin(), all.end(), p) == all.end()) all.push_back(p);
}

std::vector<Problem> narrowed(const std::vector<Problem>& own, const Selection& s) {
  const std::set<std::string> keys = keys_of(s.problem);
  const std::vector<Problem> wishes = parse_problems(s.problem);
  // The theorems are stated for f32 and f64; other types take the place of f32.
  const auto stated = [](const Problem& w) {
    return w.dtype == DType::f32 || w.dtype == DType::f64;
  };
  std::vector<Problem> kept;
  for (const Problem& p : own) {
    for (const Problem& wish : wishes) {
      Problem as = p;
      if (!stated(wish) && p.dtype == DType::f32) as.dtype = wish.dtype;
      if (!chosen(as, wish, keys)) continue;
      Problem m = merged(as, wish, keys);
      m.n = 1;
      m.v = 2;
      append_unique(kept, m);
    }
  }
  return kept;
}

void sizes_from(const Selection& s, RecipeSpace& space) {
  const std::set<std::string> keys = keys_of(s.problem);
  std::set<std::int64_t> rows, classes;
  for (const Problem& p : parse_problems(s.problem)) {
    rows.insert(p.n);
    classes.insert(p.v);
  }
  if (keys.contains("n")) space.rows.assign(rows.begin(), rows.end());
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

void require_known(const std::vector<std::string>& globs, const std::vector<std::string>& names,
                   const std::string& what) {
  for (const std::string& g : globs) {
    if (g.find_first_of("*?") != std::string::npos) continue;
    if (std::find(names.begin(), names.end(), g) == names.end()) {
      throw UsageError("unknown " + what + " '" + g + "'" + nearest_hint(g, names));
    }
  }
}

}  // namespace

const std::vector<Profile>& profiles() {
  static const std::vector<Profile> all = {
      {"smoke",
       {1, 2, 3, 7, 33, 65},
       {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 130, 257, 1025, 4097},
       8192,
       60},
      {"ci",
       {1, 3, 33},
       {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 130, 255, 257,
        511, 513, 1000, 1023, 1025, 4095, 4097, 32000},
       16384,
       150},
      {"nightly",
       {1, 2, 3, 5, 33, 64},
       {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257,
        511, 513, 1000, 1023, 1025, 2047, 2049, 4095, 4097, 32000, 50257, 128256},
       131072,
       1000},
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
  require_known(s.properties, ids, "property");
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
  for (const std::string& text : property.problems) {
    for (const Problem& p : parse_problems(text)) {
      const bool valid = p.upstream != Upstream::row || p.reduction == Reduction::none;
      if (valid) append_unique(space.problems, p);
    }
  }
  if (!s.problem.empty()) {
    space.problems = narrowed(space.problems, s);
    sizes_from(s, space);
  }
  if (!s.dialect.empty()) {
    for (Problem& p : space.problems) p.dialect = find_dialect(s.dialect).name;
  }
  std::vector<std::string> names;
  for (const Domain& d : all_domains()) names.emplace_back(d.name);
  require_known(s.domains, names, "domain");
  for (const std::string& name : names) {
    const bool wanted = s.domains.empty() || matches_any(s.domains, name);
    if (wanted && matches_any(property.domains, name)) space.domains.push_back(name);
  }
  return space;
}

}  // namespace xent
