// SPDX-License-Identifier: Apache-2.0
#include "properties/entry.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "core/error.h"
#include "properties/evaluation.h"
#include "properties/other_case.h"
#include "properties/ways.h"

namespace xent {
namespace {

/// Of cases up to it the calls are written down, and references keep what they computed.
bool is_small(const TestCase& c) { return c.input.size() <= 1 << 16; }

/// Stale answers: what the kernel says of another case of the same shape; of a large one, of some
/// of its rows.
Output previous_output(const Property& p, const Kernel& k, const TestCase& c,
                       Transcript& answers) {
  constexpr std::int64_t kElements = 1 << 20;
  const std::int64_t rows = std::max<std::int64_t>(1, kElements / c.problem.v);
  const TestCase other = other_case(corner(c, rows, c.problem.v));
  const auto answer = [&](const TestCase& asked) {
    const RunRecord record = run(k, asked);
    if (is_small(asked)) answers.add(asked, {}, record);
    return record.output;
  };
  if (k.supports(other.problem)) return answer(other);
  const std::optional<Route> calls = route(k, p.ways, other);
  return calls ? answer(calls->calls.front()) : Output{};
}

void substitute(const Property& p, const Kernel& k, const TestCase& c, References& refs,
                Transcript& answers, Entry& e) {
  const Output previous = previous_output(p, k, c, answers);
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
            Transcript& answers, const BudgetOf& budget) {
  RepeatedTrial trial(c, k, refs, answers, budget);
  const VerdictAlone no_more;
  const Verdict v = p.check(trial).verdict;
  return v == Verdict::pass || v == Verdict::skip;
}

void judge_gradient(const Kernel& k, const TestCase& c, References& refs,
                    const Transcript& answers, Entry& e) {
  const RunRecord* const answer = answers.find(c, {});
  if (!c.problem.wants_loss() || !is_small(c) || !answer) return;
  if (answer->output.grad.empty()) return;
  e.gradient = judge_grad(refs.of(c), k.budget(c.problem), answer->output.grad).errors;
}

void check(const Property& p, KernelTrial&& trial, Entry& e) {
  e.judgement = p.check(trial);
  e.remarks = trial.remarks();
}

/// The kernel, and the classes of budgets that its answers keep to.
void judge_accuracy(const Property& p, const Kernel& k, const TestCase& c, References& refs,
                    Transcript& answers, Entry& e) {
  check(p, RecordedTrial(c, k, refs, answers), e);
  if (e.judgement.verdict == Verdict::skip) return;
  e.relative = within(p, k, c, refs, answers, ErrorBudget::relative);
  e.standard = within(p, k, c, refs, answers, ErrorBudget::standard);
  if (p.id == "grad.accurate") judge_gradient(k, c, refs, answers, e);
}

/// By the answers that were judged, as if the kernel promised what the property is about.
void judge_promise(const Property& p, const Bitwise& about, const Kernel& k, const TestCase& c,
                   References& refs, Transcript& answers, Entry& e) {
  check(p, RecordedTrial(c, k, refs, answers), e);
  if (e.judgement.verdict != Verdict::pass) return;
  Kernel promised = k;
  promised.promises.*about.promise = true;
  RepeatedTrial again(c, promised, refs, answers, {});
  const VerdictAlone no_more;
  e.kept = p.check(again).verdict == Verdict::pass;
}

bool is_shown(const Kernel& k) { return k.role == Role::product || k.role == Role::peer; }

void judge_alone(const Property& p, const Kernel& k, const TestCase& c, References& refs,
                 Transcript& answers, Entry& e) {
  if (is_accuracy(p.id)) return judge_accuracy(p, k, c, refs, answers, e);
  const Bitwise* const about = bitwise(p.id);
  if (is_shown(k) && about && !(k.promises.*about->promise)) {
    return judge_promise(p, *about, k, c, refs, answers, e);
  }
  if (is_small(c)) check(p, RecordedTrial(c, k, refs, answers), e);
  else check(p, KernelTrial(c, k, refs), e);
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

/// Of strangers verdicts alone: what they answer twice is the theorems' to ask.
bool CaseJudge::may_share(const Kernel& k) const {
  return is_small(case_) && (verdict_alone_ || (k.role == Role::product && k.origin.empty()));
}

void CaseJudge::fill_alone(const Kernel& kernel, Transcript& answers, Entry& e) {
  const Kernel k = answers.heard(kernel);
  if (verdict_alone_) {
    check(property_, RecordedTrial(case_, k, references_, answers), e);
    e.judgement.errors = {};  // nobody asks, and a hundred kilobytes a case add up
    return;
  }
  judge_alone(property_, k, case_, references_, answers, e);
  if (e.judgement.verdict == Verdict::pass) {
    substitute(property_, k, case_, references_, answers, e);
  }
}

void CaseJudge::fill(const Kernel& k, Entry& e) {
  const bool shares = may_share(k);
  const auto alike = std::find_if(models_.begin(), models_.end(), [&](const Model& m) {
    return shares && m.transcript.repeated_by(k);
  });
  if (alike != models_.end()) {
    e = alike->entry;
    return;
  }
  Model model;
  fill_alone(k, model.transcript, e);
  const Verdict v = e.judgement.verdict;
  if (!shares || (v != Verdict::pass && v != Verdict::skip)) return;
  model.entry = e;
  models_.push_back(std::move(model));
}

Entry CaseJudge::judge(const Kernel& k) {
  Entry e;
  try {
    if (const Support s = supports_all(property_, k, case_.problem); s) fill(k, e);
    else e.skip = s.reason;
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
