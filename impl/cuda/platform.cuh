// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one place that knows who compiles: nvcc, or a C++ compiler with the shim. Kernels are written
// with CUDA's own names and, besides, what is declared here:
//   XENT_SHARED(float, totals, 32);         an array that the block shares, declared in a kernel
//   XENT_DYNAMIC_SHARED(unsigned char, s);  the launch's shared_bytes of it
//   launch(kernel, {grid, block, shared_bytes, cluster}, stream, arguments...)
//   exp2_approx(x)                          2^x, see kExp2Ulps
//   clusters_at_once(kernel, shape)         of a launch's clusters
// Compile for the device without fast math and with -fmad=false: where a product is to be added
// without rounding, the text says fmaf, and every kernel rounds alike.

#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define XENT_SHARED(type, name, count) __shared__ type name[count]
#define XENT_DYNAMIC_SHARED(type, name) extern __shared__ type name[]
#define XENT_NOINLINE __noinline__
#define XENT_PARAMETER const __grid_constant__
#define XENT_UNROLL _Pragma("unroll")
#define XENT_ROLLED _Pragma("unroll 1")
#else
#include "core/dtype.h"
#include "impl/cuda/host_shim/cuda.h"

#define XENT_NOINLINE __attribute__((noinline))
#define XENT_PARAMETER const
#define XENT_UNROLL
#define XENT_ROLLED
#endif

#define XENT_DEVICE __device__ __forceinline__
#define XENT_BOTH __host__ __device__ __forceinline__

namespace xent::cuda {

/// PTX ISA 9.1, ex2.approx.ftz.f32: at most 2 ulp from the correctly rounded result over the full
/// range; 2^0 is 1, 2^-inf is 0; subnormal arguments count as 0, subnormal results become 0.
inline constexpr int kExp2Ulps = 2;

/// What a thread reads or writes at once: 4 numbers of f32, 8 of bf16 or f16, lower halves first.
struct Vector {
  std::uint32_t word[4];
};
inline constexpr int kVectorBytes = 16;

#ifdef __CUDACC__

using Stream = cudaStream_t;

struct LaunchShape {
  unsigned grid = 1;
  unsigned block = 32;
  std::size_t shared_bytes = 0;
  unsigned cluster = 1;
};

/// A launch as CUDA has it. Errors show in cudaGetLastError.
struct LaunchConfig {
  cudaLaunchConfig_t config = {};
  cudaLaunchAttribute cluster = {};

  template <class... Parameters>
  LaunchConfig(void (*kernel)(Parameters...), const LaunchShape& shape, Stream stream) {
    constexpr std::size_t kWithoutAsking = 48 * 1024;
    if (shape.shared_bytes > kWithoutAsking) {
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(shape.shared_bytes));
    }
    config.gridDim = dim3(shape.grid);
    config.blockDim = dim3(shape.block);
    config.dynamicSmemBytes = shape.shared_bytes;
    config.stream = stream;
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = shape.cluster;
    cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    config.attrs = &cluster;
    config.numAttrs = shape.cluster > 1 ? 1 : 0;
  }
  LaunchConfig(const LaunchConfig&) = delete;
};

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, Stream stream,
            Arguments... arguments) {
  const LaunchConfig with(kernel, shape, stream);
  cudaLaunchKernelEx(&with.config, kernel, static_cast<Parameters>(arguments)...);
}

/// How many clusters of the shape run at once, whatever its grid.
template <class... Parameters>
int clusters_at_once(void (*kernel)(Parameters...), const LaunchShape& shape) {
  LaunchConfig with(kernel, shape, nullptr);
  with.config.numAttrs = 1;
  int count = 0;
  cudaOccupancyMaxActiveClusters(&count, kernel, &with.config);
  return count > 0 ? count : 1;
}

XENT_DEVICE float exp2_approx(float x) {
  float y;
  asm volatile("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

XENT_DEVICE float from_f16(std::uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
/// Rounded to nearest even, `low` in the lower half.
XENT_DEVICE std::uint32_t pack_f16(float low, float high) {
  const __half2 both = __floats2half2_rn(low, high);
  const std::uint32_t upper = __half_as_ushort(__high2half(both));
  return __half_as_ushort(__low2half(both)) | upper << 16;
}
XENT_DEVICE std::uint32_t pack_bf16(float low, float high) {
  std::uint32_t both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}

/// 16 bytes at a multiple of 16, that are not read again soon.
XENT_DEVICE Vector load_vector(const void* at) {
  const uint4 v = __ldcs(static_cast<const uint4*>(at));
  return {{v.x, v.y, v.z, v.w}};
}
XENT_DEVICE void store_vector(void* at, const Vector& v) {
  __stcs(static_cast<uint4*>(at), make_uint4(v.word[0], v.word[1], v.word[2], v.word[3]));
}

#else

/// Few, so that each has several rows.
template <class... Parameters>
int clusters_at_once(void (*)(Parameters...), const LaunchShape&) {
  return 2;
}

/// The correctly rounded result moved by a pseudo-random number of ulps, a function of x.
inline float exp2_approx(float x) {
  const auto y = static_cast<float>(std::exp2(static_cast<double>(x)));
  if (!(y >= 0x1p-126f)) return x == x ? 0.0f : x;
  if (std::fabs(x) < 0x1p-126f || y > 0x1.fffff0p127f) return y;
  const std::uint32_t mixed = __float_as_uint(x) * 0x9e3779b1u;
  const int ulps = static_cast<int>((mixed >> 8) % (2 * kExp2Ulps + 1)) - kExp2Ulps;
  const float moved = __uint_as_float(__float_as_uint(y) + static_cast<std::uint32_t>(ulps));
  return moved >= 0x1p-126f ? moved : 0.0f;
}

inline float from_f16(std::uint16_t bits) { return static_cast<float>(xent::from_f16(bits)); }
inline std::uint32_t pack_f16(float low, float high) {
  return to_f16(low) | std::uint32_t{to_f16(high)} << 16;
}
inline std::uint32_t pack_bf16(float low, float high) {
  return to_bf16(low) | std::uint32_t{to_bf16(high)} << 16;
}

inline Vector load_vector(const void* at) {
  Vector v;
  std::memcpy(&v, __builtin_assume_aligned(at, 16), sizeof v);
  return v;
}
inline void store_vector(void* at, const Vector& v) {
  std::memcpy(__builtin_assume_aligned(at, 16), &v, sizeof v);
}

#endif

}  // namespace xent::cuda

#ifdef __CUDACC__
#include "impl/cuda/copies.cuh"
#endif
