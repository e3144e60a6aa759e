// SPDX-License-Identifier: Apache-2.0
#include "cli/kernels.h"

#include <algorithm>
#include <set>

#include "cli/strangers.h"
#include "cli/unavailable.h"
#include "core/error.h"
#include "core/text.h"
#include "impl/registry.h"

namespace xent {
namespace {

bool is_full_name(const std::string& pattern) {
  return pattern.find_first_of("*?") == std::string::npos && !pattern.starts_with("role:");
}

void require_known(const std::string& name, const std::vector<Kernel>& builtin,
                   const std::vector<Stranger>& others) {
  std::vector<std::string> names;
  for (const Kernel& k : builtin) names.push_back(k.name);
  for (const Stranger& s : others) {
    names.push_back(s.kernel.name);
    if (answers_to(s, name)) return;
  }
  for (std::string& other : unavailable_names()) names.push_back(std::move(other));
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  const bool from_file = others.empty() && name.find('/') != std::string::npos;
  throw UsageError("unknown kernel '" + name + "'" + nearest_hint(name, names) +
                   "; `xentcheck list kernels` shows all" +
                   (from_file ? ", --library or --python brings others" : ""));
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

/// Calls that ask for one thread get what --threads says.
void apply_threads(int threads, Kernel& k) {
  if (threads == 1) return;
  k.bind = [threads, bind = std::move(k.bind)](const TestCase& c, BindOptions b) {
    if (b.threads == 1) b.threads = threads;
    return bind(c, b);
  };
}

std::set<std::string> named_builtin(const std::vector<std::string>& patterns,
                                    const std::vector<Kernel>& builtin) {
  std::set<std::string> names;
  for (const std::string& pattern : patterns) {
    for (const Kernel& k : select(builtin, pattern)) names.insert(k.name);
  }
  return names;
}

/// Reasons of what cannot run here and matches.
std::vector<std::string> reasons(const std::string& pattern) {
  const std::vector<std::string> names = unavailable_names();
  std::vector<std::string> all;
  for (const Unavailable& u : unavailable()) {
    const bool family = std::any_of(names.begin(), names.end(), [&](const std::string& n) {
      return glob_match(u.name, n) && glob_match(pattern, n);
    });
    if (family || glob_match(pattern, u.name)) all.push_back(u.name + ": " + u.reason);
  }
  return all;
}

/// A pattern that none of the kernels answers to, with the reason.
std::string unmet(const std::string& pattern) {
  const std::vector<std::string> why = reasons(pattern);
  return "--kernel " + pattern + ": " + (why.empty() ? "no kernel matches" : why.front());
}

/// Names that mean one kernel; others are looked for among the shorter and longer ones.
std::set<std::string> exact_names(const std::vector<Kernel>& builtin,
                                  const std::vector<Stranger>& others) {
  std::set<std::string> names;
  for (const Kernel& k : builtin) names.insert(k.name);
  for (const Stranger& s : others) names.insert(s.kernel.name);
  return names;
}

bool is_named(const Stranger& s, const std::vector<std::string>& patterns,
              const std::set<std::string>& exact) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return (!exact.contains(pattern) && answers_to(s, pattern)) ||
           !select({s.kernel}, pattern).empty();
  });
}

/// Strangers that --kernel, if it names any, and the globs behind their files leave.
std::vector<const Stranger*> wanted(const std::vector<Stranger>& all, const Options& o,
                                    const std::set<std::string>& exact) {
  std::vector<const Stranger*> named, rest;
  for (const Stranger& s : all) {
    if (s.wanted) rest.push_back(&s);
    if (s.wanted && is_named(s, o.kernels, exact)) named.push_back(&s);
  }
  const bool only_named = !named.empty() || (o.command == "replay" && !o.kernels.empty());
  return only_named ? named : rest;
}

}  // namespace

std::string ChosenKernels::replay_options(const Kernel& k, const Options& o) const {
  std::string text;
  if (const auto at = brought_by.find(k.name); at != brought_by.end()) {
    text += at->second;
    const Options usual;
    if (o.deadline != usual.deadline) text += " --deadline " + shortest(o.deadline);
    if (o.memory != usual.memory) text += " --memory " + shortest(o.memory);
  }
  if (!o.promise.empty()) text += " --promise " + shell_word(o.promise);
  if (o.threads != 1) text += " --threads " + std::to_string(o.threads);
  return text;
}

ChosenKernels chosen_kernels(const Options& o) {
  const std::vector<Kernel> builtin = builtin_kernels();
  const std::vector<Stranger> others = strangers(o);
  std::vector<std::string> patterns = o.kernels;
  if (patterns.empty() && others.empty()) {
    patterns = {"*"};
    if (o.command == "run") patterns.push_back("role:example-of-failure");
  }
  for (const std::string& pattern : patterns) {
    if (is_full_name(pattern)) require_known(pattern, builtin, others);
  }
  ChosenKernels choice;
  const std::set<std::string> names = named_builtin(patterns, builtin);
  for (const Kernel& k : builtin) {
    if (names.contains(k.name)) choice.kernels.push_back(k);
  }
  for (const Stranger* s : wanted(others, o, exact_names(builtin, others))) {
    choice.kernels.push_back(s->kernel);
    choice.brought_by[s->kernel.name] = s->option;
  }
  const std::set<std::string> exact = exact_names(builtin, others);
  for (const std::string& pattern : o.kernels) {
    const bool met = !select(builtin, pattern).empty() ||
                     std::any_of(others.begin(), others.end(), [&](const Stranger& s) {
                       return is_named(s, {pattern}, exact);
                     });
    if (!met) choice.unmet.push_back(unmet(pattern));
  }
  for (Kernel& k : choice.kernels) {
    if (!o.promise.empty()) apply_promises(o.promise, k.promises);
    apply_threads(o.threads, k);
  }
  return choice;
}

std::string why_none(const Options& o) {
  std::vector<std::string> asked = o.kernels;
  asked.insert(asked.end(), o.libraries.begin(), o.libraries.end());
  asked.insert(asked.end(), o.pythons.begin(), o.pythons.end());
  std::string text = "no kernel matches " + join(asked, " ") +
                     "; globs choose products, role:mutant or a full name the others";
  std::set<std::string> all;
  for (const std::string& pattern : o.kernels) {
    for (std::string& reason : reasons(pattern)) all.insert(std::move(reason));
  }
  for (const std::string& reason : all) text += "\nskip " + reason;
  return text;
}

}  // namespace xent
