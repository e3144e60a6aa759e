// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/problem.h"

namespace xent {

/// The arrays of one case as a kernel body sees them; T is the type of input, target
/// probabilities, upstream gradient, loss and gradient. Matrices hold `n` rows of `v` elements, row
/// r at `r * stride`; what lies between v and stride belongs to nobody. `grad` may be `input`
/// itself, for kernels that promise in-place.
template <class T>
struct RowView {
  Op op = Op::ce;
  Reduction reduction = Reduction::none;
  std::int64_t n = 0;
  std::int64_t v = 0;
  std::int64_t stride = 0;
  const T* input = nullptr;             ///< [n, v]
  const std::int64_t* label = nullptr;  ///< [n] in [0, v), or null
  const T* target = nullptr;            ///< [n, v] probabilities, or null
  const T* upstream = nullptr;          ///< [n] or [1], or null: 1
  bool upstream_per_row = false;
  T* loss = nullptr;  ///< [n], or [1] with a reduction; null: not asked for
  T* grad = nullptr;  ///< [n, v]; null: not asked for

  const T* input_row(std::int64_t r) const { return input + r * stride; }
  const T* target_row(std::int64_t r) const { return target ? target + r * stride : nullptr; }
  T* grad_row(std::int64_t r) const { return grad ? grad + r * stride : nullptr; }
  T upstream_of(std::int64_t r) const {
    return upstream ? upstream[upstream_per_row ? r : 0] : T(1);
  }
  /// What loss and gradient are divided by: N for a mean, else 1.
  T divisor() const { return reduction == Reduction::mean ? static_cast<T>(n) : T(1); }
};

}  // namespace xent
