// SPDX-License-Identifier: Apache-2.0
#include "impl/cuda/device.h"

#include <cuda_runtime.h>

#include <algorithm>

#include "impl/cuda/dispatch.cuh"

namespace xent::cuda {
namespace {

const char* text(cudaError_t error) {
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

__global__ void exponentials_of(const float* x, float* y, std::size_t count) {
  const std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) y[i] = exp_approx(x[i]);
}

}  // namespace

const char* unusable(Rung rung) {
  constexpr int kOfClusters = 9;
  cudaFuncAttributes known;
  const char* why = text(cudaFuncGetAttributes(&known, exponentials_of));
  if (why != nullptr || rung != Rung::cluster) return why;
  int device = 0, major = 0;
  why = text(cudaGetDevice(&device));
  if (why == nullptr) {
    why = text(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  }
  if (why == nullptr && major < kOfClusters) why = "needs a device of compute capability 9.0";
  return why;
}

const char* start(Rung rung, const DeviceCall& call, void* stream) {
  enqueue(rung, call, {}, static_cast<cudaStream_t>(stream));
  return text(cudaGetLastError());
}

const char* finish(void* stream) {
  return text(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)));
}

const char* exponentials(const float* x, float* y, std::size_t count) {
  constexpr std::size_t kMost = std::size_t{1} << 22;
  constexpr unsigned kBlock = 256;
  float* there = nullptr;
  cudaError_t error = cudaMalloc(&there, 2 * kMost * sizeof *there);
  for (std::size_t i = 0; i < count && error == cudaSuccess; i += kMost) {
    const std::size_t n = std::min(kMost, count - i);
    error = cudaMemcpy(there, x + i, n * sizeof *x, cudaMemcpyHostToDevice);
    if (error != cudaSuccess) break;
    const auto blocks = static_cast<unsigned>((n + kBlock - 1) / kBlock);
    exponentials_of<<<blocks, kBlock>>>(there, there + kMost, n);
    error = cudaMemcpy(y + i, there + kMost, n * sizeof *y, cudaMemcpyDeviceToHost);
  }
  cudaFree(there);
  return text(error);
}

}  // namespace xent::cuda
