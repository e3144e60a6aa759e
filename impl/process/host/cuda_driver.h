// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace xent::process {

/// NVIDIA's driver, found when a host starts (libcuda.so.1): nothing is built against it. Handles
/// and codes as in its manual ("CUDA Driver API"); 0 is success.
struct CudaDriver {
  int (*init)(unsigned flags) = nullptr;
  int (*device_count)(int*) = nullptr;
  int (*device)(int*, int index) = nullptr;
  int (*retain)(void** context, int device) = nullptr;
  int (*set_current)(void* context) = nullptr;
  int (*synchronize)() = nullptr;  ///< all work of the context
  int (*allocate)(std::uint64_t*, std::size_t bytes) = nullptr;
  int (*free)(std::uint64_t) = nullptr;
  int (*upload)(std::uint64_t to, const void* from, std::size_t bytes) = nullptr;
  int (*download)(void* to, std::uint64_t from, std::size_t bytes) = nullptr;
  int (*fill)(std::uint64_t to, std::uint32_t word, std::size_t words) = nullptr;
  int (*make_stream)(void**, unsigned flags) = nullptr;
  int (*error_name)(int code, const char**) = nullptr;

  /// "", or why there is none, as one line that says what to do.
  std::string load();
  /// "CUDA_ERROR_LAUNCH_FAILED", or the number.
  std::string name_of(int code) const;
};

}  // namespace xent::process
