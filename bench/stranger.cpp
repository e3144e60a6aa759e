// SPDX-License-Identifier: Apache-2.0
#include "bench/stranger.h"

#include <numeric>
#include <stdexcept>
#include <utility>

#include "properties/checks.h"
#include "properties/domain.h"

namespace xent {
namespace {

constexpr std::uint64_t kOrder = 0x74696d65;

std::vector<double> time(Invocation& one, int calls) {
  std::vector<double> seconds = one.time(calls);
  const Faults faults = one.faults();
  if (!faults.raised.empty()) throw std::runtime_error(faults.raised);
  return seconds;
}

}  // namespace

TimedStranger::TimedStranger(Kernel kernel, const TestCase& first, std::size_t count,
                   const BindOptions& options)
    : kernel_(std::move(kernel)), options_(options),
      random_(Random(first.recipe.seed).stream(kOrder)), order_(count) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t seed = first.recipe.seed + i;
    cases_.push_back(i == 0 ? first : make_case(first.problem, first.recipe.domain, seed));
  }
}

void TimedStranger::bind() {
  if (!invocations_.empty()) return;
  for (const TestCase& c : cases_) {
    invocations_.push_back(kernel_.bind(c, options_));
    time(*invocations_.back(), 1);  // what was never called can't be judged
  }
}

std::vector<double> TimedStranger::times(int calls) {
  bind();
  if (at_ == order_.size()) shuffle();
  return time(*invocations_[order_[at_++]], calls);
}

std::optional<std::string> TimedStranger::wrong() {
  bind();
  for (std::size_t i = 0; i < cases_.size(); ++i) {
    const Faults faults = invocations_[i]->faults();
    for (const auto* list : {&faults.inputs_changed, &faults.written_outside,
                             &faults.misconduct}) {
      if (!list->empty()) return list->front();
    }
    Judgement j;
    Reference exact(cases_[i]);
    judge_output(j, exact, kernel_.budget(cases_[i].problem), invocations_[i]->output());
    if (j.verdict == Verdict::fail) return j.message;
  }
  return {};
}

/// A round does not begin with the case that the last one ended with.
void TimedStranger::shuffle() {
  const std::size_t last = order_.back();
  for (std::size_t i = order_.size() - 1; i > 0; --i) {
    const auto other = random_.below(drawn_++, static_cast<std::int64_t>(i) + 1);
    std::swap(order_[i], order_[static_cast<std::size_t>(other)]);
  }
  if (order_.front() == last) std::swap(order_.front(), order_.back());
  at_ = 0;
}

}  // namespace xent
