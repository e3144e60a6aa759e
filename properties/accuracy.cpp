// SPDX-License-Identifier: Apache-2.0
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "properties/findings.h"
#include "properties/recipe.h"

namespace xent {
namespace {

std::string best_class(const Judged& all, std::size_t kernel) {
  bool judged = false, relative = true, standard = true, declared = true;
  for (std::size_t p = 0; p < all.plan.properties.size(); ++p) {
    if (!is_accuracy(all.plan.properties[p].id)) continue;
    for (const JudgedEntry& e : entries_of(all, kernel, p)) {
      judged = true;
      relative &= e.entry->relative;
      standard &= e.entry->standard;
      declared &= e.entry->judgement.verdict == Verdict::pass;
    }
  }
  if (!judged) return {};
  return relative ? "relative" : standard ? "standard" : declared ? "declared" : "none";
}

/// Promises that were not made and kept wherever they were tried.
std::vector<std::string> kept(const Judged& all, std::size_t kernel) {
  Promises kept;
  for (std::size_t p = 0; p < all.plan.properties.size(); ++p) {
    const std::string& id = all.plan.properties[p].id;
    const Bitwise* const about = bitwise(id);
    std::int64_t tried = 0, held = 0;
    for (const JudgedEntry& e : entries_of(all, kernel, p)) {
      tried += e.entry->kept.has_value();
      held += e.entry->kept.value_or(false);
    }
    if (about && tried > 0 && held == tried) kept.*about->promise = true;
  }
  return promise_names(kept);
}

/// How much a profile says, the most first: cross-entropy without options, with them, anything.
constexpr std::string_view kProblems[] = {"op=ce", "op=ce, options", "all"};

std::size_t rank_of(const Problem& p) {
  return is_plain_ce(p) ? 0 : p.op == Op::ce && p.targets == TargetKind::index ? 1 : 2;
}

/// Of one output in one format.
struct Profile {
  std::size_t rank = std::size(kProblems);
  std::int64_t cases = 0;
  ErrorSamples errors;
};

void add_profiles(const Judged& all, std::size_t kernel, std::size_t property, Results& results) {
  std::map<DType, Profile> profiles;
  for (const JudgedEntry& e : entries_of(all, kernel, property)) {
    const Problem& p = e.job->recipe.problem;
    Profile& profile = profiles[p.output_dtype()];
    if (!errors_of(e) || rank_of(p) > profile.rank) continue;
    if (rank_of(p) < profile.rank) profile = {rank_of(p), 0, {}};
    ++profile.cases;
    profile.errors.append(*errors_of(e));
  }
  const std::string_view id = all.plan.properties[property].id;
  for (const auto& [dtype, profile] : profiles) {
    if (profile.cases == 0) continue;
    results.accuracy.push_back({all.kernels[kernel].name, std::string(id.substr(0, id.find('.'))),
                                std::string(name(dtype)), std::string(kProblems[profile.rank]),
                                profile.cases, profile.errors.profile()});
  }
}

}  // namespace

std::vector<JudgedEntry> entries_of(const Judged& all, std::size_t kernel, std::size_t property) {
  std::vector<JudgedEntry> entries;
  for (std::size_t i = 0; i < all.plan.jobs.size(); ++i) {
    if (all.plan.jobs[i].property != property || all.entries[i].empty()) continue;
    const Entry& e = all.entries[i][kernel];
    if (e.judgement.verdict != Verdict::skip) {
      entries.push_back({&all.plan.properties[property], &all.plan.jobs[i], &e});
    }
  }
  return entries;
}

const ErrorSamples* errors_of(const JudgedEntry& e) {
  const bool mixed = e.property->id != "loss.accurate" && e.job->recipe.problem.wants_loss();
  const ErrorSamples* errors = &e.entry->judgement.errors;
  if (mixed) errors = e.entry->gradient ? &*e.entry->gradient : nullptr;
  return errors && errors->size() > 0 ? errors : nullptr;
}

bool is_plain_ce(const Problem& problem) {
  Problem p = problem;
  p.stride = 0;
  p.dialect = Problem{}.dialect;
  return p.op == Op::ce && p.targets == TargetKind::index && is_plain(p);
}

void add_accuracy(const Judged& all, Results& results) {
  const std::size_t first = results.kernels.size() - all.kernels.size();
  for (std::size_t k = 0; k < all.kernels.size(); ++k) {
    results.kernels[first + k].best_class = best_class(all, k);
    results.kernels[first + k].kept = kept(all, k);
    for (std::size_t p = 0; p < all.plan.properties.size(); ++p) {
      const std::string& id = all.plan.properties[p].id;
      if (id == "loss.accurate" || id == "grad.accurate") add_profiles(all, k, p, results);
    }
  }
}

}  // namespace xent
