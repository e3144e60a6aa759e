// SPDX-License-Identifier: Apache-2.0
// Shared memory on the shim, copies into it, and clusters that share it.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "impl/cuda/host_shim/cuda.h"
#include "tests/cuda_shim.h"

namespace xent::cuda {
namespace {

enum class Touch { right, unwritten, past, before, misaligned, straddling };

__global__ void touches(Touch touch, float* out) {
  XENT_SHARED(float, x, 8);
  XENT_DYNAMIC_SHARED(unsigned char, bytes);
  const auto words = shared_cast<float>(bytes);
  if (threadIdx.x < 8) x[threadIdx.x] = 1;
  words[threadIdx.x] = 2;
  __syncthreads();
  switch (touch) {
    case Touch::right: break;
    case Touch::unwritten: out[0] = words[64]; break;
    case Touch::past: out[0] = x[8]; break;
    case Touch::before: x[-1] = 1; break;
    case Touch::misaligned: out[0] = *shared_cast<float>(bytes + 2); break;
    case Touch::straddling: shared_cast<uint4>(words + 64)[1] = uint4{}; break;
  }
  out[threadIdx.x] = x[threadIdx.x % 8] + words[threadIdx.x];
}

TEST(CudaShim, TellsWrongAccessesToSharedMemory) {
  std::vector<float> out(64);
  const LaunchShape shape = {1, 64, 65 * sizeof(float)};
  EXPECT_EQ(some_error_of(touches, shape, Touch::right, out.data()), "");
  EXPECT_EQ(out, std::vector<float>(64, 3));
  expect_always("reads dynamic shared memory[64], which nobody has written", touches, shape,
                Touch::unwritten, out.data());
  expect_always("reads x[8], but it has 8 elements", touches, shape, Touch::past, out.data());
  expect_always("writes x[-1], but it has 8 elements", touches, shape, Touch::before, out.data());
  expect_always("which is not aligned", touches, shape, Touch::misaligned, out.data());
  expect_always("writes dynamic shared memory[17], but it has 16 elements", touches, shape,
                Touch::straddling, out.data());
}

__global__ void too_much() {
  XENT_SHARED(double, many, 7000);
  many[threadIdx.x] = 0;
}

TEST(CudaShim, SharedMemoryIsLimited) {
  expect_always("no shared memory is left for many", too_much, {1, 32});
}

/// Stands for what a kernel of many blocks leaves behind in shared memory.
__global__ void second_block_reads(float* out) {
  XENT_SHARED(float, x, 1);
  if (out[0] == 0) x[0] = 1;
  out[0] = x[0];
}

TEST(CudaShim, ABlockStartsWithoutTheLastOnesMemory) {
  std::vector<float> out(1);
  EXPECT_PRED2(says, error_of(second_block_reads, {2, 1}, out.data()),
              "reads x[0], which nobody has written");
}

// Copies that go on beside the threads.

enum class Late { none, no_wait, no_barrier, no_commit, never_waited, own };

/// Two tiles of cp.async in flight, each thread its own vector.
__global__ void grouped(const uint4* x, int tiles, Late fault, unsigned* out) {
  XENT_SHARED(uint4, tile, 2 * 32);
  const int i = static_cast<int>(threadIdx.x);
  unsigned sum = 0;
  copy_async(tile + i, x + i);
  copy_commit();
  for (int t = 0; t < tiles; ++t) {
    if (t + 1 < tiles) copy_async(tile + ((t + 1) % 2 * 32 + i), x + (t + 1) * 32 + i);
    if (fault != Late::no_commit) copy_commit();
    if (fault == Late::never_waited) return;
    if (fault == Late::own) sum += static_cast<uint4>(tile[t % 2 * 32 + i]).x;
    if (fault != Late::no_wait) copy_wait<1>();
    if (fault != Late::no_barrier) __syncthreads();
    const uint4 other = tile[t % 2 * 32 + 31 - i];
    sum += other.x + other.w;
    __syncthreads();
  }
  out[i] = sum;
}

TEST(CudaShimCopies, AreWaitedForByGroups) {
  constexpr int kTiles = 5;
  std::vector<uint4> x(kTiles * 32);
  for (unsigned i = 0; i < x.size(); ++i) x[i] = {i, 0, 0, 7};
  std::vector<unsigned> out(32);
  const LaunchShape shape = {1, 32};
  const auto* from = static_cast<const uint4*>(x.data());
  EXPECT_EQ(some_error_of(grouped, shape, from, kTiles, Late::none, out.data()), "");
  for (unsigned i = 0; i < 32; ++i) EXPECT_EQ(out[i], 5 * (31 - i + 7) + 32 * 10);
  expect_always("into which a copy is still in flight", grouped, shape, from, kTiles,
                Late::no_wait, out.data());
  expect_always("into which a copy is still in flight", grouped, shape, from, kTiles,
                Late::no_commit, out.data());
  expect_always("into which a copy is still in flight", grouped, shape, from, kTiles, Late::own,
                out.data());
  expect_always(" tile[", grouped, shape, from, kTiles, Late::no_barrier, out.data());
  expect_always("its block ends, but a copy to it was never waited for", grouped, shape, from,
                kTiles, Late::never_waited, out.data());
}

enum class Bulk { none, no_wait, wrong_parity, no_expect, no_empty, no_init_barrier, odd_size };

/// A ring of two tiles that thread 0 fills; `empty` tells it that all have read one.
__global__ void ring(const float* x, int tiles, Bulk fault, float* out) {
  XENT_SHARED(float, tile, 2 * 64);
  XENT_SHARED(CopyBarrier, full, 2);
  XENT_SHARED(CopyBarrier, empty, 2);
  const int i = static_cast<int>(threadIdx.x);
  if (i < 2) {
    barrier_init(full + i, 1);
    barrier_init(empty + i, blockDim.x);
  }
  if (fault != Bulk::no_init_barrier) __syncthreads();
  const auto fill = [&](int t) {
    const std::size_t bytes = fault == Bulk::odd_size ? 60 * 4 + 2 : 64 * 4;
    if (fault == Bulk::no_expect) barrier_arrive(full + t % 2);
    else barrier_expect(full + t % 2, bytes);
    copy_bulk(tile + t % 2 * 64, x + t * 64, bytes, full + t % 2);
  };
  if (i == 0) fill(0);
  float sum = 0;
  for (int t = 0; t < tiles; ++t) {
    if (i == 0 && t + 1 < tiles) {
      if (t > 0 && fault != Bulk::no_empty) {
        barrier_wait(empty + (t + 1) % 2, static_cast<unsigned>(((t - 1) / 2) % 2));
      }
      fill(t + 1);
    }
    const auto parity = static_cast<unsigned>(t / 2 % 2);
    if (fault == Bulk::wrong_parity) barrier_wait(full + t % 2, 1 - parity);
    else if (fault != Bulk::no_wait) barrier_wait(full + t % 2, parity);
    sum += tile[t % 2 * 64 + 63 - i];
    barrier_arrive(empty + t % 2);
  }
  out[i] = sum;
}

TEST(CudaShimCopies, OfBulkCompleteOnBarriers) {
  constexpr int kTiles = 7;
  std::vector<float> x(kTiles * 64);
  std::iota(x.begin(), x.end(), 0.0f);
  std::vector<float> out(64);
  const LaunchShape shape = {1, 64};
  const auto* from = static_cast<const float*>(x.data());
  EXPECT_EQ(some_error_of(ring, shape, from, kTiles, Bulk::none, out.data()), "");
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(out[static_cast<std::size_t>(i)], static_cast<float>(7 * (63 - i) + 64 * 21));
  }
  for (const Bulk fault : {Bulk::no_wait, Bulk::wrong_parity}) {
    expect_always(" tile[", ring, shape, from, kTiles, fault, out.data());
  }
  const auto error = [&](Bulk fault) {
    return some_error_of(ring, shape, from, kTiles, fault, out.data());
  };
  EXPECT_PRED2(says, error(Bulk::no_expect), " tile[");
  EXPECT_PRED2(says, error(Bulk::no_empty), " tile[");
  EXPECT_PRED2(says, error(Bulk::no_init_barrier), "full[|empty[");
  expect_always("must be multiples of 16", ring, shape, from, kTiles, Bulk::odd_size, out.data());
}

__global__ void waits_for_nothing() {
  XENT_SHARED(CopyBarrier, full, 1);
  if (threadIdx.x == 0) barrier_init(full, 2);
  __syncthreads();
  if (threadIdx.x == 0) barrier_arrive(full);
  barrier_wait(full, 0);
}

TEST(CudaShimCopies, ThatNeverComeAreADeadlock) {
  expect_always("deadlock: from thread 0 on waits for copies at cuda_shim_memory_test.cpp",
                waits_for_nothing, {1, 32});
}

// Clusters.

enum class Apart { none, no_first, no_last, block_barrier, early_exit };

/// Each block sums what all blocks of its cluster wrote.
__global__ void cluster_sums(const float* x, Apart fault, float* out) {
  XENT_SHARED(float, mine, 32);
  mine[threadIdx.x] = x[blockIdx.x * 32 + threadIdx.x];
  if (fault == Apart::early_exit && blockIdx.x == 2 && threadIdx.x == 1) return;
  if (fault == Apart::block_barrier) __syncthreads();
  else if (fault != Apart::no_first) cluster_barrier();
  float sum = 0;
  for (unsigned rank = 0; rank < cluster_size(); ++rank) {
    const auto other = map_shared_rank(mine, (cluster_rank() + rank) % cluster_size());
    sum += other[31 - threadIdx.x];
  }
  out[blockIdx.x * 32 + threadIdx.x] = sum;
  if (fault != Apart::no_last) cluster_barrier();
}

TEST(CudaShimCluster, ReadsTheOthersSharedMemory) {
  std::vector<float> x(8 * 32);
  std::iota(x.begin(), x.end(), 0.0f);
  std::vector<float> out(x.size());
  const LaunchShape shape = {8, 32, 0, 4};
  const auto* from = static_cast<const float*>(x.data());
  EXPECT_EQ(some_error_of(cluster_sums, shape, from, Apart::none, out.data()), "");
  for (unsigned b = 0; b < 8; ++b) {
    for (unsigned i = 0; i < 32; ++i) {
      const unsigned wanted = 4 * (b / 4 * 128 + 31 - i) + 32 * 6;
      EXPECT_EQ(out[b * 32 + i], static_cast<float>(wanted)) << b << " " << i;
    }
  }
  const auto error = [&](Apart fault) {
    return some_error_of(cluster_sums, shape, from, fault, out.data());
  };
  const char* too_early = "before any barrier of the cluster|has not begun";
  EXPECT_PRED2(says, error(Apart::no_first), std::string(too_early) + "|nobody has written");
  EXPECT_PRED2(says, error(Apart::block_barrier), too_early);
  expect_always(" of block ", cluster_sums, shape, from, Apart::no_last, out.data());
  EXPECT_PRED2(says, error(Apart::no_last),
              "which has exited|uses its shared memory with no barrier in between");
  EXPECT_PRED2(says, error(Apart::early_exit), "divergent barrier: ");
}

__global__ void visits(bool barrier, float* out) {
  XENT_SHARED(float, mine, 1);
  mine[0] = static_cast<float>(cluster_rank());
  cluster_barrier();
  if (cluster_rank() == 0) out[0] = map_shared_rank(mine, 1)[0];
  if (barrier) cluster_barrier();
}

TEST(CudaShimCluster, ABlockOutlivesItsVisitors) {
  float out = 0;
  EXPECT_EQ(some_error_of(visits, {2, 1, 0, 2}, true, &out), "");
  EXPECT_EQ(out, 1);
  expect_always("which has exited|its block ends, but thread 0 of block 0 uses its shared memory",
                visits, {2, 1, 0, 2}, false, &out);
}

/// What a block's threads wrote and one of them passes on by arriving at another block's barrier.
__global__ void passed_on(bool meet_first, float* out) {
  XENT_SHARED(float, box, 32);
  XENT_SHARED(CopyBarrier, full, 1);
  const unsigned i = threadIdx.x;
  if (i == 0) barrier_init(full, 1);
  cluster_barrier();
  if (cluster_rank() == 0) {
    map_shared_rank(box, 1)[i] = static_cast<float>(i);
    if (meet_first) __syncthreads();
    if (i == 0) barrier_arrive(map_shared_rank(full, 1));
  } else {
    if (i == 0) barrier_wait(full, 0);
    __syncthreads();
    out[i] = box[31 - i];
  }
  cluster_barrier();
}

TEST(CudaShimCluster, OrderIsPassedOnThroughBarriers) {
  std::vector<float> out(32);
  const LaunchShape shape = {2, 32, 0, 2};
  EXPECT_EQ(some_error_of(passed_on, shape, true, out.data()), "");
  for (unsigned i = 0; i < 32; ++i) EXPECT_EQ(out[i], static_cast<float>(31 - i));
  expect_always(" box[", passed_on, shape, false, out.data());
}

}  // namespace
}  // namespace xent::cuda
