// SPDX-License-Identifier: Apache-2.0
#include "cli/kernels.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "impl/registry.h"

namespace xent {
namespace {

bool is_full_name(const std::string& pattern) {
  return pattern.find_first_of("*?") == std::string::npos && !pattern.starts_with("role:");
}

void require_known(const std::string& name, const std::vector<Kernel>& all) {
  std::vector<std::string> names;
  for (const Kernel& k : all) names.push_back(k.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  for (const Unavailable& u : unavailable_kernels()) {
    if (u.name == name) return;  // why_none gives the reason
  }
  throw UsageError("unknown kernel '" + name + "'" + nearest_hint(name, names) +
                   "; `xentcheck list kernels` shows all");
}

void apply_promises(const std::string& list, Promises& p) {
  const std::vector<std::pair<std::string_view, bool Promises::*>> table = {
      {"repeatable", &Promises::repeatable},
      {"batch-invariant", &Promises::batch_invariant},
      {"alignment-invariant", &Promises::alignment_invariant},
      {"thread-invariant", &Promises::thread_invariant},
      {"shift-exact", &Promises::shift_exact},
      {"sign-exact", &Promises::sign_exact},
      {"in-place", &Promises::in_place}};
  std::vector<std::string> known;
  for (const auto& [name, field] : table) known.emplace_back(name);
  for (const std::string_view word : split(list, ',')) {
    const auto it = std::find_if(table.begin(), table.end(),
                                 [&](const auto& entry) { return entry.first == word; });
    if (it == table.end()) {
      throw UsageError("--promise: unknown promise '" + std::string(word) + "'; there are " +
                       join(known, ", "));
    }
    p.*(it->second) = true;
  }
}

}  // namespace

std::vector<Kernel> chosen_kernels(const Options& o) {
  const std::vector<Kernel> all = builtin_kernels();
  std::vector<std::string> patterns = o.kernels;
  if (patterns.empty()) {
    patterns = {"*"};
    if (o.command == "run") patterns.push_back("role:example-of-failure");
  }
  std::set<std::string> names;
  for (const std::string& pattern : patterns) {
    if (is_full_name(pattern)) require_known(pattern, all);
    for (const Kernel& k : select(all, pattern)) names.insert(k.name);
  }
  std::vector<Kernel> chosen;
  for (const Kernel& k : all) {
    if (!names.contains(k.name)) continue;
    chosen.push_back(k);
    if (!o.promise.empty()) apply_promises(o.promise, chosen.back().promises);
  }
  return chosen;
}

std::string why_none(const Options& o) {
  std::string text = "no kernel matches " + join(o.kernels, " ") +
                     "; globs choose products, role:mutant or a full name the others";
  for (const Unavailable& u : unavailable_kernels()) {
    for (const std::string& pattern : o.kernels) {
      if (glob_match(pattern, u.name) || glob_match(u.name, pattern) || pattern == u.name) {
        text += "\nskip " + u.name + ": " + u.reason;
        break;
      }
    }
  }
  return text;
}

}  // namespace xent
