// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/kernel.h"

namespace xent {

/// highway/safe/<isa> for every instruction set that runs here, best first.
std::vector<Kernel> highway_safe();

/// highway/<rung>/<isa>: the ladder of README.md above safe.
std::vector<Kernel> highway_rungs();

/// Names of what is compiled for an instruction set, whether or not it runs here: `safe`, ...
std::vector<std::string> highway_rungs_of(const std::string& isa);

/// highway/auto/<isa>: a rung for each problem.
std::vector<Kernel> highway_auto();

}  // namespace xent
