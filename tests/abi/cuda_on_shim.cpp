// SPDX-License-Identifier: Apache-2.0
// The plugin of impl/cuda with fibers for a device, on the memory of fake_cuda.c: everything
// between a judge and the kernels but CUDA itself.
#include "impl/cuda/device.h"
#include "impl/cuda/dispatch.cuh"

extern "C" int fake_cuda_owns(const void*, std::size_t);
extern "C" int fake_cuda_is_stream(const void*);

namespace xent::cuda {

const char* unusable(Rung) { return nullptr; }

const char* start(Rung rung, const DeviceCall& call, void* stream) {
  if (fake_cuda_is_stream(stream) == 0) return "not the device's stream";
  for (const void* p : {call.input, call.target, call.weight.data, call.upstream.data,
                        static_cast<const void*>(call.label), static_cast<const void*>(call.grad),
                        static_cast<const void*>(call.loss)}) {
    const bool there = call.n == 0 || p == nullptr || fake_cuda_owns(p, 1) != 0;
    if (!there) return "a tensor is not on the device";
  }
  const std::size_t bytes = workspace_floats(call) * sizeof(float);
  if (fake_cuda_owns(call.workspace, bytes) == 0) return "no workspace on the device";
  enqueue(rung, call, {2 * kWarp, 1}, nullptr);
  return nullptr;
}

const char* finish(void*) { return nullptr; }

const char* exponentials(const float* x, float* y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] = exp_approx(x[i]);
  return nullptr;
}

}  // namespace xent::cuda
