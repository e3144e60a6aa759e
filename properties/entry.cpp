// SPDX-License-Identifier: Apache-2.0
#include "properties/entry.h"

#include <algorithm>
#include <exception>

#include "properties/evaluation.h"
#include "properties/other_case.h"

namespace xent {
namespace {

/// Stale answers: what the kernel says of another case of the same shape; of a large one, of some
/// of its rows.
Output previous_output(const Kernel& k, const TestCase& c) {
  constexpr std::int64_t kElements = 1 << 20;
  const std::int64_t rows = std::max<std::int64_t>(1, kElements / c.problem.v);
  return run(k, other_case(corner(c, rows, c.problem.v))).output;
}

void substitute(const Property& p, const Kernel& k, const TestCase& c, References& refs, Entry& e) {
  const Output previous = previous_output(k, c);
  for (const Substitute s : kSubstitutes) {
    SubstituteTrial trial(c, k, refs, s, previous);
    const VerdictAlone no_more;
    const Judgement j = p.check(trial);
    const auto i = static_cast<std::size_t>(s);
    e.substituted[i] = j.verdict != Verdict::skip;
    e.rejected[i] = j.verdict == Verdict::fail;
  }
}

/// The answers that were judged, held to another budget.
bool within(const Property& p, const Kernel& k, const TestCase& c, References& refs,
            const Transcript& answers, const BudgetOf& budget) {
  RepeatedTrial trial(c, k, refs, answers, budget);
  const VerdictAlone no_more;
  const Verdict v = p.check(trial).verdict;
  return v == Verdict::pass || v == Verdict::skip;
}

/// The kernel, and the classes of budgets that its answers keep to.
void judge_accuracy(const Property& p, const Kernel& k, const TestCase& c, References& refs,
                    Entry& e) {
  Transcript answers;
  RecordedTrial trial(c, k, refs, answers);
  e.judgement = p.check(trial);
  if (e.judgement.verdict == Verdict::skip) return;
  e.relative = within(p, k, c, refs, answers, ErrorBudget::relative);
  e.standard = within(p, k, c, refs, answers, ErrorBudget::standard);
}

void judge_alone(const Property& p, const Kernel& k, const TestCase& c, References& refs,
                 Entry& e) {
  if (is_accuracy(p.id)) return judge_accuracy(p, k, c, refs, e);
  KernelTrial trial(c, k, refs);
  e.judgement = p.check(trial);
}

}  // namespace

bool is_accuracy(std::string_view id) { return id.ends_with(".accurate"); }

Entry judge_entry(const Property& p, const Kernel& k, const TestCase& c, References& refs,
                  AlikeJudge* alike) {
  Entry e;
  if (const Support s = supports_all(p, k, c.problem); !s) {
    e.skip = s.reason;
    return e;
  }
  try {
    if (alike) {
      e.judgement = alike->judge(k);
      return e;
    }
    judge_alone(p, k, c, refs, e);
    if (e.judgement.verdict == Verdict::pass) substitute(p, k, c, refs, e);
  } catch (const std::exception& x) {
    e.error = x.what();
  }
  return e;
}

}  // namespace xent
