// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "properties/trial.h"

namespace xent {

/// The calls of one check and what a kernel answered.
class Transcript {
 public:
  void add(const TestCase&, const BindOptions&, const RunRecord&);
  /// The same calls in the same order give the same bits.
  bool repeated_by(const Kernel&) const;
  /// What was answered to a call; null if there was none.
  const RunRecord* find(const TestCase&, const BindOptions&) const;

 private:
  struct Call {
    TestCase test_case;
    BindOptions options;
    RunRecord record;
  };
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

/// The kernel by what it answered before, held to another budget.
class RepeatedTrial final : public KernelTrial {
 public:
  RepeatedTrial(const TestCase& c, const Kernel& k, References& r, const Transcript& from,
                BudgetOf budget)
      : KernelTrial(c, k, r, std::move(budget)), from_(from) {}
  RunRecord run(const TestCase&, const BindOptions&) override;

 private:
  const Transcript& from_;
};

/// Judges kernels by one property on one case. A check is a function of what the kernel answers and
/// of what it is held to (promises, budget, operations): a kernel that answers like one that passed
/// and is held to the same passes with it, at the price of its own calls.
class AlikeJudge {
 public:
  AlikeJudge(const Property& p, const TestCase& c, References& r)
      : property_(p), case_(c), references_(r) {}

  /// What the property's check says of the kernel, exceptions included.
  Judgement judge(const Kernel&);

 private:
  /// A kernel that passed; no two are held to the same.
  struct Model {
    const Kernel* kernel;
    Transcript transcript;
    Judgement judgement;
  };
  const Property& property_;
  const TestCase& case_;
  References& references_;
  std::vector<Model> models_;
};

}  // namespace xent
