// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/kernel.h"

namespace xent {

/// Every built-in kernel that can run on this machine, products first, in a fixed order.
std::vector<Kernel> builtin_kernels();

/// Kernels of this process that were built but cannot run here: name and reason.
struct Unavailable {
  std::string name;
  std::string reason;
};
std::vector<Unavailable> unavailable_kernels();

}  // namespace xent
