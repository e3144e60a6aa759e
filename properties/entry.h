// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "properties/alike.h"

namespace xent {

/// What one kernel made of one job.
struct Entry {
  Judgement judgement;
  std::string skip;  ///< why it does not support the problem, or was given up
  std::string error;
  bool rejected[4] = {};
  bool substituted[4] = {};
  bool relative = true;  ///< within the bounds of these classes; only of accuracy properties
  bool standard = true;
  /// Of gradients that grad.accurate judged with losses beside them, unless the case is large.
  std::optional<ErrorSamples> gradient;
  /// Of a property that promises make bitwise, where the promise was not made: kept all the same.
  std::optional<bool> kept;
  std::vector<Remark> remarks;  ///< of different ids
};

/// A property that judges bit by bit what promises it.
struct Bitwise {
  std::string_view property;
  bool Promises::*promise;
};
/// Null where promises change nothing.
const Bitwise* bitwise(std::string_view property);

bool is_accuracy(std::string_view property);

/// Judges kernels by one property on one case. What comes out is a function of what a kernel says
/// of itself (supports, budget, promises) and of what it answers: one that repeats all that another
/// said and answered, bit by bit, has that one's entry, at the price of its own calls.
class CaseJudge {
 public:
  /// With `verdict_alone` no substitutes take the kernel's place, and no errors are kept.
  CaseJudge(const Property& p, const TestCase& c, References& r, bool verdict_alone)
      : property_(p), case_(c), references_(r), verdict_alone_(verdict_alone) {}

  /// The kernel, and where it passes the substitutes in its place. Throws nothing: what a third
  /// party raises is its own failure, anything else an error.
  Entry judge(const Kernel&);

 private:
  struct Model {
    Transcript transcript;
    Entry entry;
  };
  bool may_share(const Kernel&) const;
  void fill(const Kernel&, Entry&);
  /// As if there were no other kernel.
  void fill_alone(const Kernel&, Transcript&, Entry&);

  const Property& property_;
  const TestCase& case_;
  References& references_;
  bool verdict_alone_;
  std::vector<Model> models_;  ///< that passed or had nothing to judge
};

}  // namespace xent
