// SPDX-License-Identifier: Apache-2.0
#include "reports/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/text.h"

namespace xent::report {
namespace {

std::string_view group_title(std::string_view letter) {
  if (letter == "A") return "Information theory";
  if (letter == "B") return "The losses";
  if (letter == "C") return "Statistics";
  if (letter == "D") return "Gradients";
  if (letter == "E") return "Sequence models";
  if (letter == "F") return "What the documents get wrong, or say too loosely";
  return "Others";
}

std::string digits(double x) {
  if (!std::isfinite(x)) return number(x);
  return fmt::format("{:.5g}", x);
}

/// The interval is as good as a point at the digits that are shown.
bool is_point(const Figure& f) {
  return digits(f.low) == digits(f.high) || !(f.low <= f.value && f.value <= f.high);
}

}  // namespace

ClaimText text(ClaimVerdict v) {
  switch (v) {
    case ClaimVerdict::proved:
      return {"✓", "proved", "proved", "pass", "holds exactly, or by a proof that is named"};
    case ClaimVerdict::tested:
      return {"✓", "tested", "holds where tested", "pass",
              "held on everything that was tried, within proved bounds"};
    case ClaimVerdict::refuted:
      return {"⊘", "refuted", "documents refuted", "refuted",
              "the documents' sentence fails on the witness, the corrected one holds"};
    case ClaimVerdict::agrees:
      return {"≈", "agrees", "measured: agrees", "pass", "measured, and as the documents say"};
    case ClaimVerdict::disagrees:
      return {"≉", "disagrees", "measured: disagrees", "inconclusive",
              "measured, and not as the documents say"};
    case ClaimVerdict::contradicted:
      return {"✗", "contradicted", "contradicted", "fail",
              "a kernel or the oracle breaks a true claim: a failure"};
    case ClaimVerdict::no_evidence:
      return {"∅", "no-evidence", "no evidence", "fail", "nothing was judged: a failure"};
    case ClaimVerdict::skipped: break;
  }
  return {"–", "skipped", "skipped", "skip", "what it needs is not on this machine"};
}

std::vector<const ClaimRow*> all_claims(const Results& r) {
  std::vector<const ClaimRow*> out;
  for (const ClaimRow& c : r.claims) out.push_back(&c);
  return out;
}

std::vector<ClaimGroup> claim_groups(const Results& r) {
  std::vector<ClaimGroup> out;
  for (const ClaimRow& c : r.claims) {
    auto at = std::find_if(out.begin(), out.end(),
                           [&](const ClaimGroup& g) { return g.letter == c.group; });
    if (at == out.end()) at = out.insert(out.end(), {c.group, group_title(c.group), {}});
    at->rows.push_back(&c);
  }
  std::stable_sort(out.begin(), out.end(), [](const ClaimGroup& a, const ClaimGroup& b) {
    return a.letter < b.letter;
  });
  return out;
}

std::string claim_counts(const std::vector<const ClaimRow*>& rows) {
  std::string out;
  for (const ClaimVerdict v : kClaimVerdicts) {
    const auto n = std::count_if(rows.begin(), rows.end(),
                                 [&](const ClaimRow* c) { return c->verdict == v; });
    const std::string_view word = v == ClaimVerdict::no_evidence ? "without evidence" : name(v);
    if (n > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", n, word);
  }
  return out.empty() ? "none" : out;
}

std::string claim_line(const ClaimRow& c) {
  const bool bad = is_failure(c.verdict) || c.verdict == ClaimVerdict::skipped;
  return first_line(bad && !c.reason.empty() ? c.reason : c.evidence);
}

std::string interval_text(const Figure& f) {
  return is_point(f) ? "" : fmt::format("[{}, {}]", digits(f.low), digits(f.high));
}

std::string figure_text(const Figure& f) {
  std::string out = digits(f.value);
  if (!f.unit.empty()) out += " " + (out == "1" && f.unit == "bits" ? "bit" : f.unit);
  if (const std::string interval = interval_text(f); !interval.empty()) out += " " + interval;
  return out;
}

}  // namespace xent::report
