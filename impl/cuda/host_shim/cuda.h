// SPDX-License-Identifier: Apache-2.0
#pragma once

// CUDA's names for a compiler that has none: what a kernel includes instead of cuda_runtime.h. One
// launch runs on the calling thread, a fiber for each CUDA thread; README.md says what it shows.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

#include "impl/cuda/host_shim/async.h"
#include "impl/cuda/host_shim/scheduler.h"
#include "impl/cuda/host_shim/shared.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }

inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline unsigned __brev(unsigned x) {
  unsigned y = 0;
  for (int i = 0; i < 32; ++i) y |= (x >> i & 1) << (31 - i);
  return y;
}

/// Loads and stores of global memory, at which others may run first.
template <class T>
T __ldg(const T* at) {
  xent::cuda::shim::Scheduler::here().maybe_switch();
  return *at;
}
template <class T>
T __ldcs(const T* at) {
  return __ldg(at);
}
template <class T>
void __stcs(T* at, T x) {
  xent::cuda::shim::Scheduler::here().maybe_switch();
  *at = x;
}

inline unsigned atomicAdd(unsigned* at, unsigned x) {
  xent::cuda::shim::Scheduler::here().maybe_switch();
  const unsigned before = *at;
  *at += x;
  return before;
}
inline void __threadfence() { xent::cuda::shim::Scheduler::here().maybe_switch(); }

namespace xent::cuda {

/// Launches run at once, whatever the stream.
using Stream = const void*;

namespace shim {

/// What `lane` brings.
template <class T>
[[gnu::always_inline]] inline T shuffled(unsigned mask, T x, unsigned lane, const Where& where) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &x, sizeof x);
  bits = Scheduler::here().warp_call(WarpCall::shuffle, mask, bits, lane, where);
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline unsigned votes(unsigned mask, bool x, const Where& where) {
  Scheduler& s = Scheduler::here();
  return static_cast<unsigned>(
      s.warp_call(WarpCall::vote, mask, x ? 1 : 0, s.thread().lane, where));
}

inline unsigned lane() { return Scheduler::here().thread().lane; }
/// The last lane of the group of `width`.
inline unsigned last_lane(int width) { return lane() | (static_cast<unsigned>(width) - 1); }
/// Lanes beyond the last give a shuffle's caller its own value.
inline unsigned up_to(unsigned last, unsigned from) { return from <= last ? from : lane(); }

}  // namespace shim

/// Runs the kernel on this thread until all its threads have ended. Throws std::runtime_error with
/// one line that names block, thread and what was wrong.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, Stream,
            Arguments... arguments) {
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> values;
  } call = {kernel, std::tuple<Parameters...>(static_cast<Parameters>(arguments)...)};
  shim::Scheduler::here().run(
      shape,
      [](void* c) { std::apply(static_cast<Call*>(c)->kernel, static_cast<Call*>(c)->values); },
      &call);
}

/// The schedules that follow are those of this seed: one for each launch.
inline void set_schedule(std::uint64_t seed) { shim::Scheduler::here().set_seed(seed); }

/// The same, unless the schedules are this kernel's and data's already: its launches on the same
/// data in a row differ, and run alike whenever they come after others.
inline void continue_schedule(std::uint64_t kernel, std::span<const std::byte> data) {
  std::uint64_t seed = 0xcbf29ce484222325u + kernel;
  for (const std::byte b : data) seed = (seed ^ static_cast<std::uint64_t>(b)) * 0x100000001b3u;
  if (seed != shim::Scheduler::here().seed()) set_schedule(seed);
}

inline unsigned cluster_rank() { return shim::Scheduler::here().thread().block->rank; }
inline unsigned cluster_size() { return shim::Scheduler::here().shape().cluster; }
inline void cluster_barrier(const shim::Where& where = shim::Where::current()) {
  shim::Scheduler::here().cluster_barrier(where);
}

}  // namespace xent::cuda

// The calling line, which errors name. Inlined for the reason at change() in fibers.h.
#define XENT_WHERE \
  const xent::cuda::shim::Where& where = xent::cuda::shim::Where::current()
#define XENT_INLINE [[gnu::always_inline]] inline

XENT_INLINE void __syncthreads(XENT_WHERE) {
  xent::cuda::shim::Scheduler::here().block_barrier(where);
}
XENT_INLINE void __syncwarp(unsigned mask = ~0u, XENT_WHERE) {
  namespace shim = xent::cuda::shim;
  shim::Scheduler::here().warp_call(shim::WarpCall::sync, mask, 0, shim::lane(), where);
}

template <class T>
XENT_INLINE T __shfl_sync(unsigned mask, T x, int source, int width = 32, XENT_WHERE) {
  namespace shim = xent::cuda::shim;
  const unsigned in_group = static_cast<unsigned>(width) - 1;
  const unsigned from = (shim::lane() & ~in_group) | (static_cast<unsigned>(source) & in_group);
  return shim::shuffled(mask, x, from, where);
}
template <class T>
XENT_INLINE T __shfl_xor_sync(unsigned mask, T x, int lanes, int width = 32, XENT_WHERE) {
  namespace shim = xent::cuda::shim;
  const unsigned from = shim::lane() ^ static_cast<unsigned>(lanes);
  return shim::shuffled(mask, x, shim::up_to(shim::last_lane(width), from), where);
}
template <class T>
XENT_INLINE T __shfl_down_sync(unsigned mask, T x, unsigned lanes, int width = 32, XENT_WHERE) {
  namespace shim = xent::cuda::shim;
  const unsigned from = shim::lane() + lanes;
  return shim::shuffled(mask, x, shim::up_to(shim::last_lane(width), from), where);
}

XENT_INLINE unsigned __ballot_sync(unsigned mask, int x, XENT_WHERE) {
  return xent::cuda::shim::votes(mask, x != 0, where);
}
XENT_INLINE int __any_sync(unsigned mask, int x, XENT_WHERE) {
  return xent::cuda::shim::votes(mask, x != 0, where) != 0 ? 1 : 0;
}
XENT_INLINE int __all_sync(unsigned mask, int x, XENT_WHERE) {
  return xent::cuda::shim::votes(mask, x != 0, where) == mask ? 1 : 0;
}

#undef XENT_WHERE
#undef XENT_INLINE
