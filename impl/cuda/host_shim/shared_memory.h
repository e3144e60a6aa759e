// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "impl/cuda/host_shim/order.h"

namespace xent::cuda::shim {

/// What happened to a piece of shared memory.
struct Cell {
  Access write = 0;
  Access read = 0;          ///< the last
  Access other_read = 0;    ///< the last of another warp than that
  std::uint32_t lanes = 0;  ///< that read like the last reader, with no barrier between them
};

/// An array that a block shares, and what threads did to it. The checks are of the thread that
/// runs, at byte `at`; they throw one line that names the element of `item` bytes.
class SharedArray {
 public:
  /// Of unwritten elements. `unit`: bytes that are followed together, at most an element's.
  void lay_out(Block&, const void* tag, const char* name, std::size_t bytes, std::size_t unit);

  const void* tag() const { return tag_; }
  Block& block() const { return *block_; }
  std::byte* data() { return reinterpret_cast<std::byte*>(memory_.data()); }
  std::size_t bytes() const { return bytes_; }

  void check_read(std::ptrdiff_t at, std::size_t item);
  /// `by`: what is noted.
  void check_write(std::ptrdiff_t at, std::size_t item, Access by);
  /// Notes that what was written as `before` was written as `after`.
  void rename(std::ptrdiff_t at, std::size_t bytes, Access before, Access after);

 private:
  struct alignas(16) Line {
    std::byte bytes[16];
  };
  struct Piece;
  void check_place(const Piece&) const;
  void check_alive(const Piece&) const;
  void check_written(const Cell&, const Piece&) const;
  void check_unread(const Cell&, const Piece&) const;
  void note_read(Cell&) const;
  [[noreturn]] void fail(const Piece&, const std::string& what) const;

  Block* block_ = nullptr;
  const void* tag_ = nullptr;
  const char* name_ = "";
  std::size_t bytes_ = 0;
  std::size_t unit_ = 1;
  std::vector<Line> memory_;
  std::vector<Cell> cells_;
};

/// The arrays of one block.
class SharedMemory {
 public:
  void start_block(Block&, std::size_t dynamic_bytes);
  /// The array of a declaration, the same for every thread; `tag` tells declarations apart.
  SharedArray& array(const void* tag, const char* name, std::size_t bytes, std::size_t unit);
  /// The array that in another block is the same declaration.
  SharedArray& same(const SharedArray& other);
  SharedArray& dynamic() { return arrays_.front(); }

 private:
  Block* block_ = nullptr;
  std::deque<SharedArray> arrays_;  ///< the first is the dynamic one; kept from block to block
  std::size_t used_ = 0;
};

}  // namespace xent::cuda::shim
