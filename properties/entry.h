// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "properties/alike.h"

namespace xent {

/// What one kernel made of one job.
struct Entry {
  Judgement judgement;
  std::string skip;  ///< why it does not support the problem
  std::string error;
  bool rejected[4] = {};
  bool substituted[4] = {};
  bool relative = true;  ///< within the bounds of these classes; only of accuracy properties
  bool standard = true;
};

bool is_accuracy(std::string_view property);

/// The kernel, and where it passes the substitutes in its place. With `alike` the verdict alone.
Entry judge_entry(const Property&, const Kernel&, const TestCase&, References&, AlikeJudge* alike);

}  // namespace xent
