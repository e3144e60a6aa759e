// SPDX-License-Identifier: Apache-2.0
#include "core/results.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace xent {
namespace {

bool judged(const VerdictRow& row) { return row.verdict != Verdict::skip; }

template <class Range, class Predicate>
bool any(const Range& range, Predicate holds) {
  return std::any_of(range.begin(), range.end(), holds);
}

// Kernels that are expected to fail, were judged, and failed nowhere.
bool an_expected_failure_passed(const Results& results) {
  std::map<std::string, bool> failed;
  for (const VerdictRow& row : results.verdicts) {
    if (!row.expected_to_fail || !judged(row)) continue;
    failed[row.kernel] = failed[row.kernel] || row.verdict == Verdict::fail;
  }
  return any(failed, [](const auto& kernel) { return !kernel.second; });
}

double weighted(double a, double weight_a, double b, double weight_b) {
  const double total = weight_a + weight_b;
  return total > 0 ? (a * weight_a + b * weight_b) / total : 0;
}

void merge_profile(ErrorProfile& into, const ErrorProfile& from) {
  const auto a = static_cast<double>(into.outputs);
  const auto b = static_cast<double>(from.outputs);
  into.outputs += from.outputs;
  into.error_over_bound = std::max(into.error_over_bound, from.error_over_bound);
  into.p999_over_bound = std::max(into.p999_over_bound, from.p999_over_bound);
  into.mean_over_bound = weighted(into.mean_over_bound, a, from.mean_over_bound, b);
  if (std::abs(from.ulp) > std::abs(into.ulp)) into.ulp = from.ulp;
  into.p999_ulp = std::max(into.p999_ulp, from.p999_ulp);
  into.mean_ulp = weighted(into.mean_ulp, a, from.mean_ulp, b);
  into.bias_ulp = weighted(into.bias_ulp, a, from.bias_ulp, b);
  into.max_abs = std::max(into.max_abs, from.max_abs);
  into.max_conditioned = std::max(into.max_conditioned, from.max_conditioned);
}

void merge_power(VerdictRow& into, const VerdictRow& from) {
  const auto a = static_cast<double>(into.cases);
  const auto b = static_cast<double>(from.cases);
  for (const auto& [substitute, share] : from.rejected) {
    const auto at = into.rejected.find(substitute);
    into.rejected[substitute] = at == into.rejected.end() ? share
                                                          : weighted(at->second, a, share, b);
  }
  if (into.power && from.power) {
    into.power = weighted(*into.power, a, *from.power, b);
  } else if (from.power) {
    into.power = from.power;
  }
  into.floor = std::max(into.floor, from.floor);
  into.vacuous = into.verdict == Verdict::pass &&
                 (into.power ? *into.power < into.floor : into.vacuous || from.vacuous);
}

void merge_row(VerdictRow& into, const VerdictRow& from) {
  const Verdict verdict = graver(into.verdict, from.verdict);
  const bool from_is_worse =
      verdict != into.verdict || (verdict == from.verdict && verdict != Verdict::fail &&
                                  from.worst.error_over_bound > into.worst.error_over_bound);
  if (from_is_worse) {
    into.problem = from.problem;
    into.reason = from.reason;
  }
  if (!into.counterexample) into.counterexample = from.counterexample;
  merge_power(into, from);
  into.verdict = verdict;
  into.cases += from.cases;
  into.checks += from.checks;
  into.skipped += from.skipped;
  for (const auto& [why, count] : from.skip_reasons) into.skip_reasons[why] += count;
  for (const auto& [why, count] : from.excluded) into.excluded[why] += count;
  merge_profile(into.worst, from.worst);
}

void keep_common(std::vector<std::string>& into, const std::vector<std::string>& from) {
  std::erase_if(into, [&](const std::string& s) {
    return std::find(from.begin(), from.end(), s) == from.end();
  });
}

/// Unknown ones are worst; what was not judged says nothing.
std::ptrdiff_t class_rank(std::string_view best_class) {
  constexpr std::string_view worst_first[] = {"declared", "standard", "relative", ""};
  const auto at = std::find(std::begin(worst_first), std::end(worst_first), best_class);
  return at == std::end(worst_first) ? -1 : at - std::begin(worst_first);
}

void merge_kernel(KernelInfo& into, const KernelInfo& from) {
  if (into.origin != from.origin) {
    throw UsageError(fmt::format("cannot merge results of different kernels: {} is from '{}' and "
                                 "from '{}'",
                                 into.name, into.origin, from.origin));
  }
  if (class_rank(from.best_class) < class_rank(into.best_class)) into.best_class = from.best_class;
  keep_common(into.kept, from.kept);
}

template <class T, class Same, class Join>
void merge_list(std::vector<T>& into, std::vector<T>& from, Same same, Join join) {
  for (T& item : from) {
    const auto at = std::find_if(into.begin(), into.end(),
                                 [&](const T& present) { return same(present, item); });
    if (at == into.end()) {
      into.push_back(std::move(item));
    } else {
      join(*at, item);
    }
  }
}

template <class T>
void append(std::vector<T>& into, std::vector<T>& from) {
  std::move(from.begin(), from.end(), std::back_inserter(into));
}

void add_new(std::vector<std::string>& into, const std::vector<std::string>& from) {
  for (const std::string& s : from) {
    if (std::find(into.begin(), into.end(), s) == into.end()) into.push_back(s);
  }
}

/// What is shown of a claim is the graver shard's; what was counted adds up.
void merge_claim(ClaimRow& into, const ClaimRow& from) {
  const ClaimRow other = into.verdict == graver(into.verdict, from.verdict)
                             ? from
                             : std::exchange(into, from);
  add_new(into.properties, other.properties);
  add_new(into.kernels, other.kernels);
  into.cases += other.cases;
  into.checks += other.checks;
  into.error_over_bound = std::max(into.error_over_bound, other.error_over_bound);
}

void merge_accuracy(AccuracyRow& into, const AccuracyRow& from) {
  into.cases += from.cases;
  merge_profile(into.errors, from.errors);
}

void require_same_run(const Results& a, const Results& b) {
  const auto differ = [](std::string_view what, const auto& x, const auto& y) {
    if (x == y) return;
    throw UsageError(fmt::format("cannot merge results of different runs: {} {} and {}", what, x,
                                 y));
  };
  differ("schema", a.schema, b.schema);
  differ("seed", a.seed, b.seed);
  differ("profile", a.profile, b.profile);
  differ("expectations", a.expectations, b.expectations);
}

void merge_into(Results& into, Results& from) {
  const auto keep_first = [](auto&, auto&) {};
  merge_list(into.kernels, from.kernels,
             [](const auto& a, const auto& b) { return a.name == b.name; }, merge_kernel);
  merge_list(into.properties, from.properties,
             [](const auto& a, const auto& b) { return a.id == b.id; }, keep_first);
  merge_list(into.verdicts, from.verdicts,
             [](const auto& a, const auto& b) {
               return a.kernel == b.kernel && a.property == b.property;
             },
             merge_row);
  merge_list(into.claims, from.claims, [](const auto& a, const auto& b) { return a.id == b.id; },
             merge_claim);
  merge_list(into.findings, from.findings,
             [](const auto& a, const auto& b) {
               return a.kernel == b.kernel && a.id == b.id;
             },
             [](Finding& a, const Finding& b) { a.cases += b.cases; });
  merge_list(into.accuracy, from.accuracy,
             [](const AccuracyRow& a, const AccuracyRow& b) {
               return a.kernel == b.kernel && a.output == b.output && a.dtype == b.dtype &&
                      a.problems == b.problems;
             },
             merge_accuracy);
  merge_list(into.notes, from.notes, [](const auto& a, const auto& b) { return a == b; },
             keep_first);
  append(into.exponentials, from.exponentials);
  append(into.timings, from.timings);
  append(into.limits, from.limits);
  into.seconds += from.seconds;
  into.strict |= from.strict;
}

}  // namespace

Exit exit_code(const Results& results, bool strict) {
  const std::vector<VerdictRow>& rows = results.verdicts;
  // The verdict of a kernel that is expected to fail counts only in an_expected_failure_passed.
  // Nor do peers count: they are there to be compared with.
  std::set<std::string> peers;
  for (const KernelInfo& k : results.kernels) {
    if (k.role == "peer") peers.insert(k.name);
  }
  const auto counts = [&](const VerdictRow& row) {
    return !(results.expectations && row.expected_to_fail) && !peers.contains(row.kernel);
  };
  const auto has = [&](Verdict verdict) {
    return any(rows, [&](const VerdictRow& r) { return counts(r) && r.verdict == verdict; });
  };
  if (any(rows, [](const VerdictRow& r) { return r.verdict == Verdict::error; })) {
    return Exit::internal;
  }
  const bool vacuous = any(rows, [&](const VerdictRow& r) { return counts(r) && r.vacuous; });
  const bool survivor = results.expectations && an_expected_failure_passed(results);
  const bool claim_failed =
      any(results.claims, [](const ClaimRow& c) { return is_failure(c.verdict); });
  if (has(Verdict::fail) || vacuous || survivor || claim_failed) return Exit::failed;
  if ((strict || results.strict) && !results.findings.empty()) return Exit::failed;
  if (has(Verdict::inconclusive)) return Exit::inconclusive;
  const bool claim_judged = any(
      results.claims, [](const ClaimRow& c) { return c.verdict != ClaimVerdict::skipped; });
  return any(rows, judged) || claim_judged ? Exit::ok : Exit::nothing;
}

Results merge(std::vector<Results> shards) {
  if (shards.empty()) throw UsageError("no results to merge");
  std::set<std::pair<std::string, std::string>> runs;
  for (const Results& r : shards) {
    // What was never run (a test's own results) has no start.
    const bool fresh = runs.emplace(r.command, r.environment.started).second;
    if (!fresh && !r.environment.started.empty()) {
      throw UsageError("the same run twice: " + r.command + "; merging counts its cases twice");
    }
  }
  Results whole = std::move(shards.front());
  for (std::size_t i = 1; i < shards.size(); ++i) {
    require_same_run(whole, shards[i]);
    merge_into(whole, shards[i]);
  }
  return whole;
}

}  // namespace xent
