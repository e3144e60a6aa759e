// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "properties/property.h"

namespace xent {

/// Exact answers to the cases that one recipe leads to, shared by all kernels judged on it.
class References {
 public:
  Reference& of(const TestCase&);

 private:
  std::unordered_multimap<std::uint64_t, std::unique_ptr<Reference>> kept_;  ///< by a few bytes
};

using BudgetOf = std::function<ErrorBudget(const Problem&)>;

/// What a third party raised when it was asked what it supports or undertakes: its own failure.
struct KernelRaised : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The same kernels; of those that are not built in, supports and budget throw GivenUp and
/// KernelRaised only.
std::vector<Kernel> guarded(std::vector<Kernel>);

/// The kernel itself, held to its own budget or to another.
class KernelTrial : public Trial {
 public:
  KernelTrial(const TestCase&, const Kernel&, References&, BudgetOf instead = {});
  RunRecord run(const TestCase&, const BindOptions&) override;
  Reference& reference(const TestCase& c) override { return references_.of(c); }
  ErrorBudget budget(const TestCase&) const override;
  /// Of all runs; the first of each id.
  const std::vector<Remark>& remarks() const { return remarks_; }

 private:
  References& references_;
  BudgetOf budget_;
  std::vector<Remark> remarks_;
};

/// A trivial answer in the kernel's place. `previous` repeats, cyclically, what the kernel
/// answered to another case.
class SubstituteTrial : public Trial {
 public:
  SubstituteTrial(const TestCase&, const Kernel&, References&, Substitute, Output previous);
  RunRecord run(const TestCase&, const BindOptions&) override;
  Reference& reference(const TestCase& c) override { return references_.of(c); }

 private:
  References& references_;
  Substitute substitute_;
  Output previous_;
};

/// One property of one kernel on one case, held to its own budget or to another.
Judgement judge_case(const Property&, const Kernel&, const TestCase&, BudgetOf instead = {});

/// The property is stated for the problem.
Support stated_for(const Property&, const Problem&);

/// The kernel supports the problem and those that the property derives from it, or may be asked in
/// other words.
Support supports_all(const Property&, const Kernel&, const Problem&);

/// Both.
Support supports_property(const Property&, const Kernel&, const Problem&);

}  // namespace xent
