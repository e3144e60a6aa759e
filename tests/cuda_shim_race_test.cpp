// SPDX-License-Identifier: Apache-2.0
// Races that the shim finds in random programs, against the definition.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "impl/cuda/host_shim/cuda.h"
#include "tests/cuda_shim.h"

namespace xent::cuda {
namespace {

/// What all threads do in turn: a barrier, or each its own access of a few elements.
struct Step {
  enum Kind { access, syncwarp, syncthreads } kind = access;
  struct Of {
    int element = -1;  ///< none
    bool write = false;
  };
  std::vector<Of> threads;
};
using Program = std::vector<Step>;
constexpr unsigned kThreads = 80;
constexpr int kElements = 2;

/// Programs with few accesses, so that many are right, and so that few of the others have more than
/// one race.
Program random_program(std::mt19937& random) {
  const auto draw = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  constexpr unsigned kWho[] = {0, 1, 2, 31, 32, 33, 64, 79};
  Program program(2 + draw(7));
  for (Step& step : program) {
    const unsigned kind = draw(4);
    step.kind = kind == 0 ? Step::syncthreads : kind == 1 ? Step::syncwarp : Step::access;
    step.threads.resize(kThreads);
  }
  const unsigned writes = 2 + draw(7);
  const unsigned who = 2 + draw(7);
  const unsigned elements = 1 + draw(kElements);
  for (unsigned left = 2 + draw(5); left > 0; --left) {
    Step::Of& of = program[draw(static_cast<unsigned>(program.size()))].threads[kWho[draw(who)]];
    of = {static_cast<int>(draw(elements)), draw(writes) == 0};
  }
  return program;
}

/// Whether some two accesses conflict with nothing between them that orders their threads.
bool has_race(const Program& program) {
  for (std::size_t i = 0; i < program.size(); ++i) {
    bool warps_are_ordered = false;
    for (std::size_t k = i; k < program.size(); ++k) {
      if (program[k].kind == Step::syncthreads) break;
      warps_are_ordered |= program[k].kind == Step::syncwarp;
      if (program[i].kind != Step::access || program[k].kind != Step::access) continue;
      for (unsigned a = 0; a < kThreads; ++a) {
        for (unsigned b = 0; b < kThreads; ++b) {
          const Step::Of& x = program[i].threads[a];
          const Step::Of& y = program[k].threads[b];
          const bool conflict = a != b && x.element >= 0 && x.element == y.element &&
                                (x.write || y.write);
          if (conflict && !(warps_are_ordered && a / 32 == b / 32)) return true;
        }
      }
    }
  }
  return false;
}

__global__ void runs(const Program* program) {
  XENT_SHARED(int, x, kElements);
  if (threadIdx.x < kElements) x[threadIdx.x] = 0;
  __syncthreads();
  for (const Step& step : *program) {
    if (step.kind == Step::syncthreads) __syncthreads();
    if (step.kind == Step::syncwarp) __syncwarp(threadIdx.x < 64 ? kAll : 0xffffu);
    if (step.kind != Step::access) continue;
    const Step::Of& of = step.threads[threadIdx.x];
    if (of.element < 0) continue;
    if (of.write) x[of.element] = 1;
    else static_cast<void>(int{x[of.element]});
  }
}

TEST(CudaShimRace, IsToldIfAndOnlyIfThereIsOne) {
  std::mt19937 random(7);
  int races = 0;
  constexpr int kPrograms = 4000;
  for (int i = 0; i < kPrograms; ++i) {
    const Program program = random_program(random);
    set_schedule(static_cast<std::uint64_t>(i));
    const std::string error = error_of(runs, {1, kThreads}, &program);
    const bool wanted = has_race(program);
    EXPECT_EQ(says(error, "with no barrier in between"), wanted) << i << ": " << error;
    races += wanted ? 1 : 0;
  }
  EXPECT_GT(races, kPrograms / 10);
  EXPECT_LT(races, kPrograms / 2);
}

}  // namespace
}  // namespace xent::cuda
