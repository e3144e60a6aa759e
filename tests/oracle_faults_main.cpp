// SPDX-License-Identifier: Apache-2.0
// gtest's main with one fault planted in the oracle: --fault=N; --list-faults prints them all.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "oracle/simd/fault.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--list-faults") {
      for (const auto& fault : xent::kOracleFaults) {
        std::printf("%d %s\n", fault.number, fault.name);
      }
      return 0;
    }
    if (!word.starts_with("--fault=")) return 2;
    xent::active_oracle_fault = std::atoi(word.c_str() + 8);
  }
  return RUN_ALL_TESTS();
}
