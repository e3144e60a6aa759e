// SPDX-License-Identifier: Apache-2.0
#include "properties/alike.h"

#include <algorithm>
#include <utility>

namespace xent {
namespace {

bool same_record(const RunRecord& a, const RunRecord& b) {
  return a.output == b.output && a.faults.raised == b.faults.raised &&
         a.faults.inputs_changed == b.faults.inputs_changed &&
         a.faults.written_outside == b.faults.written_outside &&
         a.faults.misconduct == b.faults.misconduct;
}

bool same_operations(const Kernel& a, const Kernel& b) {
  static const std::vector<Problem> asked = parse_problems(
      "op=ce,nll,lse,entropy,cross-entropy,kl,bce-logits,bce-prob,mse-softmax,mse-sigmoid "
      "targets=index,prob dir=fwd,fwdbwd,hvp");
  return std::all_of(asked.begin(), asked.end(), [&](const Problem& p) {
    return a.supports(p).ok == b.supports(p).ok;
  });
}

bool held_alike(const Kernel& a, const Kernel& b, const Problem& p) {
  return a.promises.accuracy == b.promises.accuracy &&
         promise_names(a.promises) == promise_names(b.promises) &&
         to_text(a.budget(p)) == to_text(b.budget(p)) && same_operations(a, b);
}

}  // namespace

void Transcript::add(const TestCase& c, const BindOptions& o, const RunRecord& r) {
  calls_.push_back({c, o, r});
}

bool Transcript::repeated_by(const Kernel& k) const {
  return std::all_of(calls_.begin(), calls_.end(), [&](const Call& call) {
    return same_record(run(k, call.test_case, call.options), call.record);
  });
}

const RunRecord* Transcript::find(const TestCase& c, const BindOptions& o) const {
  const auto call = std::find_if(calls_.begin(), calls_.end(), [&](const Call& known) {
    return known.options == o && known.test_case == c;
  });
  return call == calls_.end() ? nullptr : &call->record;
}

RunRecord RecordedTrial::run(const TestCase& c, const BindOptions& o) {
  RunRecord record = KernelTrial::run(c, o);
  to_.add(c, o, record);
  return record;
}

RunRecord RepeatedTrial::run(const TestCase& c, const BindOptions& o) {
  const RunRecord* const known = from_.find(c, o);
  return known ? *known : KernelTrial::run(c, o);
}

Judgement AlikeJudge::judge(const Kernel& k) {
  const auto alike = std::find_if(models_.begin(), models_.end(), [&](const Model& m) {
    return held_alike(*m.kernel, k, case_.problem);
  });
  if (alike != models_.end() && alike->transcript.repeated_by(k)) return alike->judgement;
  Model model{&k, {}, {}};
  RecordedTrial trial(case_, k, references_, model.transcript);
  model.judgement = property_.check(trial);
  const Judgement judgement = model.judgement;
  const bool new_model = alike == models_.end() && judgement.verdict == Verdict::pass;
  if (new_model) models_.push_back(std::move(model));
  return judgement;
}

}  // namespace xent
