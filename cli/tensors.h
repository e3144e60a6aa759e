// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "core/test_case.h"

namespace xent {

/// The case of --tensors: at most 64 rows, those first in which the target's logit is farthest
/// from the best other one (confident rows lose digits, wrong ones overflow). Says so in `notes`
/// when rows were left out.
TestCase tensors_to_judge(const Options&, std::vector<std::string>& notes);

}  // namespace xent
