// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

namespace xent::limits {

/// Zeroed memory on a page boundary, touched; `bytes` rounded up to whole blocks of 64.
class Buffer {
 public:
  explicit Buffer(std::size_t bytes);
  std::span<std::uint64_t> words() { return {memory_.get(), words_}; }
  std::size_t bytes() const { return words_ * sizeof(std::uint64_t); }

 private:
  struct Free {
    void operator()(std::uint64_t* p) const { std::free(p); }
  };
  std::size_t words_;
  std::unique_ptr<std::uint64_t[], Free> memory_;
};

/// Touches every word once. The result keeps the work from being left out: reads give the sum of
/// the words modulo 2^64, in-place passes the first word.
using Pass = std::uint64_t (*)(std::span<std::uint64_t>);

/// A way to move through a buffer at full speed.
struct Pattern {
  std::string_view name;  ///< of the limit: "read", "read-write in place"
  std::int64_t streams;   ///< pages walked at the same time
  std::int64_t traffic;   ///< bytes moved for each byte of the buffer: 1 or 2
  Pass pass;
};

inline constexpr std::string_view kRead = "read";
inline constexpr std::string_view kReadWrite = "read-write in place";

/// One stream and several for each limit; the faster is the limit. Several concurrent pages keep
/// more misses in flight than one, while caches are served best by one. The in-place passes add a
/// number to each word that is 0, which the compiler can't know.
std::span<const Pattern> patterns();

}  // namespace xent::limits
