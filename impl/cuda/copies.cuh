// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "impl/cuda/platform.cuh"

// Copies that go on beside the threads, and clusters of blocks: on the device what
// host_shim/async.h and host_shim/cuda.h are in the shim, in the PTX of sm_90. Earlier devices
// trap.

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
#define XENT_PTX_90(...) __trap()
#else
#define XENT_PTX_90(...) asm volatile(__VA_ARGS__)
#endif

namespace xent::cuda {

struct CopyBarrier {
  std::uint64_t state;
};

XENT_DEVICE std::uint32_t shared_address(const void* at) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(at));
}

/// The fences show it to the rest of the cluster and to copies.
XENT_DEVICE void barrier_init(CopyBarrier* b, unsigned arrivals) {
  XENT_PTX_90("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(arrivals)
              : "memory");
  XENT_PTX_90("fence.mbarrier_init.release.cluster;" ::: "memory");
  XENT_PTX_90("fence.proxy.async.shared::cta;" ::: "memory");
}

XENT_DEVICE void barrier_expect(CopyBarrier* b, std::size_t bytes) {
  XENT_PTX_90("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(b)),
              "r"(static_cast<std::uint32_t>(bytes))
              : "memory");
}

/// try_wait returns after a while even if the phase goes on.
XENT_DEVICE void barrier_wait(CopyBarrier* b, unsigned parity) {
  std::uint32_t done = 0;
  while (done == 0) {
    XENT_PTX_90(
        "{\n"
        ".reg .pred complete;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 complete, [%1], %2;\n"
        "selp.b32 %0, 1, 0, complete;\n"
        "}"
        : "=r"(done)
        : "r"(shared_address(b)), "r"(parity)
        : "memory");
  }
}

/// The fence lets what threads have read of `to` be read before the copy writes there.
template <class T>
XENT_DEVICE void copy_bulk(T* to, const T* from, std::size_t bytes, CopyBarrier* b) {
  XENT_PTX_90("fence.proxy.async.shared::cta;" ::: "memory");
  XENT_PTX_90(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(shared_address(to)),
      "l"(__cvta_generic_to_global(from)), "r"(static_cast<std::uint32_t>(bytes)),
      "r"(shared_address(b))
      : "memory");
}

XENT_DEVICE unsigned cluster_rank() {
  unsigned rank = 0;
  XENT_PTX_90("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
XENT_DEVICE unsigned cluster_size() {
  unsigned size = 1;
  XENT_PTX_90("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
  return size;
}
XENT_DEVICE void cluster_barrier() {
  XENT_PTX_90("barrier.cluster.arrive.release;" ::: "memory");
  XENT_PTX_90("barrier.cluster.wait.acquire;" ::: "memory");
}

template <class T>
XENT_DEVICE T* map_shared_rank(T* p, unsigned rank) {
  std::uint64_t there = 0;
  XENT_PTX_90("mapa.u64 %0, %1, %2;"
              : "=l"(there)
              : "l"(reinterpret_cast<std::uint64_t>(p)), "r"(rank));
  return reinterpret_cast<T*>(there);
}

}  // namespace xent::cuda

#undef XENT_PTX_90
