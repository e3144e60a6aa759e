// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

namespace xent::limits {

/// Zeroed memory on a page boundary, touched; `bytes` rounded up to whole blocks of 64. On large
/// pages (2 MiB) where there is enough of it and the system gives them.
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

/// Touches every word once, of as many as both spans have if it uses both; they start on blocks of
/// 64 bytes. Reads give the exclusive or of the words of `from`, copies and passes in place
/// (over `to`) the first word of `to`: the result keeps the work from being left out.
using Pass = std::uint64_t (*)(std::span<const std::uint64_t> from, std::span<std::uint64_t> to);

/// A way to move through memory at full speed.
struct Pattern {
  std::string_view limit;  ///< that it is tried for: kRead, ...
  std::string_view name;   ///< "8 streams, prefetch"; unique for a limit
  std::int64_t traffic;    ///< bytes moved for each byte of the memory: 1 or 2
  Pass pass;
};

inline constexpr std::string_view kRead = "read";
inline constexpr std::string_view kCopy = "copy";
inline constexpr std::string_view kReadWrite = "read-write in place";

/// Several for each limit; the fastest is the limit. Several concurrent streams keep more misses in
/// flight than one, software prefetch more again on some machines, while caches are served best by
/// one. Copies are tried with stores past the caches and through them. Passes in place add a number
/// to each word that is 0, which the compiler can't know.
std::span<const Pattern> patterns();

}  // namespace xent::limits
