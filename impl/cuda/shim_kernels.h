// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "impl/cuda/budget.h"
#include "impl/cuda/call.h"
#include "impl/host_invocation.h"

namespace xent {

/// The CUDA kernels' text, compiled for this processor, a fiber for each thread: what they compute,
/// not how fast. What that cannot show: host_shim/README.md.
std::vector<Kernel> cuda_shim_kernels();

/// Launches what a call asks for; `warps` is 4 where the problem may have several threads, else 2,
/// and half of that for many rows, so that a result which depends on a block's size shows.
using FiberBody = std::function<void(const cuda::DeviceCall&, unsigned warps)>;

/// A kernel of such a body: everything but summary and refusals. Its schedules depend on its name
/// and the case's logits, so that a case that is replayed alone runs as it did among others.
HostKernel on_fibers(std::string name, cuda::Form, FiberBody);

/// Options and sizes that no kernel on fibers takes.
std::optional<std::string> beyond_fibers(const Problem&);

}  // namespace xent
