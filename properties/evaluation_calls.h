// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "properties/evaluation.h"

namespace xent {

/// A value that no call says.
Value not_said(const std::string& what);

/// The exact values that are numbers, and in dialect math the others too: theorems are not of what
/// a dialect answers in place of a number.
std::function<Enclosure(int level)> of_mathematics(const Problem&,
                                                   std::function<Enclosure(int level)> exact);

}  // namespace xent
