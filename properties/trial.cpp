// SPDX-License-Identifier: Apache-2.0
#include "properties/trial.h"

#include <algorithm>
#include <exception>

#include "core/error.h"
#include "core/text.h"
#include "properties/options.h"
#include "properties/ways.h"

namespace xent {

static std::uint64_t hash_of_start(const TestCase& c) {
  std::uint64_t hash = fnv1a("");
  for (const Tensor* t : {&c.input, &c.target}) {
    const auto* const bytes = reinterpret_cast<const char*>(t->bytes.data());
    hash = fnv1a({bytes, std::min<std::size_t>(t->bytes.size(), 256)}, hash);
  }
  return hash;
}

Reference& References::of(const TestCase& c) {
  const std::uint64_t hash = hash_of_start(c);
  const auto [first, last] = kept_.equal_range(hash);
  for (auto known = first; known != last; ++known) {
    if (known->second->test_case() == c) return *known->second;
  }
  return *kept_.emplace(hash, std::make_unique<Reference>(c))->second;
}

KernelTrial::KernelTrial(const TestCase& c, const Kernel& k, References& r, BudgetOf instead)
    : Trial(c, k), references_(r), budget_(std::move(instead)) {}

RunRecord KernelTrial::run(const TestCase& c, const BindOptions& o) {
  RunRecord record = xent::run(kernel, c, o);
  for (const Remark& remark : record.faults.remarks) {
    const bool known = std::any_of(remarks_.begin(), remarks_.end(),
                                   [&](const Remark& r) { return r.id == remark.id; });
    if (!known) remarks_.push_back(remark);
  }
  return record;
}

ErrorBudget KernelTrial::budget(const TestCase& c) const {
  return budget_ ? budget_(c.problem) : kernel.budget(c.problem);
}

namespace {

/// The function, whose exceptions are the kernel's.
template <class R>
std::function<R(const Problem&)> asked(std::function<R(const Problem&)> function,
                                       const std::string& what) {
  return [function = std::move(function), what](const Problem& p) {
    try {
      return function(p);
    } catch (const GivenUp&) {
      throw;
    } catch (const std::exception& e) {
      throw KernelRaised("raised when asked " + what + ": " + e.what());
    }
  };
}

}  // namespace

std::vector<Kernel> guarded(std::vector<Kernel> kernels) {
  for (Kernel& k : kernels) {
    if (k.origin.empty()) continue;
    k.supports = asked(std::move(k.supports), "what it supports");
    k.budget = asked(std::move(k.budget), "for its error budget");
  }
  return kernels;
}

SubstituteTrial::SubstituteTrial(const TestCase& c, const Kernel& k, References& r, Substitute s,
                                 Output previous)
    : Trial(c, k), references_(r), substitute_(s), previous_(std::move(previous)) {}

namespace {

constexpr std::int64_t kBlock = 4096;

/// The elements of `from`, cyclically.
void repeat(const Tensor& from, Tensor& to) {
  std::vector<double> block;
  for (std::int64_t i = 0; i < to.size(); i += static_cast<std::int64_t>(block.size())) {
    const std::int64_t at = i % from.size();
    block.resize(static_cast<std::size_t>(std::min({kBlock, from.size() - at, to.size() - i})));
    from.read(at, block);
    to.write(i, block);
  }
}

void fill(Tensor& t, Substitute s, const Tensor& previous) {
  if (s == Substitute::zeros) return;
  if (s == Substitute::constant) {
    Tensor ones(t.dtype, {kBlock});
    ones.write(0, std::vector<double>(kBlock, 1));
    return repeat(ones, t);
  }
  if (s == Substitute::untouched || previous.empty()) return poison(t);
  if (previous.dtype == t.dtype && previous.shape == t.shape) t = previous;
  else repeat(previous, t);
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

Judgement judge_case(const Property& property, const Kernel& kernel, const TestCase& c,
                     BudgetOf instead) {
  References references;
  KernelTrial trial(c, kernel, references, std::move(instead));
  return property.check(trial);
}

Support stated_for(const Property& property, const Problem& p) {
  if (auto reason = meaningless(p)) return Support::no(*std::move(reason));
  if (Stated(property.problems, property.axes).holds(p)) return Support::yes();
  return Support::no(property.id + " is not stated for this problem");
}

Support supports_all(const Property& property, const Kernel& kernel, const Problem& p) {
  const auto asked = [&](const Problem& q) {
    Support s = kernel.supports(q);
    return !s && can_be_asked(kernel, property.ways, q) ? Support::yes() : s;
  };
  if (Support s = asked(p); !s || !property.derives) return s;
  for (const Problem& q : property.derives(p)) {
    if (Support s = asked(q); !s) return s;
  }
  return Support::yes();
}

Support supports_property(const Property& property, const Kernel& kernel, const Problem& p) {
  const Support stated = stated_for(property, p);
  return stated ? supports_all(property, kernel, p) : stated;
}

}  // namespace xent
