// SPDX-License-Identifier: Apache-2.0
#include "properties/lost_digits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "core/text.h"
#include "properties/counterexample.h"

namespace xent {
namespace {

/// Cases of one domain that miss a class.
struct Missed {
  std::size_t kernel;
  std::string_view better;  ///< the class
  const Job* smallest = nullptr;
  std::int64_t cases = 0;
  double worst = 0;  ///< most ulps of one output
};

void add(Missed& m, const JudgedEntry& e) {
  // Gradients alone first: of both it would not be known which of them it is.
  const auto cost = [](const Job& j) {
    return std::pair(j.recipe.problem.wants_loss(), j.recipe.problem.n * j.recipe.problem.v);
  };
  ++m.cases;
  m.worst = std::max(m.worst, std::fabs(e.entry->judgement.errors.profile().ulp));
  if (!m.smallest || cost(*e.job) < cost(*m.smallest)) m.smallest = e.job;
}

/// By class and domain, of cases on which the kernel keeps to its own budget.
std::map<std::pair<std::string_view, std::string>, Missed> missed(const Judged& all,
                                                                  std::size_t kernel,
                                                                  std::size_t property) {
  std::map<std::pair<std::string_view, std::string>, Missed> found;
  for (const JudgedEntry& e : entries_of(all, kernel, property)) {
    if (e.entry->judgement.verdict != Verdict::pass || e.entry->relative) continue;
    const std::string_view better = e.entry->standard ? "relative" : "standard";
    const auto at = found.try_emplace({better, e.job->recipe.domain}, Missed{kernel, better});
    add(at.first->second, e);
  }
  return found;
}

std::vector<Missed> all_missed(const Judged& all, std::size_t kernel) {
  std::vector<Missed> list;
  for (std::size_t p = 0; p < all.plan.properties.size(); ++p) {
    const std::string& id = all.plan.properties[p].id;
    // Of options there are losses and gradients once more.
    if (!is_accuracy(id) || (id == "options.accurate" && !list.empty())) continue;
    for (const auto& [key, m] : missed(all, kernel, p)) list.push_back(m);
  }
  return list;
}

ToShrink to_shrink(const Judged& all, const Missed& m, const VerifyOptions& o) {
  const Job& job = *m.smallest;
  return {&all.plan.properties[job.property], &all.kernels[m.kernel],
          &all.plan.spaces[job.property], job.recipe, o.tensors ? case_of(job, o) : TestCase{},
          {}, "", m.better == "relative" ? ErrorBudget::relative : ErrorBudget::standard};
}

/// Where digits were lost.
struct Place {
  std::string_view id;
  std::string_view words;
};

Place place(const TestCase& c) {
  const Op op = c.problem.op;
  if (op == Op::kl) return {"near-equal", "where p and q are nearly equal"};
  const bool scored = (op == Op::ce || op == Op::nll) && c.problem.targets == TargetKind::index;
  Reference reference(c);
  for (std::int64_t row = 0; scored && row < c.problem.n; ++row) {
    if (!c.scored_class(row) || !reference.row_loss(row).is_number()) continue;
    const RowFacts& f = reference.facts(row);
    // e_y = 1 there, so that p_y = 1 / (1 + t).
    if (f.target_is_max && f.rest < 1) {
      return {"confident-rows", "on rows whose target has most of the probability"};
    }
    if (f.greatest > f.greatest_gap) {
      return {"offset-rows", "on rows whose logits lie far from 0, all on one side"};
    }
  }
  return {"lost-digits", "where the exact value is small"};
}

std::string ulps(double x) {
  return std::isfinite(x) ? fmt::format("{:.3g} ulp", x) : "infinitely many ulp";
}

/// What is said of some domains together, once it is known that their cause is one.
struct Cause {
  Missed missed;
  Place place;
  const ToShrink* witness;
};

bool is_loss(const ToShrink& s) { return s.judgement.message.starts_with("loss"); }

LostDigits told(const Judged& all, const Cause& cause) {
  const ToShrink& s = *cause.witness;
  const ErrorProfile e = s.judgement.errors.profile();
  const double error = std::fabs(e.ulp);
  Finding f;
  f.kernel = all.kernels[cause.missed.kernel].name;
  f.id = fmt::format("accuracy.{}.{}", cause.place.id, is_loss(s) ? "loss" : "grad");
  f.message = fmt::format(
      "digits of {} are lost {}: off by {} where class {} allows {}, in the worst case by {}",
      is_loss(s) ? "losses" : "gradients", cause.place.words, ulps(error), cause.missed.better,
      ulps(error / e.error_over_bound), ulps(std::max(cause.missed.worst, error)));
  f.witness = join({s.found->problem, s.found->data, s.found->message}, "\n");
  f.cases = cause.missed.cases;
  return {std::move(f), cause.missed.kernel, s.property->id, s.test_case};
}

/// The smaller witness stands for both.
void join_causes(Cause& into, const Cause& from) {
  into.missed.cases += from.missed.cases;
  into.missed.worst = std::max(into.missed.worst, from.missed.worst);
  if (from.witness->test_case.input.size() < into.witness->test_case.input.size()) {
    into.witness = from.witness;
  }
}

std::vector<Cause> causes(const std::vector<Missed>& missed, const std::vector<ToShrink>& shrunk) {
  std::vector<Cause> list;
  for (std::size_t i = 0; i < missed.size(); ++i) {
    if (!shrunk[i].found) continue;
    const Cause cause{missed[i],
                      missed[i].better == "standard"
                          ? Place{"declared-only", "as its own budget allows"}
                          : place(shrunk[i].test_case),
                      &shrunk[i]};
    const auto same = std::find_if(list.begin(), list.end(), [&](const Cause& c) {
      return c.missed.kernel == cause.missed.kernel && c.place.id == cause.place.id &&
             is_loss(*c.witness) == is_loss(*cause.witness);
    });
    if (same == list.end()) list.push_back(cause);
    else join_causes(*same, cause);
  }
  return list;
}

}  // namespace

bool has_findings(const Kernel& k) { return k.role == Role::product || k.role == Role::peer; }

std::vector<LostDigits> lost_digits(const Judged& all, const VerifyOptions& o,
                                    std::vector<std::string>& notes) {
  std::vector<Missed> missed;
  for (std::size_t k = 0; k < all.kernels.size(); ++k) {
    if (!has_findings(all.kernels[k])) continue;
    for (const Missed& m : all_missed(all, k)) missed.push_back(m);
  }
  std::vector<ToShrink> shrunk;
  for (const Missed& m : missed) shrunk.push_back(to_shrink(all, m, o));
  VerifyOptions unsaved = o;
  unsaved.out.clear();
  for (std::string& note : shrink_all(shrunk, unsaved)) notes.push_back(std::move(note));
  std::vector<LostDigits> found;
  for (const Cause& cause : causes(missed, shrunk)) found.push_back(told(all, cause));
  return found;
}

}  // namespace xent
