// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "core/text.h"
#include "reports/summary.h"
#include "reports/text.h"

namespace xent::report {
namespace {

NotJudged& entry(std::vector<NotJudged>& list, const std::string& what) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const NotJudged& n) { return n.what == what; });
  return found == list.end() ? list.emplace_back(NotJudged{what, 0, {}}) : *found;
}

void add(std::vector<NotJudged>& list, const std::string& what, std::int64_t count,
         const std::string& kernel) {
  NotJudged& n = entry(list, what);
  n.count += count;
  if (std::find(n.kernels.begin(), n.kernels.end(), kernel) == n.kernels.end()) {
    n.kernels.push_back(kernel);
  }
}

void include(PowerRow& out, const VerdictRow& row) {
  out.cases += row.cases;
  out.floor = std::max(out.floor, row.floor);
  out.vacuous |= row.vacuous;
  if (row.power && !(out.power && *out.power <= *row.power)) {
    out.power = row.power;
    out.weakest = row.kernel;
  }
  for (const auto& [substitute, rate] : row.rejected) {
    const auto [at, fresh] = out.rejected.emplace(substitute, rate);
    if (!fresh) at->second = std::min(at->second, rate);
  }
}

PowerRow power_row(const Overview& o, const std::string& property,
                   const std::vector<std::string>& kernels) {
  PowerRow out;
  out.property = property;
  bool alike = true;
  for (const std::string& k : kernels) {
    const VerdictRow* row = o.at(k, property);
    if (row == nullptr || (row->cases == 0 && !row->vacuous)) continue;
    alike = alike && (!out.power || out.power == row->power);
    include(out, *row);
  }
  if (alike) out.weakest.clear();
  return out;
}

}  // namespace

std::vector<AccuracyGroup> accuracy_groups(const Overview& o) {
  std::vector<AccuracyGroup> out;
  for (const std::string& p : o.properties) {
    AccuracyGroup group{p, p.ends_with(".accurate"), {}};
    for (const auto* list : {&o.kernels, &o.expected}) {
      for (const std::string& k : *list) {
        const VerdictRow* row = o.at(k, p);
        if (row != nullptr && row->worst.outputs > 0) group.rows.push_back(row);
      }
    }
    if (!group.rows.empty()) out.push_back(std::move(group));
  }
  return out;
}

std::vector<const AccuracyRow*> profile_rows(const Results& r, const Overview& o) {
  std::vector<const AccuracyRow*> out;
  for (const auto* list : {&o.kernels, &o.expected}) {
    for (const std::string& k : *list) {
      for (const AccuracyRow& row : r.accuracy) {
        if (row.kernel == k) out.push_back(&row);
      }
    }
  }
  return out;
}

std::string profile_text(const AccuracyRow& row) {
  const ErrorProfile& e = row.errors;
  return fmt::format("largest {} ulp, p99.9 {}, mean {}, bias {}; error/bound {}; {} case{}",
                     signed_number(e.ulp), number(e.p999_ulp), number(e.mean_ulp),
                     signed_number(e.bias_ulp), number(e.error_over_bound), grouped(row.cases),
                     row.cases == 1 ? "" : "s");
}

std::string problems_text(const AccuracyRow& row) {
  if (row.problems == "op=ce") return "op=ce without options";
  return row.problems == "op=ce, options" ? "op=ce with options" : "whatever was judged";
}

std::string origin_text(const KernelInfo& k) { return k.origin.empty() ? "built in" : k.origin; }

std::string promises_text(const KernelInfo& k) {
  const std::string made = fmt::format("{}", fmt::join(k.promises, ", "));
  if (k.kept.empty()) return made;
  return fmt::format("{}{}kept without promise: {}", made, made.empty() ? "" : "; ",
                     fmt::join(k.kept, ", "));
}

std::string finding_text(const Finding& f) {
  if (f.cases <= 0) return f.message;
  return fmt::format("{} (in {} case{})", f.message, grouped(f.cases), f.cases == 1 ? "" : "s");
}

std::vector<PowerRow> power_rows(const Overview& o) {
  std::vector<PowerRow> out;
  for (const std::string& p : o.properties) {
    PowerRow row = power_row(o, p, o.kernels);
    if (row.cases == 0 && !row.vacuous) row = power_row(o, p, o.expected);
    if (row.cases > 0 || row.vacuous) out.push_back(std::move(row));
  }
  return out;
}

std::vector<NotJudged> skip_reasons(const Results& r) {
  std::vector<NotJudged> out;
  for (const VerdictRow& row : r.verdicts) {
    for (const auto& [reason, n] : row.skip_reasons) add(out, reason, n, row.kernel);
    if (row.verdict == Verdict::skip && row.skip_reasons.empty()) {
      add(out, skip_text(row), row.skipped, row.kernel);
    }
  }
  return out;
}

std::vector<NotJudged> excluded_rows(const Results& r) {
  std::vector<NotJudged> out;
  for (const VerdictRow& row : r.verdicts) {
    for (const auto& [question, n] : row.excluded) add(out, question, n, row.kernel);
  }
  return out;
}

std::string maximum_text(const ExponentialRow& e, const KnownMaximum& m) {
  return (e.every > 1 ? "at least " : "") + certain_digits(m.low, m.high) + " " + m.unit;
}

std::string declared_text(const ExponentialRow& e) {
  std::string text = shortest(e.declared_rel) + " u";
  if (e.declared_arg != 0) text += " + " + shortest(e.declared_arg) + " u |d|";
  return text;
}

std::string explanation(const VerdictRow& row) {
  if (row.counterexample && !row.counterexample->message.empty()) {
    return first_line(row.counterexample->message);
  }
  if (!row.reason.empty()) return first_line(row.reason);
  switch (row.verdict) {
    case Verdict::fail:
      return fmt::format("largest error / bound {} on {}", number(row.worst.error_over_bound),
                         row.problem);
    case Verdict::inconclusive:
      return fmt::format("undecided at the highest precision on {}", row.problem);
    case Verdict::pass:
    case Verdict::skip:
    case Verdict::error: break;
  }
  return row.vacuous ? "accepts a trivial answer too often" : "no reason was given";
}

std::string skip_text(const VerdictRow& row) {
  if (!row.reason.empty()) return first_line(row.reason);
  std::string out;
  for (const auto& [reason, n] : row.skip_reasons) {
    out += fmt::format("{}{} cases: {}", out.empty() ? "" : "; ", n, reason);
  }
  return out.empty() ? "no reason was given" : out;
}

std::string counterexample_text(const Counterexample& c) {
  std::string out;
  for (const std::string_view part : {std::string_view(c.problem), std::string_view(c.data),
                                      std::string_view(c.message), std::string_view(c.replay)}) {
    if (part.empty()) continue;
    out += part;
    if (!part.ends_with('\n')) out += '\n';
  }
  return out;
}

}  // namespace xent::report
