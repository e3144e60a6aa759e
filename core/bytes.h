// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace xent {

/// Bytes as a value, zero at first. Copies share memory until one of them is written: a pointer for
/// writing is good until the object is copied.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::size_t size);  ///< throws std::bad_alloc
  /// Memory of somebody else's, who writes it no more.
  Bytes(std::shared_ptr<std::byte[]> memory, std::size_t size)
      : memory_(std::move(memory)), size_(size) {}

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const std::byte* data() const { return memory_.get(); }
  std::byte* data() {
    if (memory_.use_count() > 1) unshare();
    // What other owners read before they let go happens before what is written now.
    std::atomic_thread_fence(std::memory_order_acquire);
    return memory_.get();
  }

  const std::byte* begin() const { return data(); }
  const std::byte* end() const { return data() + size_; }
  std::byte* begin() { return data(); }
  std::byte* end() { return data() + size_; }
  const std::byte& operator[](std::size_t i) const { return data()[i]; }
  std::byte& operator[](std::size_t i) { return data()[i]; }
  std::byte& back() { return data()[size_ - 1]; }
  void pop_back() { --size_; }

  /// The same memory, or the same bytes.
  bool operator==(const Bytes&) const;

 private:
  void unshare();

  std::shared_ptr<std::byte[]> memory_;
  std::size_t size_ = 0;
};

}  // namespace xent
