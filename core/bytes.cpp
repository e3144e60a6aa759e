// SPDX-License-Identifier: Apache-2.0
#include "core/bytes.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace xent {
namespace {

// Fresh pages are zero already: calloc does not touch them.
std::shared_ptr<std::byte[]> zeros(std::size_t size) {
  if (size == 0) return nullptr;
  auto* const memory = static_cast<std::byte*>(std::calloc(size, 1));
  if (memory == nullptr) throw std::bad_alloc();
  return {memory, [](std::byte* p) { std::free(p); }};
}

}  // namespace

Bytes::Bytes(std::size_t size) : memory_(zeros(size)), size_(size) {}

bool Bytes::operator==(const Bytes& other) const {
  if (size_ != other.size_) return false;
  return size_ == 0 || memory_ == other.memory_ ||
         std::memcmp(memory_.get(), other.memory_.get(), size_) == 0;
}

void Bytes::unshare() {
  std::shared_ptr<std::byte[]> own = zeros(size_);
  if (size_ > 0) std::memcpy(own.get(), memory_.get(), size_);
  memory_ = std::move(own);
}

}  // namespace xent
