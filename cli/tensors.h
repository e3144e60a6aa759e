// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "properties/engine.h"

namespace xent {

/// The case of --tensors, and of a long or wide one the rows that theorems are tried on which make
/// several cases of each row: at most 64 rows and about 2^20 elements, those first in which the
/// target's logit is farthest from the best other one (confident rows lose digits, wrong ones
/// overflow). `notes` say so.
void take_tensors(const Options&, VerifyOptions&, std::vector<std::string>& notes);

}  // namespace xent
