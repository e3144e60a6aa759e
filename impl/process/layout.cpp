// SPDX-License-Identifier: Apache-2.0
#include "impl/process/layout.h"

#include <algorithm>

#include "impl/process/memory.h"

namespace xent::process {
namespace {

constexpr std::size_t kGap = 16 * kPage;  ///< reserved on both sides of a tensor
constexpr std::size_t kWorkspaceAlignment = 64;

std::size_t round_up(std::size_t x, std::size_t multiple) {
  return (x + multiple - 1) / multiple * multiple;
}

const char* input_name(Op op) {
  switch (op) {
    case Op::ce:
    case Op::lse:
    case Op::bce_logits:
    case Op::mse_softmax:
    case Op::mse_sigmoid: return "logits";
    case Op::nll: return "log-probabilities";
    default: return "input";
  }
}

/// Multiples of offset_elements: core/kernel.h, BindOptions.
std::size_t offset_factor(Slot slot) {
  switch (slot) {
    case Slot::input: return 1;
    case Slot::target: return 2;
    case Slot::upstream: return 3;
    case Slot::loss: return 4;
    case Slot::grad: return 5;
    case Slot::weight: return 6;
    case Slot::direction: return 7;
    case Slot::workspace: return 0;
  }
  return 0;
}

Shape matrix(const Problem& p, const char* name, DType dtype) {
  return {name, dtype, p.n, p.v, p.row_stride(), p.layout == Layout::bct ? p.t : 0, false};
}

Shape vector(const char* name, DType dtype, std::int64_t size) {
  return {name, dtype, 1, size, size, 0, true};
}

Shape for_reading(Shape s) {
  s.read = true;
  return s;
}

Shape for_writing(Shape s) {
  s.written = true;
  return s;
}

std::string whole_elements(std::size_t n, std::size_t element) {
  return std::to_string(round_up(std::max<std::size_t>(n, 1), element)) + " bytes ";
}

}  // namespace

std::size_t Shape::extent() const {
  if (rows == 0 || cols == 0) return 0;
  return t > 0 ? static_cast<std::size_t>(rows) * row_bytes() : at(rows - 1, cols - 1) + element();
}

std::size_t Shape::at(std::int64_t r, std::int64_t c) const {
  const std::int64_t index = t > 0 ? (r / t * cols + c) * t + r % t : r * stride + c;
  return static_cast<std::size_t>(index) * element();
}

std::string Shape::element_name(std::int64_t r, std::int64_t c) const {
  return name + "[" + (vector ? "" : std::to_string(r) + ",") + std::to_string(c) + "]";
}

Shapes shapes_of(const Problem& p, bool in_place, std::size_t workspace_bytes) {
  Shapes s;
  const auto slot = [&s](Slot x) -> std::optional<Shape>& {
    return s[static_cast<std::size_t>(x)];
  };
  const DType out = p.output_dtype();
  in_place = in_place && p.wants_grad();
  Shape input = for_reading(matrix(p, in_place ? "grad" : input_name(p.op), p.dtype));
  input.written = in_place;
  slot(Slot::input) = input;
  if (has_vector_targets(p)) slot(Slot::target) = for_reading(matrix(p, "targets", p.dtype));
  else if (p.takes_targets()) slot(Slot::target) = for_reading(vector("targets", DType::i64, p.n));
  if (p.weights) slot(Slot::weight) = for_reading(vector("weights", p.dtype, p.v));
  if (p.dir == Dir::hvp) slot(Slot::direction) = for_reading(matrix(p, "direction", p.dtype));
  if (p.upstream != Upstream::one) {
    const std::int64_t size = p.upstream == Upstream::row ? p.n : 1;
    slot(Slot::upstream) = for_reading(vector("upstream", p.dtype, size));
  }
  if (p.wants_loss()) slot(Slot::loss) = for_writing(vector("loss", out, p.loss_size()));
  if (p.wants_grad() && !in_place) slot(Slot::grad) = for_writing(matrix(p, "grad", out));
  if (workspace_bytes > 0) {
    const std::size_t floats = round_up(workspace_bytes, 4) / 4;
    slot(Slot::workspace) =
        for_writing(vector("workspace", DType::f32, static_cast<std::int64_t>(floats)));
  }
  return s;
}

const Tensor* tensor_of(const TestCase& c, Slot slot) {
  switch (slot) {
    case Slot::input: return &c.input;
    case Slot::target: return &c.target;
    case Slot::weight: return &c.weight;
    case Slot::direction: return &c.direction;
    case Slot::upstream: return &c.upstream;
    default: return nullptr;
  }
}

ArenaLayout::ArenaLayout(const Shapes& shapes, const std::vector<Placement>& copies)
    : bytes_(kGap) {
  for (const Placement& placement : copies) {
    copies_.emplace_back().fill(-1);
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (shapes[i]) add(static_cast<Slot>(i), *shapes[i], placement);
    }
  }
}

void ArenaLayout::add(Slot slot, const Shape& shape, const Placement& placement) {
  const std::size_t extent = shape.extent();
  std::size_t front = placement.offset_elements * offset_factor(slot) * shape.element();
  const std::size_t pages = whole_pages(std::max<std::size_t>(front + extent, 1));
  if (placement.at_end) {
    front = pages - extent;
    if (slot == Slot::workspace) front = front / kWorkspaceAlignment * kWorkspaceAlignment;
  }
  Piece piece{slot, shape, bytes_, pages, front, 0, 0};
  if (pages > kWindow) {
    piece.memory = memories_.size();
    memories_.push_back(pages);
  } else {
    piece.memory_at = std::exchange(memories_[0], memories_[0] + pages);
  }
  bytes_ += pages + kGap;
  copies_.back()[static_cast<std::size_t>(slot)] = static_cast<int>(pieces_.size());
  pieces_.push_back(std::move(piece));
}

const ArenaLayout::Piece* ArenaLayout::piece(std::size_t copy, Slot slot) const {
  const int index = copies_[copy][static_cast<std::size_t>(slot)];
  return index < 0 ? nullptr : &pieces_[static_cast<std::size_t>(index)];
}

namespace {

/// Bytes between an address and the nearest element of the piece's range.
std::uint64_t distance(const ArenaLayout::Piece& p, std::uint64_t offset) {
  const std::uint64_t first = p.at + p.front, end = p.at + p.back();
  if (offset < first) return first - offset;
  return offset < end ? 0 : offset - end + 1;
}

Place inside(const Shape& s, std::size_t byte) {
  const auto index = static_cast<std::int64_t>(byte / s.element());
  if (s.t > 0) {
    const std::int64_t sequence = index / (s.cols * s.t), rest = index % (s.cols * s.t);
    return {s.element_name(sequence * s.t + rest % s.t, rest / s.t), true, s.written};
  }
  const std::int64_t r = index / s.stride, c = index % s.stride;
  if (c < s.cols) return {s.element_name(r, c), true, s.written};
  return {"row padding of " + s.name + " after row " + std::to_string(r), false, s.written};
}

}  // namespace

Place ArenaLayout::place(std::uint64_t offset) const {
  const Piece& p = *std::min_element(
      pieces_.begin(), pieces_.end(), [offset](const Piece& a, const Piece& b) {
        return distance(a, offset) < distance(b, offset);
      });
  const std::uint64_t first = p.at + p.front;
  const Shape& s = p.shape;
  if (offset < first) {
    return {whole_elements(first - offset, s.element()) + "before the start of " + s.name, false,
            s.written};
  }
  const std::uint64_t from_start = offset - first;
  const std::size_t rows = static_cast<std::size_t>(s.rows) * s.stride_bytes();
  const std::size_t end = s.t > 0 ? s.extent() : rows;  // with the last row's padding
  if (from_start < end) return inside(s, from_start);
  return {whole_elements(from_start - end + 1, s.element()) + "past the end of " + s.name, false,
          s.written};
}

}  // namespace xent::process
