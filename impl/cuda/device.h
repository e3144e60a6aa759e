// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "impl/cuda/call.h"

namespace xent::cuda {

// What needs nvcc, behind functions that do not. Errors are texts of CUDA's; null: none.

/// Why the device here does not run the rung; null: it does.
const char* unusable(Rung);
/// Enqueues the call's kernels on a stream of CUDA's (cudaStream_t).
const char* start(Rung, const DeviceCall&, void* stream);
/// Until all work of the stream is done.
const char* finish(void* stream);
/// y[i] = the exponential of the rungs of x[i]; memory of the host.
const char* exponentials(const float* x, float* y, std::size_t count);

}  // namespace xent::cuda
