// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "bench/limits/bandwidth.h"
#include "core/kernel.h"
#include "core/test_case.h"

namespace xent {

/// A case as a caller of DirectCall has it: what is read side by side on pages, what is written on
/// others. The machine's limits are measured on the same memory.
class CaseMemory {
 public:
  explicit CaseMemory(const TestCase&);

  /// In place, the gradient's memory holds the logits too: `restore` puts them there.
  CallMemory call(bool in_place);
  void restore();

  std::span<const std::uint64_t> inputs() { return inputs_.words(); }
  /// The gradient if there is one, else the losses.
  std::span<std::uint64_t> output() { return outputs_.words().subspan(0, output_words_); }

 private:
  /// Bytes from the start of its buffer; what is absent has none.
  struct Piece {
    std::size_t at = 0, bytes = 0;
  };
  struct Pieces {
    Piece input, target, direction, weight, upstream, grad, loss;
    std::size_t inputs = 0, outputs = 0;
  };
  static Pieces pieces_of(const Problem&);
  void* in(const Piece&);
  void* out(const Piece&);

  Pieces pieces_;
  limits::Buffer inputs_, outputs_;
  std::size_t output_words_;
};

}  // namespace xent
