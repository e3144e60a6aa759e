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

/// The kernel, and where it passes the substitutes in its place. With `alike` the verdict alone.
/// Throws nothing: what a third party raises is its own failure, anything else an error.
Entry judge_entry(const Property&, const Kernel&, const TestCase&, References&, AlikeJudge* alike);

}  // namespace xent
