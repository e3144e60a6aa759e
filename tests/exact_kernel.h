// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/kernel.h"

namespace xent {

/// Takes every problem of a dialect, and answers with the oracle's own numbers; NaN where the
/// dialect has no answer.
Kernel exact_kernel(const std::string& dialect);

}  // namespace xent
