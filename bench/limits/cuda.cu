// SPDX-License-Identifier: Apache-2.0
// The limits of a CUDA device's memory and launches, as C functions that enqueue on a stream and
// return CUDA's error code; and what benchmarks fill their tensors with. Unproven on hardware.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace {

constexpr int kThreads = 512;

/// 16-byte words in flight for each thread, and blocks for each multiprocessor.
struct Pattern {
  int unroll;
  int blocks;
};
constexpr Pattern kPatterns[] = {{4, 2}, {4, 4}, {8, 2}, {8, 4}};
constexpr int kPatternCount = sizeof kPatterns / sizeof kPatterns[0];

__device__ uint4 mixed(uint4 a, const uint4& b) {
  a.x ^= b.x, a.y ^= b.y, a.z ^= b.z, a.w ^= b.w;
  return a;
}

/// `change`: stores what it read, changed; else only what no memory holds.
template <int kUnroll, bool change>
__global__ void __launch_bounds__(kThreads) pass(const uint4* from, uint4* to, std::size_t count) {
  const std::size_t all = std::size_t{gridDim.x} * kThreads;
  uint4 sum = make_uint4(0, 0, 0, 0);
  std::size_t i = std::size_t{blockIdx.x} * kThreads + threadIdx.x;
  for (; i + (kUnroll - 1) * all < count; i += kUnroll * all) {
    uint4 words[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) words[u] = __ldcs(from + i + u * all);
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      if (change) __stcs(to + i + u * all, mixed(words[u], make_uint4(1, 1, 1, 1)));
      else sum = mixed(sum, words[u]);
    }
  }
  for (; i < count; i += all) {
    const uint4 word = __ldcs(from + i);
    if (change) __stcs(to + i, mixed(word, make_uint4(1, 1, 1, 1)));
    else sum = mixed(sum, word);
  }
  if (!change && sum.x == 0x12345678u && sum.y == 0x9abcdef0u && sum.z == 0x0fedcba9u) to[0] = sum;
}

__global__ void nothing() {}

__device__ std::uint32_t hash(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return static_cast<std::uint32_t>((x ^ (x >> 31)) >> 32);
}

/// The sum of four uniform numbers, scaled to the deviation 2: as good as Gaussian here.
__device__ float number(std::uint64_t seed, std::size_t i) {
  float sum = 0;
  for (int k = 0; k < 4; ++k) {
    sum += static_cast<float>(hash(seed + 4 * i + k)) * 0x1p-32f - 0.5f;
  }
  return sum * 3.4641016f;
}

template <class T>
__global__ void fill(T* to, std::size_t count, std::uint64_t seed) {
  const std::size_t all = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += all) {
    to[i] = static_cast<T>(number(seed, i));
  }
}

int multiprocessors() {
  static const int count = [] {
    int device = 0, n = 1;
    cudaGetDevice(&device);
    cudaDeviceGetAttribute(&n, cudaDevAttrMultiProcessorCount, device);
    return n;
  }();
  return count;
}

template <bool change>
int enqueue(int pattern, const void* from, void* to, std::size_t bytes, cudaStream_t stream) {
  if (pattern < 0 || pattern >= kPatternCount) return cudaErrorInvalidValue;
  const auto* const words = static_cast<const uint4*>(from);
  auto* const out = static_cast<uint4*>(to);
  const auto blocks = static_cast<unsigned>(multiprocessors() * kPatterns[pattern].blocks);
  const std::size_t count = bytes / sizeof(uint4);
  if (kPatterns[pattern].unroll == 4) {
    pass<4, change><<<blocks, kThreads, 0, stream>>>(words, out, count);
  } else {
    pass<8, change><<<blocks, kThreads, 0, stream>>>(words, out, count);
  }
  return cudaGetLastError();
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default"))) int

EXPORT xentcheck_limit_patterns() { return kPatternCount; }
/// Reads; `sink`: 16 bytes that are not written, which the compiler can't know.
EXPORT xentcheck_limit_read(int pattern, const void* from, void* sink, std::size_t bytes,
                            void* stream) {
  return enqueue<false>(pattern, from, sink, bytes, static_cast<cudaStream_t>(stream));
}
/// Reads and writes; in place if `to` is `from`.
EXPORT xentcheck_limit_change(int pattern, const void* from, void* to, std::size_t bytes,
                              void* stream) {
  return enqueue<true>(pattern, from, to, bytes, static_cast<cudaStream_t>(stream));
}
EXPORT xentcheck_limit_launch(void* stream) {
  nothing<<<1, 32, 0, static_cast<cudaStream_t>(stream)>>>();
  return cudaGetLastError();
}
/// `type`: XENTCHECK_DTYPE_F32, F16, BF16.
EXPORT xentcheck_limit_fill(void* to, std::size_t count, int type, std::uint64_t seed,
                            void* stream) {
  const auto s = static_cast<cudaStream_t>(stream);
  const auto blocks = static_cast<unsigned>(multiprocessors() * 4);
  if (type == 0) fill<<<blocks, kThreads, 0, s>>>(static_cast<float*>(to), count, seed);
  else if (type == 2) fill<<<blocks, kThreads, 0, s>>>(static_cast<__half*>(to), count, seed);
  else fill<<<blocks, kThreads, 0, s>>>(static_cast<__nv_bfloat16*>(to), count, seed);
  return cudaGetLastError();
}
