// SPDX-License-Identifier: Apache-2.0
#include "bench/case_memory.h"

#include <algorithm>
#include <cstring>

namespace xent {
namespace {

constexpr std::size_t kPage = 4096;

/// Vectors are of the type that kernels compute in.
DType vector_type(const Problem& p) {
  const bool wide = p.dtype == DType::f64 || p.accumulate == DType::f64;
  return wide ? DType::f64 : DType::f32;
}

std::size_t product(std::int64_t a, std::int64_t b, DType type) {
  return static_cast<std::size_t>(a) * static_cast<std::size_t>(b) * size_of(type);
}

/// Rows at the problem's stride. Kernels that are called on this memory take no other layout.
void put_matrix(const Problem& p, const Tensor& from, void* to) {
  const std::size_t row = product(1, p.v, from.dtype);
  const std::size_t stride = product(1, p.row_stride(), from.dtype);
  for (std::size_t r = 0; r < static_cast<std::size_t>(p.n); ++r) {
    std::memcpy(static_cast<std::byte*>(to) + r * stride, from.bytes.data() + r * row, row);
  }
}

void put_vector(const Problem& p, const Tensor& from, void* to) {
  const DType type = vector_type(p);
  for (std::int64_t i = 0; i < from.size(); ++i) {
    store(static_cast<std::byte*>(to) + product(i, 1, type), type, from.at(i));
  }
}

}  // namespace

CaseMemory::Pieces CaseMemory::pieces_of(const Problem& p) {
  Pieces x;
  const auto place = [](std::size_t& end, std::size_t bytes) {
    const Piece piece{(end + kPage - 1) / kPage * kPage, bytes};
    end = piece.at + bytes;
    return piece;
  };
  const DType vector = vector_type(p);
  const std::size_t matrix = product(p.n, p.row_stride(), p.dtype);
  const bool vectors = has_vector_targets(p);
  x.input = place(x.inputs, matrix);
  if (p.takes_targets()) {
    x.target = place(x.inputs, vectors ? matrix : product(p.n, 1, DType::f64));
  }
  if (p.dir == Dir::hvp) x.direction = place(x.inputs, matrix);
  if (p.weights) x.weight = place(x.inputs, product(1, p.v, vector));
  if (p.wants_grad() && p.upstream != Upstream::one) {
    x.upstream = place(x.inputs, product(p.upstream == Upstream::row ? p.n : 1, 1, vector));
  }
  if (p.wants_grad()) {
    x.grad = place(x.outputs, product(p.n, p.row_stride(), p.output_dtype()));
  }
  if (p.wants_loss()) x.loss = place(x.outputs, product(p.loss_size(), 1, vector));
  return x;
}

CaseMemory::CaseMemory(const TestCase& c)
    : pieces_(pieces_of(c.problem)), inputs_(pieces_.inputs), outputs_(pieces_.outputs) {
  const Problem& p = c.problem;
  put_matrix(p, c.input, in(pieces_.input));
  if (has_vector_targets(p)) put_matrix(p, c.target, in(pieces_.target));
  else if (pieces_.target.bytes > 0) {
    std::memcpy(in(pieces_.target), c.target.bytes.data(), c.target.bytes.size());
  }
  if (p.dir == Dir::hvp) put_matrix(p, c.direction, in(pieces_.direction));
  if (pieces_.weight.bytes > 0) put_vector(p, c.weight, in(pieces_.weight));
  if (pieces_.upstream.bytes > 0) put_vector(p, c.upstream, in(pieces_.upstream));
  const Piece& written = p.wants_grad() ? pieces_.grad : pieces_.loss;
  output_words_ = std::min(outputs_.words().size(), (written.bytes + 63) / 64 * 8);
}

void* CaseMemory::in(const Piece& x) {
  if (x.bytes == 0) return nullptr;
  return reinterpret_cast<std::byte*>(inputs_.words().data()) + x.at;
}

void* CaseMemory::out(const Piece& x) {
  if (x.bytes == 0) return nullptr;
  return reinterpret_cast<std::byte*>(outputs_.words().data()) + x.at;
}

CallMemory CaseMemory::call(bool in_place) {
  CallMemory m;
  m.grad = out(pieces_.grad);
  m.input = in_place ? m.grad : in(pieces_.input);
  m.target = in(pieces_.target);
  m.weight = in(pieces_.weight);
  m.direction = in(pieces_.direction);
  m.upstream = in(pieces_.upstream);
  m.loss = out(pieces_.loss);
  return m;
}

void CaseMemory::restore() {
  std::memcpy(out(pieces_.grad), in(pieces_.input), pieces_.input.bytes);
}

}  // namespace xent
