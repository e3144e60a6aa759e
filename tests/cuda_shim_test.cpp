// SPDX-License-Identifier: Apache-2.0
// Right kernels on the shim, and wrong ones: barriers and calls of warps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "impl/cuda/host_shim/cuda.h"
#include "tests/cuda_shim.h"

namespace xent::cuda {
namespace {

std::vector<float> numbers(std::size_t n) {
  std::vector<float> x(n);
  std::iota(x.begin(), x.end(), 1.0f);
  return x;
}

// Right kernels.

__device__ float warp_sum(float x) {
  for (int apart = 16; apart > 0; apart /= 2) x += __shfl_xor_sync(kAll, x, apart);
  return x;
}

__global__ void row_sums(const float* x, int v, float* sums) {
  XENT_SHARED(float, totals, 32);
  float sum = 0;
  for (int j = static_cast<int>(threadIdx.x); j < v; j += static_cast<int>(blockDim.x)) {
    sum += x[static_cast<int>(blockIdx.x) * v + j];
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) totals[threadIdx.x / 32] = sum;
  __syncthreads();
  float all = 0;
  for (unsigned w = 0; w < blockDim.x / 32; ++w) all += totals[w];
  if (threadIdx.x == 0) sums[blockIdx.x] = all;
}

TEST(CudaShim, SumsRowsUnderEverySchedule) {
  constexpr int kV = 1000;
  const std::vector<float> x = numbers(3 * kV);
  for (const unsigned block : {32u, 256u, 1024u}) {
    for (int seed = 0; seed < kSeeds; ++seed) {
      set_schedule(static_cast<std::uint64_t>(seed));
      std::vector<float> sums(3);
      run(row_sums, {3, block}, x.data(), kV, sums.data());
      EXPECT_EQ(sums, (std::vector<float>{500500, 1500500, 2500500}));
    }
  }
}

__global__ void prefix_sums(int* x) {
  XENT_DYNAMIC_SHARED(int, shared);
  shared[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  for (unsigned apart = 1; apart < blockDim.x; apart *= 2) {
    const int before = threadIdx.x >= apart ? int{shared[threadIdx.x - apart]} : 0;
    __syncthreads();
    shared[threadIdx.x] += before;
    __syncthreads();
  }
  x[threadIdx.x] = shared[threadIdx.x];
}

TEST(CudaShim, HasDynamicSharedMemory) {
  std::vector<int> x(100, 1);
  std::vector<int> wanted(100);
  std::iota(wanted.begin(), wanted.end(), 1);
  run(prefix_sums, {1, 100, 100 * sizeof(int)}, x.data());
  EXPECT_EQ(x, wanted);
}

__global__ void lanes(unsigned* out) {
  const unsigned lane = threadIdx.x;
  unsigned* mine = out + 8 * lane;
  mine[0] = __shfl_sync(kAll, lane, 5);
  mine[1] = __shfl_sync(kAll, lane, 5, 8);
  mine[2] = __shfl_xor_sync(kAll, lane, 3);
  mine[3] = __shfl_down_sync(kAll, lane, 4);
  mine[4] = __ballot_sync(kAll, lane % 3 == 0);
  mine[5] = lane < 16 ? __ballot_sync(0x0000ffffu, lane % 2) : __ballot_sync(0xffff0000u, 1);
  mine[6] = static_cast<unsigned>(__any_sync(kAll, lane == 7) + 2 * __all_sync(kAll, lane < 31));
  mine[7] = static_cast<unsigned>(__shfl_xor_sync(kAll, std::uint64_t{lane} << 40, 1) >> 40);
}

TEST(CudaShim, ExchangesBetweenLanes) {
  std::vector<unsigned> out(8 * 32);
  run(lanes, {1, 32}, out.data());
  for (unsigned lane = 0; lane < 32; ++lane) {
    const unsigned wanted[] = {5,
                               lane / 8 * 8 + 5,
                               lane ^ 3,
                               lane < 28 ? lane + 4 : lane,
                               0x49249249,
                               lane < 16 ? 0x0000aaaau : 0xffff0000u,
                               1,
                               lane ^ 1};
    for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(out[8 * lane + i], wanted[i]) << lane << " " << i;
  }
}

TEST(CudaShim, RunsBlocksInDifferentOrders) {
  std::set<std::uint64_t> traces;
  std::vector<float> x = numbers(64);
  std::vector<float> sums(2);
  for (int seed = 0; seed < kSeeds; ++seed) {
    for (int again = 0; again < 2; ++again) {
      set_schedule(static_cast<std::uint64_t>(seed));
      run(row_sums, {2, 32}, x.data(), 32, sums.data());
      traces.insert(shim::Scheduler::here().trace());
    }
  }
  EXPECT_EQ(traces.size(), static_cast<std::size_t>(kSeeds));
}

TEST(CudaShim, SchedulesOfDataDependOnItAndOnHowOftenItCame) {
  const std::vector<float> x = numbers(64);
  std::vector<float> sums(2);
  const auto traces_of = [&](std::uint64_t kernel, std::size_t bytes) {
    std::vector<std::uint64_t> traces;
    for (int launch = 0; launch < 3; ++launch) {
      continue_schedule(kernel, std::as_bytes(std::span(x)).first(bytes));
      run(row_sums, {2, 32}, x.data(), 32, sums.data());
      traces.push_back(shim::Scheduler::here().trace());
    }
    return traces;
  };
  const auto first = traces_of(1, 40);
  EXPECT_EQ(std::set(first.begin(), first.end()).size(), 3u);
  EXPECT_NE(traces_of(1, 44), first);
  EXPECT_NE(traces_of(2, 40), first);
  EXPECT_EQ(traces_of(1, 40), first);
}

TEST(CudaShim, RefusesWrongLaunches) {
  std::vector<float> sums(1);
  const auto error = [&](const LaunchShape& shape) {
    return error_of(row_sums, shape, static_cast<const float*>(nullptr), 0, sums.data());
  };
  EXPECT_EQ(error({0, 32}), "wrong launch: grid 0");
  EXPECT_EQ(error({1, 1025}), "wrong launch: block of 1025");
  EXPECT_EQ(error({1, 0}), "wrong launch: block of 0");
  EXPECT_EQ(error({1, 32, 1 << 20}), "wrong launch: 1048576 bytes of shared memory");
  EXPECT_EQ(error({3, 32, 0, 2}), "wrong launch: cluster of 2 in a grid of 3");
}

// Barriers.

enum class Fault { none, no_barrier, no_second_barrier, half_barrier, early_exit, two_places };

__global__ void reversed(float* x, Fault fault) {
  XENT_SHARED(float, copy, 64);
  for (int again = 0; again < 2; ++again) {
    copy[threadIdx.x] = x[threadIdx.x];
    if (fault == Fault::early_exit && threadIdx.x == 40) return;
    if (fault == Fault::two_places && threadIdx.x < 32) {
      __syncthreads();
    } else if (fault != Fault::no_barrier && !(fault == Fault::half_barrier && threadIdx.x == 9)) {
      __syncthreads();
    }
    x[threadIdx.x] = copy[63 - threadIdx.x];
    if (fault != Fault::no_second_barrier) __syncthreads();
  }
}

TEST(CudaShim, TellsWrongBarriers) {
  std::vector<float> x = numbers(64);
  const LaunchShape shape = {1, 64};
  EXPECT_EQ(some_error_of(reversed, shape, x.data(), Fault::none), "");
  expect_always("copy[", reversed, shape, x.data(), Fault::no_barrier);
  expect_always("with no barrier in between", reversed, shape, x.data(), Fault::no_second_barrier);
  expect_always("divergent barrier: ", reversed, shape, x.data(), Fault::two_places);
  expect_always("divergent barrier: ", reversed, shape, x.data(), Fault::early_exit);
  const std::string half = some_error_of(reversed, shape, x.data(), Fault::half_barrier);
  EXPECT_PRED2(says, half, "divergent barrier|nobody has written|no barrier in between");
}

/// Races in global memory show in the results: the schedule is what finds them.
__global__ void shifted(float* x, bool barrier) {
  const float next = x[(threadIdx.x + 1) % blockDim.x];
  if (barrier) __syncthreads();
  x[threadIdx.x] = next;
}

TEST(CudaShim, SchedulesShowARaceInGlobalMemory) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    std::vector<float> wanted = numbers(64);
    std::rotate(wanted.begin(), wanted.begin() + 1, wanted.end());
    set_schedule(static_cast<std::uint64_t>(seed));
    std::vector<float> x = numbers(64);
    run(shifted, {1, 64}, x.data(), true);
    EXPECT_EQ(x, wanted);
    x = numbers(64);
    run(shifted, {1, 64}, x.data(), false);
    EXPECT_NE(x, wanted);
  }
}

__global__ void warps_wait_for_each_other() {
  if (threadIdx.x < 32) __syncthreads();
  else __shfl_sync(kAll, 1, 0);
  if (threadIdx.x < 32) __shfl_sync(kAll, 1, 0);
}

__global__ void half_a_warp_waits() {
  if (threadIdx.x < 16) __syncwarp();
  else __syncthreads();
}

TEST(CudaShim, TellsDeadlocks) {
  expect_always("divergent barrier: ", warps_wait_for_each_other, {1, 64});
  expect_always("deadlock: from thread 0 on waits in a __syncwarp of 0xffffffff at cuda_shim_test",
                half_a_warp_waits, {1, 32});
}

// Warps.

enum class Mask { all, without_me, without_source, exited, different, other_call };

__global__ void exchange(Mask fault, float* out) {
  const unsigned lane = threadIdx.x;
  float x = static_cast<float>(lane);
  if (fault == Mask::exited && lane == 20) return;
  if (fault == Mask::other_call && lane == 3) {
    __syncwarp();
    return;
  }
  unsigned mask = kAll;
  if (fault == Mask::without_me) mask = 0xfffffffeu;
  if (fault == Mask::without_source) mask = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  if (fault == Mask::different && lane == 0) mask = 0x7fffffffu;
  x = __shfl_sync(mask, x, 17);
  out[lane] = x;
}

TEST(CudaShim, TellsWrongMasks) {
  std::vector<float> out(32);
  const LaunchShape shape = {1, 32};
  EXPECT_EQ(some_error_of(exchange, shape, Mask::all, out.data()), "");
  EXPECT_EQ(out, std::vector<float>(32, 17));
  expect_always("lane 20 has exited or never was", exchange, shape, Mask::exited, out.data());
  expect_always("lane 17 is read, but is not in the mask", exchange, shape, Mask::without_source,
                out.data());
  expect_always("shuffle of 0x7fffffff", exchange, shape, Mask::different, out.data());
  expect_always("__syncwarp of 0xffffffff", exchange, shape, Mask::other_call, out.data());
  EXPECT_PRED2(says, some_error_of(exchange, shape, Mask::without_me, out.data()),
              "lane 0 calls it, but is not in the mask");
  expect_always("never was", exchange, LaunchShape{1, 31}, Mask::all, out.data());
}

__global__ void a_lane_leaves_another() {
  if (threadIdx.x == 0) __syncwarp(3);
}

TEST(CudaShim, TellsALaneThatWaitsForOneThatLeft) {
  expect_always("__syncwarp of 0x00000003 at cuda_shim_test.cpp", a_lane_leaves_another, {1, 2});
  expect_always("lane 1 has exited or never was", a_lane_leaves_another, {1, 2});
}

enum class Between { nothing, shuffle, syncwarp };

__global__ void swapped(Between between, float* out) {
  XENT_SHARED(float, x, 64);
  const unsigned i = threadIdx.x;
  for (int again = 0; again < 2; ++again) {
    x[i] = static_cast<float>(i);
    if (between == Between::shuffle) __shfl_sync(kAll, 0, 0);
    if (between == Between::syncwarp) __syncwarp();
    out[i] = x[i ^ 1];
    if (between == Between::shuffle) __shfl_sync(kAll, 0, 0);
    if (between == Between::syncwarp) __syncwarp();
  }
}

TEST(CudaShim, OnlySyncwarpOrdersMemoryWithinAWarp) {
  std::vector<float> out(64);
  EXPECT_EQ(some_error_of(swapped, {1, 64}, Between::syncwarp, out.data()), "");
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(out[i], static_cast<float>(i ^ 1));
  expect_always(" x[", swapped, {1, 64}, Between::nothing, out.data());
  expect_always("with no barrier in between", swapped, {1, 64}, Between::shuffle, out.data());
}

/// Halves of a warp that never meet.
__global__ void half_synced(float* out) {
  XENT_SHARED(float, x, 32);
  const unsigned i = threadIdx.x;
  x[i] = static_cast<float>(i);
  __syncwarp(i < 16 ? 0x0000ffffu : 0xffff0000u);
  out[i] = x[31 - i];
}

TEST(CudaShim, ASyncwarpOrdersItsMaskAlone) {
  std::vector<float> out(32);
  const std::string error = some_error_of(half_synced, {1, 32}, out.data());
  EXPECT_PRED2(says, error, "nobody has written|with no barrier in between");
}

/// What a launch that fails leaves behind must not show in the next.
TEST(CudaShim, RunsOnAfterFailures) {
  std::vector<float> x = numbers(64);
  std::vector<float> sums(1);
  for (int again = 0; again < 20; ++again) {
    EXPECT_NE(error_of(reversed, {1, 64}, x.data(), Fault::early_exit), "");
    EXPECT_NE(error_of(half_a_warp_waits, {1, 32}), "");
    x = numbers(64);
    run(row_sums, {1, 64}, x.data(), 64, sums.data());
    EXPECT_EQ(sums[0], 2080);
  }
}

struct Counts {
  explicit Counts(int* n) : count(n) { ++*count; }
  Counts(const Counts&) = delete;
  ~Counts() { --*count; }
  int* count;
};

__global__ void holds_something(int* count) {
  const Counts held(count);
  __syncthreads();
  if (threadIdx.x == 5) throw std::runtime_error("thread 5 throws");
  __syncthreads();
}

TEST(CudaShim, FailuresEndEveryThreadInOrder) {
  int count = 0;
  EXPECT_EQ(error_of(holds_something, {1, 64}, &count), "thread 5 throws");
  EXPECT_EQ(count, 0);
}

}  // namespace
}  // namespace xent::cuda
