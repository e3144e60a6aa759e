// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "impl/process/foreign.h"
#include "impl/registry.h"

namespace xent {

/// Kernels of ours on a CUDA device; asked once, since it starts a process.
const DeviceKernels& device();

/// What cannot run here, in this process or on a device: a name or pattern, and the reason.
std::vector<Unavailable> unavailable();

/// The full names of all these.
std::vector<std::string> unavailable_names();

}  // namespace xent
