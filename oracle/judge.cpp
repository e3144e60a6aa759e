// SPDX-License-Identifier: Apache-2.0
#include "oracle/judge.h"

#include "oracle/judge_element.h"

namespace xent {

void Judgement::merge(const Judgement& o) {
  const Verdict before = verdict;
  verdict = graver(verdict, o.verdict);
  if (message.empty() || verdict != before) {
    if (!o.message.empty()) message = o.message;
  }
  checks += o.checks;
  for (const auto& [reason, count] : o.excluded) excluded[reason] += count;
  errors.append(o.errors);
}

void Judgement::check(bool holds, const std::string& message_if_not) {
  ++checks;
  if (!holds && verdict != Verdict::fail) message = message_if_not;
  verdict = graver(verdict, holds ? Verdict::pass : Verdict::fail);
}

Judgement judge_value(double value, DType format, double bound, const std::string& what,
                      const std::function<Enclosure(int level)>& exact) {
  Judgement j;
  const Enclosure first = exact(0);
  if (first.kind == Enclosure::Kind::undefined) ++j.excluded["undefined"];
  else judge_element(j, {value, format, bound, 0, first}, [&] { return what; }, exact);
  return j;
}

}  // namespace xent
