// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "core/kernel.h"

namespace xent {

/// highway/safe/<isa> for every instruction set that runs here, best first.
std::vector<Kernel> highway_safe();

}  // namespace xent
