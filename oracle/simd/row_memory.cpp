// SPDX-License-Identifier: Apache-2.0
#include "oracle/simd/row_memory.h"

#include <algorithm>
#include <new>
#include <vector>

namespace xent {
namespace {

constexpr std::size_t kAlignment = 64;

/// Before each block; as large as the alignment.
struct alignas(kAlignment) Header {
  std::size_t bytes;  ///< of the block behind it
};

Header* header_of(const void* block) {
  return static_cast<Header*>(const_cast<void*>(block)) - 1;
}

void free_block(Header* h) noexcept { ::operator delete(h, std::align_val_t{kAlignment}); }

/// Trivial, so that rows which die after the thread's Kept can still ask.
thread_local bool kept_is_gone = false;

/// Blocks that a thread keeps, the last ones last.
class Kept {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{16} << 20;
  static constexpr std::ptrdiff_t kMostBlocks = 256, kMostTries = 8;

  Kept() { blocks_.reserve(kMostBlocks); }
  ~Kept() {
    for (Header* h : blocks_) free_block(h);
    kept_is_gone = true;
  }

  /// One of the last blocks, not twice as large as need be; else null.
  Header* take(std::size_t bytes) {
    const auto end = blocks_.end();
    const auto least = end - std::min(kMostTries, std::ssize(blocks_));
    for (auto it = end; it != least;) {
      Header* const h = *--it;
      if (h->bytes < bytes || h->bytes / 2 > bytes) continue;
      held_ -= h->bytes;
      blocks_.erase(it);
      return h;
    }
    return nullptr;
  }

  /// Keeps it in place of the oldest ones.
  bool give(Header* h) noexcept {
    if (h->bytes > kMostBytes) return false;
    while (std::ssize(blocks_) == kMostBlocks || held_ + h->bytes > kMostBytes) {
      held_ -= blocks_.front()->bytes;
      free_block(blocks_.front());
      blocks_.erase(blocks_.begin());
    }
    blocks_.push_back(h);
    held_ += h->bytes;
    return true;
  }

 private:
  std::vector<Header*> blocks_;
  std::size_t held_ = 0;
};

thread_local Kept kept;

}  // namespace

void* take_row_memory(std::size_t bytes) {
  if (!kept_is_gone) {
    if (Header* const h = kept.take(bytes)) return h + 1;
  }
  void* const memory = ::operator new(sizeof(Header) + bytes, std::align_val_t{kAlignment});
  return new (memory) Header{bytes} + 1;
}

void give_row_memory(void* block) noexcept {
  Header* const h = header_of(block);
  if (kept_is_gone || !kept.give(h)) free_block(h);
}

std::size_t row_memory_size(const void* block) { return header_of(block)->bytes; }

}  // namespace xent
