// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "cli/terminal.h"
#include "core/text.h"

namespace xent {
namespace {

struct Totals {
  std::int64_t passed = 0, failed = 0, skipped = 0, other = 0;
  std::int64_t cases = 0, checks = 0;
  std::int64_t outputs = 0;  ///< compared with an enclosure
  double worst = 0;
};

/// What was not measured is not 0.
std::string worst_text(const Totals& t) {
  return t.outputs > 0 || t.worst > 0 ? fmt::format("{:.3g}", t.worst) : "-";
}

void add(Totals& t, const VerdictRow& r) {
  const bool fail = r.verdict == Verdict::fail || r.vacuous;
  t.failed += fail;
  t.passed += !fail && r.verdict == Verdict::pass;
  t.skipped += r.verdict == Verdict::skip;
  t.other += r.verdict == Verdict::inconclusive || r.verdict == Verdict::error;
  t.cases += r.cases;
  t.checks += r.checks;
  t.outputs += r.worst.outputs;
  t.worst = std::max(t.worst, r.worst.error_over_bound);
}

std::string counts(const Totals& t) {
  std::vector<std::string> parts;
  if (t.passed) parts.push_back(fmt::format("{} passed", t.passed));
  if (t.failed) parts.push_back(fmt::format("{} failed", t.failed));
  if (t.skipped) parts.push_back(fmt::format("{} skipped", t.skipped));
  if (t.other) parts.push_back(fmt::format("{} undecided", t.other));
  return join(parts, ", ");
}

std::string word(const Totals& t, bool expected_to_fail) {
  if (t.other) return bad("?    ");
  if (t.failed) return expected_to_fail ? dim("xfail") : bad("FAIL ");
  if (!t.passed) return dim("skip ");
  return expected_to_fail ? bad("XPASS") : good("pass ");
}

/// Of a kernel that is not built in: where it is from and how accurate it was found to be.
void print_profile(const KernelInfo& k, const Results& r) {
  std::string text = "from " + k.origin;
  if (!k.best_class.empty()) text += "; accuracy class attained: " + k.best_class;
  fmt::print("{}", wrapped(text, 6));
  bool head = false;
  for (const AccuracyRow& a : r.accuracy) {
    if (a.kernel != k.name || a.errors.outputs == 0) continue;
    if (!head) {
      fmt::print("      {:<10}{:>11}{:>10}{:>11}{:>9}{:>9}{:>10}\n", a.problems, "outputs",
                 "mean ulp", "p99.9 ulp", "worst", "bias", "of bound");
    }
    head = true;
    const ErrorProfile& e = a.errors;
    fmt::print("      {:<10}{:>11}{:>10.3g}{:>11.3g}{:>9.2g}{:>+9.2g}{:>10.3g}\n",
               a.output + " " + a.dtype, e.outputs, e.mean_ulp, e.p999_ulp, std::abs(e.ulp),
               e.bias_ulp, e.error_over_bound);
  }
}

void print_finding(const Finding& f) {
  std::string text = fmt::format("finding {} {}: {}", f.kernel, f.id, f.message);
  if (f.cases > 1) text += fmt::format(" ({} cases)", f.cases);
  fmt::print("\n{}", wrapped(text, 0));
  for (const std::string_view line : split(f.witness, '\n')) {
    if (!line.empty()) fmt::print("{}", wrapped(line, 2));
  }
  if (!f.replay.empty()) fmt::print("  replay   {}\n", f.replay);
}

void print_kernels(const Results& r) {
  fmt::print("\n");
  for (const KernelInfo& k : r.kernels) {
    Totals t;
    bool expected = false;
    std::string reason;
    for (const VerdictRow& row : r.verdicts) {
      if (row.kernel != k.name) continue;
      add(t, row);
      expected |= row.expected_to_fail && r.expectations;
      if (reason.empty()) reason = row.reason;
    }
    const std::string line = fmt::format("{:<26} {}", k.name, counts(t));
    const bool fits = line.size() + reason.size() + 8 <= static_cast<std::size_t>(terminal_width());
    fmt::print("{} {}", word(t, expected), line);
    if (t.cases > 0) fmt::print("; {} cases, error/bound {}\n", t.cases, worst_text(t));
    else if (fits) fmt::print("  {}\n", reason);
    else fmt::print("\n{}", wrapped(reason, 6));
    if (!k.origin.empty()) print_profile(k, r);
  }
}

void print_properties(const Results& r) {
  const auto judged = [](const VerdictRow& row) { return row.verdict != Verdict::skip; };
  if (std::none_of(r.verdicts.begin(), r.verdicts.end(), judged)) return fmt::print("\n");
  fmt::print("\n{:<28} {:<5} {:>6} {:>9} {:>11} {:>5} {:>5}\n", "property", "", "cases", "checks",
             "error/bound", "power", "floor");
  for (const PropertyInfo& p : r.properties) {
    Totals t;
    std::optional<double> power;
    double floor = 0;
    for (const VerdictRow& row : r.verdicts) {
      if (row.property != p.id || (r.expectations && row.expected_to_fail)) continue;
      add(t, row);
      floor = row.floor;
      if (row.power) power = std::min(power.value_or(1.0), *row.power);
    }
    const std::string shown = power ? fmt::format("{:.2f}", *power) : "-";
    if (t.passed + t.failed + t.other == 0) continue;
    fmt::print("{:<28} {} {:>6} {:>9} {:>11} {:>5} {:>5}\n", p.id, word(t, false),
               t.cases, t.checks, worst_text(t), shown,
               power ? fmt::format("{:.2f}", floor) : "-");
  }
}

/// Properties that no kernel was judged by, those of one reason together.
void print_skipped(const Results& r) {
  std::map<std::string, std::set<std::string>> by_property;
  std::set<std::string> judged;
  for (const VerdictRow& row : r.verdicts) {
    if (row.verdict == Verdict::skip) by_property[row.property].insert(row.reason);
    else judged.insert(row.property);
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;
  for (const PropertyInfo& p : r.properties) {
    const auto reasons = by_property.find(p.id);
    if (judged.contains(p.id) || reasons == by_property.end()) continue;
    const std::string reason = *reasons->second.begin();
    auto at = std::find_if(groups.begin(), groups.end(),
                           [&](const auto& group) { return group.first == reason; });
    if (at == groups.end()) at = groups.insert(groups.end(), {reason, {}});
    at->second.push_back(p.id);
  }
  for (const auto& [reason, ids] : groups) {
    constexpr std::size_t kMost = 3;
    const std::string which = ids.size() <= kMost ? join(ids, ", ")
                                                  : fmt::format("{} properties", ids.size());
    fmt::print("{} {}", dim("skip "), wrapped(which + ": " + reason, 6).substr(6));
  }
}

std::string excluded_text(const Results& r) {
  std::map<std::string, std::int64_t> all;
  for (const VerdictRow& row : r.verdicts) {
    for (const auto& [name, count] : row.excluded) all[name] += count;
  }
  std::vector<std::string> parts;
  for (const auto& [name, count] : all) parts.push_back(fmt::format("{} {}", name, count));
  return join(parts, ", ");
}

void print_failure(const VerdictRow& row, const std::string& title, bool expected) {
  fmt::print("\n{} {} {} {}\n", expected ? dim("expected to fail:") : bad("FAIL"), row.kernel,
             dim("violates"), bold(row.property));
  fmt::print("{}", wrapped(title, 2));
  if (row.vacuous || row.verdict == Verdict::error) fmt::print("{}", wrapped(row.reason, 2));
  if (!row.counterexample) return;
  const Counterexample& c = *row.counterexample;
  fmt::print("{}", wrapped("problem  " + c.problem, 2));
  for (const std::string_view line : split(c.data, '\n')) {
    fmt::print("{}", wrapped("data     " + std::string(line), 2));
  }
  fmt::print("{}", wrapped("wrong    " + c.message, 2));
  if (!c.replay.empty()) fmt::print("  replay   {}\n", c.replay);
}

/// A crash met by many properties is told once, by the first of them; its other ones, by kernel.
class SameEnd {
 public:
  explicit SameEnd(const Results& r) {
    for (const VerdictRow& row : r.verdicts) {
      if (ended(row)) others_[key(row)].push_back(row.property);
    }
  }
  bool told(const VerdictRow& row) const {
    return ended(row) && others_.at(key(row)).front() != row.property;
  }
  void print_others(const VerdictRow& row) const {
    if (!ended(row) || others_.at(key(row)).size() == 1) return;
    const std::vector<std::string> all = others_.at(key(row));
    fmt::print("{}", wrapped("the same in " + join({all.begin() + 1, all.end()}, ", "), 2));
  }

 private:
  using Key = std::pair<std::string, std::string>;
  static Key key(const VerdictRow& row) { return {row.kernel, row.counterexample->message}; }
  static bool ended(const VerdictRow& row) {
    return row.counterexample && row.counterexample->message.starts_with("raised: ");
  }
  std::map<Key, std::vector<std::string>> others_;
};

/// Of one kernel; the others are named.
constexpr std::size_t kMostFailures = 12;

std::string case_name(const VerdictRow& row) {
  if (!row.counterexample || row.counterexample->file.empty()) return "";
  return " (" + row.counterexample->file + ")";
}

void print_further(const std::string& kernel, const std::vector<std::string>& failures) {
  if (failures.size() <= kMostFailures) return;
  fmt::print("\n{} {} {}\n", bad("FAIL"), kernel,
             dim(fmt::format("violates {} more", failures.size() - kMostFailures)));
  fmt::print("{}", wrapped(join({failures.begin() + kMostFailures, failures.end()}, ", "), 2));
}

}  // namespace

void print_head(const Results& r, std::size_t kernels) {
  fmt::print("seed {}  profile {}  {} kernel{}\n", r.seed, r.profile, kernels,
             kernels == 1 ? "" : "s");
  std::fflush(stdout);
}

void print_verdicts(const Results& r) {
  print_kernels(r);
  print_properties(r);
  print_skipped(r);
  if (const std::string text = excluded_text(r); !text.empty()) {
    fmt::print("{}", wrapped("not judged, by question: " + text, 0));
  }
  for (const Finding& f : r.findings) print_finding(f);
  for (const std::string& note : r.notes) fmt::print("{}", wrapped("note: " + note, 0));
}

/// Of a kernel that is expected to fail one counterexample tells enough: the stability one if
/// there is one, else the first.
void print_failures(const Results& r) {
  std::map<std::string, std::string> titles;
  for (const PropertyInfo& p : r.properties) titles[p.id] = p.title;
  std::map<std::string, const VerdictRow*> expected;
  std::map<std::string, std::vector<std::string>> failures;
  const SameEnd ends(r);
  for (const VerdictRow& row : r.verdicts) {
    const bool wrong = row.verdict == Verdict::fail || row.verdict == Verdict::error || row.vacuous;
    if (!wrong) continue;
    if (!(r.expectations && row.expected_to_fail)) {
      if (ends.told(row)) continue;
      std::vector<std::string>& shown = failures[row.kernel];
      shown.push_back(row.property + case_name(row));
      if (shown.size() > kMostFailures) continue;
      print_failure(row, titles[row.property], false);
      ends.print_others(row);
      continue;
    }
    const VerdictRow*& slot = expected[row.kernel];
    if (!slot || row.property == "loss.extreme-logits") slot = &row;
  }
  for (const auto& [kernel, shown] : failures) print_further(kernel, shown);
  for (const auto& [kernel, row] : expected) print_failure(*row, titles[row->property], true);
}

void print_tail(const Results& r, Exit code) {
  std::int64_t passed = 0, failed = 0, skipped = 0, expected = 0, undecided = 0;
  for (const VerdictRow& row : r.verdicts) {
    const bool fail = row.verdict == Verdict::fail || row.vacuous;
    if (fail && r.expectations && row.expected_to_fail) ++expected;
    else if (fail) ++failed;
    passed += !fail && row.verdict == Verdict::pass;
    skipped += row.verdict == Verdict::skip;
    undecided += row.verdict == Verdict::inconclusive || row.verdict == Verdict::error;
  }
  fmt::print("\n{} passed, {} failed, {} skipped", passed, failed, skipped);
  if (undecided) fmt::print(", {} undecided", undecided);
  if (expected) fmt::print(", {} failed as expected", expected);
  fmt::print(" in {:.1f} s (seed {})", r.seconds, r.seed);
  if (code == Exit::nothing) fmt::print("; nothing was judged");
  if (code == Exit::inconclusive) fmt::print("; inconclusive");
  fmt::print("\n");
}

}  // namespace xent
