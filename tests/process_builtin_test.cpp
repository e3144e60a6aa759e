// SPDX-License-Identifier: Apache-2.0
// Our own kernels in a process of their own, to be timed: the same bits as in this one.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "impl/process/foreign.h"
#include "impl/registry.h"
#include "tests/impl_cases.h"

namespace xent {
namespace {

/// Kernels by the pattern, here and there.
struct Pair {
  Kernel here, there;
};

std::vector<Pair> moved(const std::string& pattern) {
  std::vector<Pair> pairs;
  const std::vector<Kernel> ours = select(builtin_kernels(), pattern);
  for (const Kernel& there : in_process_of_their_own(ours)) {
    pairs.push_back({kernel_named(there.name), there});
  }
  return pairs;
}

TEST(Moved, EveryProduct) {
  EXPECT_EQ(moved("*").size(), select(builtin_kernels(), "*").size());
}

TEST(Moved, GiveTheSameBits) {
  int judged = 0, narrow = 0;
  for (const Pair& k : moved("*")) {
    for (const char* text : {"n=9 v=67 dtype=f32 dir=fwdbwd", "n=9 v=67 dtype=bf16 dir=fwdbwd",
                             "n=5 v=67 dtype=f16 dir=fwdbwd reduction=mean weights=on",
                             "n=5 v=67 dtype=bf16 dir=fwdbwd upstream=row stride=70"}) {
      const TestCase c = moderate_case(std::string("op=ce ") + text);
      if (!k.there.supports(c.problem)) continue;
      for (const int threads : {1, 3}) {
        for (const bool in_place : {false, k.here.promises.in_place}) {
          BindOptions options;
          options.threads = threads;
          options.in_place = in_place;
          const RunRecord there = run(k.there, c, options);
          EXPECT_TRUE(there.faults.none()) << k.here.name << ' ' << text;
          EXPECT_EQ(there.output, run(k.here, c).output) << k.here.name << ' ' << text;
        }
      }
      ++judged;
      narrow += c.problem.dtype == DType::f32 ? 0 : 1;
    }
  }
  EXPECT_GT(judged, 0);
  EXPECT_GT(narrow, 0) << "no kernel takes 16 bits as they lie";
}

}  // namespace
}  // namespace xent
