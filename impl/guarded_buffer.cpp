// SPDX-License-Identifier: Apache-2.0
#include "impl/guarded_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

#include "core/kernel.h"

namespace xent {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kGuard = 256;
constexpr int kNamed = 4;

std::vector<std::byte> poison_pattern(DType dtype) {
  Tensor one(dtype, {1});
  xent::poison(one);
  return {one.bytes.begin(), one.bytes.end()};
}

std::size_t round_up(std::size_t x, std::size_t multiple) {
  return (x + multiple - 1) / multiple * multiple;
}

/// Blocks that a thread gave up, for its next buffers of the same sizes: the last one first.
class Shelf {
 public:
  Shelf() = default;
  Shelf(const Shelf&) = delete;
  Shelf& operator=(const Shelf&) = delete;
  ~Shelf() {
    for (const Block& b : blocks_) std::free(b.memory);
  }

  std::byte* take(std::size_t bytes) {
    const auto last = std::find_if(blocks_.rbegin(), blocks_.rend(),
                                   [bytes](const Block& b) { return b.bytes == bytes; });
    if (last == blocks_.rend()) {
      return static_cast<std::byte*>(std::aligned_alloc(kPage, bytes));
    }
    std::byte* const memory = last->memory;
    blocks_.erase(std::next(last).base());
    return memory;
  }

  void put(std::byte* memory, std::size_t bytes) {
    if (bytes > kLargest) return std::free(memory);
    if (blocks_.size() == kMost) {
      std::free(blocks_.front().memory);
      blocks_.erase(blocks_.begin());
    }
    blocks_.push_back({memory, bytes});
  }

 private:
  struct Block {
    std::byte* memory;
    std::size_t bytes;
  };
  static constexpr std::size_t kMost = 16;  ///< blocks kept
  static constexpr std::size_t kLargest = std::size_t{1} << 20;
  std::vector<Block> blocks_;
};

thread_local Shelf shelf;

}  // namespace

void GuardedBuffer::GiveBack::operator()(std::byte* p) const { shelf.put(p, bytes); }

GuardedBuffer::GuardedBuffer(Shape shape, std::size_t offset_elements)
    : shape_(std::move(shape)), pattern_(poison_pattern(shape_.dtype)) {
  const std::size_t span = static_cast<std::size_t>(shape_.rows) * stride_bytes();
  const std::size_t front = kPage + offset_elements * pattern_.size();
  bytes_ = round_up(front + span + kGuard, kPage);
  memory_ = {shelf.take(bytes_), GiveBack{bytes_}};
  if (!memory_) throw std::bad_alloc();
  data_ = memory_.get() + front;
  end_ = data_ + span;
  poison();
}

std::size_t GuardedBuffer::row_bytes() const {
  return static_cast<std::size_t>(shape_.cols) * pattern_.size();
}

std::size_t GuardedBuffer::stride_bytes() const {
  return static_cast<std::size_t>(shape_.stride) * pattern_.size();
}

std::byte* GuardedBuffer::row(std::int64_t r) const {
  return data_ + static_cast<std::size_t>(r) * stride_bytes();
}

std::string GuardedBuffer::element(std::int64_t r, std::int64_t c) const {
  const std::string index = shape_.vector ? "" : std::to_string(r) + ",";
  return shape_.name + "[" + index + std::to_string(c) + "]";
}

void GuardedBuffer::poison() {
  std::byte* const begin = memory_.get();
  std::memcpy(begin, pattern_.data(), pattern_.size());
  for (std::size_t done = pattern_.size(); done < bytes_; done *= 2) {
    std::memcpy(begin + done, begin, std::min(done, bytes_ - done));
  }
}

void GuardedBuffer::write(const Tensor& tensor) {
  if (tensor.empty()) return;
  for (std::int64_t r = 0; r < shape_.rows; ++r) {
    const std::size_t at = static_cast<std::size_t>(r) * row_bytes();
    std::memcpy(row(r), tensor.bytes.data() + at, row_bytes());
  }
}

Tensor GuardedBuffer::read(std::vector<std::int64_t> shape) const {
  Tensor tensor(shape_.dtype, std::move(shape));
  if (tensor.empty()) return tensor;
  for (std::int64_t r = 0; r < shape_.rows; ++r) {
    const std::size_t at = static_cast<std::size_t>(r) * row_bytes();
    std::memcpy(tensor.bytes.data() + at, row(r), row_bytes());
  }
  return tensor;
}

bool GuardedBuffer::is_poison(std::int64_t r, std::int64_t c) const {
  const std::size_t at = static_cast<std::size_t>(c) * pattern_.size();
  return std::memcmp(row(r) + at, pattern_.data(), pattern_.size()) == 0;
}

std::vector<std::string> GuardedBuffer::changes(const Tensor& original) const {
  if (original.empty()) return {};
  std::vector<std::string> named;
  std::int64_t more = 0;
  const std::size_t size = pattern_.size();
  for (std::int64_t r = 0; r < shape_.rows; ++r) {
    const std::byte* const was = original.bytes.data() + static_cast<std::size_t>(r) * row_bytes();
    if (std::memcmp(row(r), was, row_bytes()) == 0) continue;
    for (std::int64_t c = 0; c < shape_.cols; ++c) {
      const std::size_t at = static_cast<std::size_t>(c) * size;
      if (std::memcmp(row(r) + at, was + at, size) == 0) continue;
      if (named.size() < kNamed) {
        named.push_back(element(r, c) + " changed");
      } else {
        ++more;
      }
    }
  }
  if (more > 0) {
    named.push_back(std::to_string(more) + " more elements of " + shape_.name + " changed");
  }
  return named;
}

bool GuardedBuffer::is_poison_at(const std::byte* at) const {
  const auto index = static_cast<std::size_t>(at - memory_.get());
  return *at == pattern_[index % pattern_.size()];
}

std::pair<const std::byte*, const std::byte*> GuardedBuffer::written(const std::byte* from,
                                                                     const std::byte* to) const {
  // Poison is its own copy a pattern further.
  const auto bytes = static_cast<std::size_t>(to - from), period = pattern_.size();
  const bool starts = bytes >= period && std::all_of(from, from + period, [this](const auto& b) {
    return is_poison_at(&b);
  });
  if (starts && std::memcmp(from, from + period, bytes - period) == 0) return {to, to};
  const std::byte* first = from;
  while (first != to && is_poison_at(first)) ++first;
  if (first == to) return {to, to};
  const std::byte* last = to;
  while (is_poison_at(last - 1)) --last;
  return {first, last};
}

std::vector<std::string> GuardedBuffer::writes_outside() const {
  std::vector<std::string> out;
  const auto bytes = [this](const std::byte* from, const std::byte* to) {
    const auto n = round_up(static_cast<std::size_t>(to - from), pattern_.size());
    return std::to_string(n) + " bytes ";
  };
  const std::byte* const begin = memory_.get();
  if (const auto [first, last] = written(begin, data_); first != last) {
    out.push_back(bytes(first, data_) + "before the start of " + shape_.name);
  }
  if (const auto [first, last] = written(end_, begin + bytes_); first != last) {
    out.push_back(bytes(end_, last) + "past the end of " + shape_.name);
  }
  int named = 0;
  for (std::int64_t r = 0; r < shape_.rows && named < kNamed; ++r) {
    const auto [first, last] = written(row(r) + row_bytes(), row(r) + stride_bytes());
    if (first == last) continue;
    out.push_back("row padding of " + shape_.name + " after row " + std::to_string(r));
    ++named;
  }
  return out;
}

}  // namespace xent
