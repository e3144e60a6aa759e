// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "core/promises.h"
#include "properties/trial.h"

namespace xent {

/// What a kernel said of itself and answered while it was judged.
class Transcript {
 public:
  /// The kernel, whose answers to what it supports and is held to are written down here.
  Kernel heard(const Kernel&);
  void add(const TestCase&, const BindOptions&, const RunRecord&);
  /// The kernel makes the same promises, says the same of the same problems, and the same calls in
  /// the same order give the same bits.
  bool repeated_by(const Kernel&) const;
  /// What was answered to a call; null if there was none.
  const RunRecord* find(const TestCase&, const BindOptions&) const;

 private:
  struct Call {
    TestCase test_case;
    BindOptions options;
    RunRecord record;
  };
  Promises promises_;
  std::vector<std::pair<Problem, bool>> supported_;
  std::vector<std::pair<Problem, ErrorBudget>> budgets_;
  std::vector<Call> calls_;
};

/// The kernel itself; what it answers is written down.
class RecordedTrial final : public KernelTrial {
 public:
  RecordedTrial(const TestCase& c, const Kernel& k, References& r, Transcript& to)
      : KernelTrial(c, k, r), to_(to) {}
  RunRecord run(const TestCase&, const BindOptions&) override;

 private:
  Transcript& to_;
};

/// The kernel by what it answered before, held to another budget; new calls are written down.
class RepeatedTrial final : public KernelTrial {
 public:
  RepeatedTrial(const TestCase& c, const Kernel& k, References& r, Transcript& from,
                BudgetOf budget)
      : KernelTrial(c, k, r, std::move(budget)), from_(from) {}
  RunRecord run(const TestCase&, const BindOptions&) override;

 private:
  Transcript& from_;
};

}  // namespace xent
