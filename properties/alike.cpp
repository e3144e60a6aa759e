// SPDX-License-Identifier: Apache-2.0
#include "properties/alike.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace xent {
namespace {

bool same_record(const RunRecord& a, const RunRecord& b) {
  return a.output == b.output && a.faults.raised == b.faults.raised &&
         a.faults.inputs_changed == b.faults.inputs_changed &&
         a.faults.written_outside == b.faults.written_outside &&
         a.faults.misconduct == b.faults.misconduct && a.faults.remarks == b.faults.remarks;
}

bool same_promises(const Promises& a, const Promises& b) {
  return a.accuracy == b.accuracy && promise_names(a) == promise_names(b);
}

/// Every field there is: one more does not compile.
auto fields(const ErrorBudget& budget) {
  const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = budget;
  return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t);
}

template <class Answer>
void note(std::vector<std::pair<Problem, Answer>>& known, const Problem& p, const Answer& answer) {
  const bool is_known =
      std::any_of(known.begin(), known.end(), [&](const auto& one) { return one.first == p; });
  if (!is_known) known.emplace_back(p, answer);
}

}  // namespace

Kernel Transcript::heard(const Kernel& kernel) {
  Kernel k = kernel;
  promises_ = k.promises;
  k.supports = [this, supports = kernel.supports](const Problem& p) {
    Support s = supports(p);
    note(supported_, p, s.ok);
    return s;
  };
  k.budget = [this, budget = kernel.budget](const Problem& p) {
    const ErrorBudget b = budget(p);
    note(budgets_, p, b);
    return b;
  };
  return k;
}

void Transcript::add(const TestCase& c, const BindOptions& o, const RunRecord& r) {
  calls_.push_back({c, o, r});
}

bool Transcript::repeated_by(const Kernel& k) const {
  const auto all = [](const auto& said, auto same) {
    return std::all_of(said.begin(), said.end(), same);
  };
  return same_promises(k.promises, promises_) &&
         all(supported_, [&](const auto& s) { return k.supports(s.first).ok == s.second; }) &&
         all(budgets_,
             [&](const auto& s) {
               const ErrorBudget b = k.budget(s.first);
               return fields(b) == fields(s.second);
             }) &&
         all(calls_, [&](const Call& call) {
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
  if (const RunRecord* const known = from_.find(c, o)) return *known;
  RunRecord record = KernelTrial::run(c, o);
  from_.add(c, o, record);
  return record;
}

}  // namespace xent
