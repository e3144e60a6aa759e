// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "core/test_case.h"
#include "impl/process/addresses.h"

namespace xent::process {

/// In the order of Buffers.
enum class Slot : std::uint8_t {
  input, target, weight, direction, upstream, loss, grad, workspace
};
constexpr std::size_t kSlots = 8;

/// One tensor of a case as a kernel gets it.
struct Shape {
  std::string name;  ///< as reports call it: "logits"
  DType dtype = DType::f32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  ///< elements from row to row
  std::int64_t t = 0;       ///< layout bct: positions in a sequence; 0: rows as they come
  bool vector = false;      ///< elements are named x[i], not x[r,c]
  bool written = false;     ///< kernels write it
  bool read = false;        ///< its first content is the case's

  std::size_t element() const { return size_of(dtype); }
  std::size_t row_bytes() const { return static_cast<std::size_t>(cols) * element(); }
  std::size_t stride_bytes() const { return static_cast<std::size_t>(stride) * element(); }
  /// From the first element to behind the last one.
  std::size_t extent() const;
  bool contiguous() const { return t == 0 && (stride == cols || rows <= 1); }
  /// Bytes from the first element to that of row r, class c.
  std::size_t at(std::int64_t r, std::int64_t c) const;
  std::string element_name(std::int64_t r, std::int64_t c) const;
};
/// Calls one(byte in memory, byte in the contiguous tensor, bytes) for runs that are contiguous in
/// both.
template <class One>
void for_runs(const Shape& s, One one) {
  if (s.contiguous()) return one(std::size_t{0}, std::size_t{0}, s.extent());
  for (std::int64_t r = 0; r < s.rows; ++r) {
    const std::size_t row = static_cast<std::size_t>(r) * s.row_bytes();
    if (s.t == 0) {
      one(s.at(r, 0), row, s.row_bytes());
      continue;
    }
    for (std::int64_t c = 0; c < s.cols; ++c) {
      one(s.at(r, c), row + static_cast<std::size_t>(c) * s.element(), s.element());
    }
  }
}

using Shapes = std::array<std::optional<Shape>, kSlots>;

/// Absent: what the problem has or asks for not, and the gradient that overwrites its input.
Shapes shapes_of(const Problem&, bool in_place, std::size_t workspace_bytes);
/// The case's tensor in a slot, or null.
const Tensor* tensor_of(const TestCase&, Slot);

/// Where a copy of the tensors lies in its pages: offset_elements of core/kernel.h behind their
/// start, or ending with them.
struct Placement {
  bool at_end = false;
  std::size_t offset_elements = 0;
};

/// Copies of a case's tensors in one span of addresses; nothing but reserved pages between them.
class ArenaLayout final : public Namer {
 public:
  struct Piece {
    Slot slot;
    Shape shape;
    std::size_t at;         ///< of its first page, from the start of the span
    std::size_t bytes;      ///< whole pages
    std::size_t front;      ///< bytes before the first element
    std::size_t memory;     ///< which of memories()
    std::size_t memory_at;  ///< of its first page
    std::size_t back() const { return front + shape.extent(); }
  };

  ArenaLayout(const Shapes&, const std::vector<Placement>& copies);

  std::uint64_t bytes() const { return bytes_; }
  std::size_t copies() const { return copies_.size(); }
  const std::vector<Piece>& pieces() const { return pieces_; }
  const Piece* piece(std::size_t copy, Slot) const;
  /// Sizes of the memories: the first is everything small, each other one a large tensor.
  const std::vector<std::size_t>& memories() const { return memories_; }
  Place place(std::uint64_t offset) const override;

 private:
  void add(Slot, const Shape&, const Placement&);

  std::vector<Piece> pieces_;
  std::vector<std::array<int, kSlots>> copies_;  ///< indices into pieces_, or -1
  std::vector<std::size_t> memories_ = {0};
  std::size_t bytes_ = 0;
};

}  // namespace xent::process
