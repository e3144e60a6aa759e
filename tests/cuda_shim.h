// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>

#include "impl/cuda/host_shim/cuda.h"

// Kernels under many schedules of the shim.
namespace xent::cuda {

inline constexpr unsigned kAll = ~0u;
inline constexpr int kSeeds = 50;

template <class... P, class... A>
void run(void (*kernel)(P...), const LaunchShape& shape, A... arguments) {
  launch(kernel, shape, Stream{}, arguments...);
}

/// Whether the text has one of the parts, which `|` separates.
inline bool says(const std::string& text, const std::string& parts) {
  std::istringstream stream(parts);
  for (std::string part; std::getline(stream, part, '|');) {
    if (text.find(part) != std::string::npos) return true;
  }
  return false;
}

/// What launch() throws; "" if it does not.
template <class... P, class... A>
std::string error_of(void (*kernel)(P...), const LaunchShape& shape, A... arguments) {
  try {
    run(kernel, shape, arguments...);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}

/// The first error under any of the seeds; "" if there is none.
template <class... P, class... A>
std::string some_error_of(void (*kernel)(P...), const LaunchShape& shape, A... arguments) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    set_schedule(static_cast<std::uint64_t>(seed));
    const std::string error = error_of(kernel, shape, arguments...);
    if (!error.empty()) return error;
  }
  return "";
}

/// Each schedule's error says one of the parts.
template <class... P, class... A>
void expect_always(const std::string& what, void (*kernel)(P...), const LaunchShape& shape,
                   A... arguments) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    set_schedule(static_cast<std::uint64_t>(seed));
    const std::string error = error_of(kernel, shape, arguments...);
    EXPECT_TRUE(error.starts_with("block ")) << error;
    EXPECT_PRED2(says, error, what);
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
}

}  // namespace xent::cuda
