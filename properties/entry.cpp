// SPDX-License-Identifier: Apache-2.0
#include "properties/entry.h"

#include <algorithm>
#include <exception>
#include <iterator>

#include "core/error.h"
#include "properties/evaluation.h"
#include "properties/other_case.h"
#include "properties/ways.h"

namespace xent {
namespace {

/// Stale answers: what the kernel says of another case of the same shape; of a large one, of some
/// of its rows.
Output previous_output(const Property& p, const Kernel& k, const TestCase& c) {
  constexpr std::int64_t kElements = 1 << 20;
  const std::int64_t rows = std::max<std::int64_t>(1, kElements / c.problem.v);
  const TestCase other = other_case(corner(c, rows, c.problem.v));
  if (k.supports(other.problem)) return run(k, other).output;
  const std::optional<Route> calls = route(k, p.ways, other);
  return calls ? run(k, calls->calls.front()).output : Output{};
}

void substitute(const Property& p, const Kernel& k, const TestCase& c, References& refs, Entry& e) {
  const Output previous = previous_output(p, k, c);
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

/// A reference keeps what it computed of small cases only.
void judge_gradient(const Kernel& k, const TestCase& c, References& refs,
                    const Transcript& answers, Entry& e) {
  constexpr std::int64_t kSmall = 1 << 16;
  const RunRecord* const answer = answers.find(c, {});
  if (!c.problem.wants_loss() || c.input.size() > kSmall || !answer) return;
  if (answer->output.grad.empty()) return;
  e.gradient = judge_grad(refs.of(c), k.budget(c.problem), answer->output.grad).errors;
}

/// The kernel, and the classes of budgets that its answers keep to.
void judge_accuracy(const Property& p, const Kernel& k, const TestCase& c, References& refs,
                    Entry& e) {
  Transcript answers;
  RecordedTrial trial(c, k, refs, answers);
  e.judgement = p.check(trial);
  e.remarks = trial.remarks();
  if (e.judgement.verdict == Verdict::skip) return;
  e.relative = within(p, k, c, refs, answers, ErrorBudget::relative);
  e.standard = within(p, k, c, refs, answers, ErrorBudget::standard);
  if (p.id == "grad.accurate") judge_gradient(k, c, refs, answers, e);
}

/// By the answers that were judged, as if the kernel promised what the property is about.
void judge_promise(const Property& p, const Bitwise& about, const Kernel& k, const TestCase& c,
                   References& refs, Entry& e) {
  Transcript answers;
  RecordedTrial trial(c, k, refs, answers);
  e.judgement = p.check(trial);
  e.remarks = trial.remarks();
  if (e.judgement.verdict != Verdict::pass) return;
  Kernel promised = k;
  promised.promises.*about.promise = true;
  RepeatedTrial again(c, promised, refs, answers, {});
  const VerdictAlone no_more;
  e.kept = p.check(again).verdict == Verdict::pass;
}

void judge_alone(const Property& p, const Kernel& k, const TestCase& c, References& refs,
                 Entry& e) {
  if (is_accuracy(p.id)) return judge_accuracy(p, k, c, refs, e);
  const bool shown = k.role == Role::product || k.role == Role::peer;
  const Bitwise* const about = bitwise(p.id);
  if (shown && about && !(k.promises.*about->promise)) {
    return judge_promise(p, *about, k, c, refs, e);
  }
  KernelTrial trial(c, k, refs);
  e.judgement = p.check(trial);
  e.remarks = trial.remarks();
}

}  // namespace

const Bitwise* bitwise(std::string_view property) {
  static constexpr Bitwise kAll[] = {{"row.independence", &Promises::batch_invariant},
                                     {"run.alignment", &Promises::alignment_invariant},
                                     {"run.threads", &Promises::thread_invariant},
                                     {"loss.shift-invariance", &Promises::shift_exact},
                                     {"grad.signs", &Promises::sign_exact}};
  const auto at = std::find_if(std::begin(kAll), std::end(kAll),
                               [&](const Bitwise& b) { return b.property == property; });
  return at == std::end(kAll) ? nullptr : at;
}

bool is_accuracy(std::string_view id) { return id.ends_with(".accurate"); }

Entry judge_entry(const Property& p, const Kernel& k, const TestCase& c, References& refs,
                  AlikeJudge* alike) {
  Entry e;
  try {
    if (const Support s = supports_all(p, k, c.problem); !s) {
      e.skip = s.reason;
      return e;
    }
    if (alike) {
      e.judgement = alike->judge(k);
      e.judgement.errors = {};  // nobody asks, and a hundred kilobytes a case add up
      return e;
    }
    judge_alone(p, k, c, refs, e);
    if (e.judgement.verdict == Verdict::pass) substitute(p, k, c, refs, e);
  } catch (const GivenUp& x) {
    if (e.judgement.verdict == Verdict::skip) e.skip = x.what();
  } catch (const KernelRaised& x) {
    e.judgement.check(false, x.what());
    e.relative = e.standard = false;
  } catch (const std::exception& x) {
    e.error = x.what();
  }
  return e;
}

}  // namespace xent
