// SPDX-License-Identifier: Apache-2.0
#include "properties/trial.h"

#include "properties/options.h"

namespace xent {

Reference& References::of(const TestCase& c) {
  const std::uint64_t key = content_hash(c);
  const auto [first, last] = kept_.equal_range(key);
  for (auto it = first; it != last; ++it) {
    if (it->second->test_case() == c) return *it->second;
  }
  return *kept_.emplace(key, std::make_unique<Reference>(c))->second;
}

KernelTrial::KernelTrial(const TestCase& c, const Kernel& k, References& r, BudgetOf instead)
    : Trial(c, k), references_(r), budget_(std::move(instead)) {}

RunRecord KernelTrial::run(const TestCase& c, const BindOptions& o) {
  return xent::run(kernel, c, o);
}

ErrorBudget KernelTrial::budget(const TestCase& c) const {
  return budget_ ? budget_(c.problem) : kernel.budget(c.problem);
}

SubstituteTrial::SubstituteTrial(const TestCase& c, const Kernel& k, References& r, Substitute s,
                                 Output previous)
    : Trial(c, k), references_(r), substitute_(s), previous_(std::move(previous)) {}

namespace {

void fill(Tensor& t, Substitute s, const Tensor& previous) {
  if (s == Substitute::zeros) return;
  if (s == Substitute::untouched || previous.empty()) {
    poison(t);
    if (s != Substitute::constant) return;
  }
  for (std::int64_t i = 0; i < t.size(); ++i) {
    t.set(i, s == Substitute::constant ? 1.0 : previous.at(i % previous.size()));
  }
}

}  // namespace

RunRecord SubstituteTrial::run(const TestCase& c, const BindOptions&) {
  const Problem& p = c.problem;
  RunRecord r;
  if (p.wants_loss()) {
    r.output.loss = Tensor(p.output_dtype(), {p.loss_size()});
    fill(r.output.loss, substitute_, previous_.loss);
  }
  if (p.wants_grad()) {
    r.output.grad = Tensor(p.output_dtype(), {p.n, p.v});
    fill(r.output.grad, substitute_, previous_.grad);
  }
  return r;
}

Judgement judge_case(const Property& property, const Kernel& kernel, const TestCase& c) {
  References references;
  KernelTrial trial(c, kernel, references);
  return property.check(trial);
}

Support stated_for(const Property& property, const Problem& p) {
  if (auto reason = meaningless(p)) return Support::no(*std::move(reason));
  if (Stated(property.problems, property.axes).holds(p)) return Support::yes();
  return Support::no(property.id + " is not stated for this problem");
}

Support supports_all(const Property& property, const Kernel& kernel, const Problem& p) {
  if (Support s = kernel.supports(p); !s || !property.derives) return s;
  for (const Problem& q : property.derives(p)) {
    if (Support s = kernel.supports(q); !s) return s;
  }
  return Support::yes();
}

Support supports_property(const Property& property, const Kernel& kernel, const Problem& p) {
  const Support stated = stated_for(property, p);
  return stated ? supports_all(property, kernel, p) : stated;
}

}  // namespace xent
