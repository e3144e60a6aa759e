// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "core/kernel.h"
#include "core/problem.h"
#include "core/test_case.h"

namespace xent {

/// One case as a kernel body sees it: core/OPTIONS.md with every number of the problem rounded to
/// T, the type that the body computes in. Whatever type and layout the case has, matrices are rows
/// of T here: n rows of `v` elements, row r at `r * stride`; what lies between v and stride belongs
/// to nobody. `grad` may be `input` itself, for kernels that promise in-place.
template <class T>
struct RowView {
  Op op = Op::ce;
  Dir dir = Dir::fwd;
  Reduction reduction = Reduction::none;
  Denominator denominator = Denominator::valid;
  Unit unit = Unit::nats;
  std::int64_t n = 0;
  std::int64_t v = 0;
  std::int64_t t = 1;  ///< positions in a sequence; divides n
  std::int64_t stride = 0;
  bool shift = false;                  ///< see scored_class
  std::optional<std::int64_t> ignore;  ///< label of ignored rows
  T smoothing = 0;
  T scale = 1;
  T softcap = 0;  ///< 0: off
  T z_loss = 0;
  T denominator_value = 0;
  const T* input = nullptr;             ///< [n, v]
  const std::int64_t* label = nullptr;  ///< [n] in [0, v) or *ignore; null: no class indices
  const T* target = nullptr;            ///< [n, v] vector targets, or null
  const T* weight = nullptr;            ///< [v] class weights, or null: 1
  const T* direction = nullptr;         ///< [n, v]; null unless dir is hvp
  const T* upstream = nullptr;          ///< [n] or [1], or null: 1
  bool upstream_per_row = false;
  T* loss = nullptr;  ///< [n], or [1] with a reduction; null: not asked for
  T* grad = nullptr;  ///< [n, v], with hvp H v; null: not asked for
  int threads = 1;    ///< that the body may use, its own among them

  const T* input_row(std::int64_t r) const { return input + r * stride; }
  const T* target_row(std::int64_t r) const { return target ? target + r * stride : nullptr; }
  const T* direction_row(std::int64_t r) const { return direction + r * stride; }
  T* grad_row(std::int64_t r) const { return grad ? grad + r * stride : nullptr; }
  T weight_of(std::int64_t j) const { return weight ? weight[j] : T(1); }
  T upstream_of(std::int64_t r) const {
    return upstream ? upstream[upstream_per_row ? r : 0] : T(1);
  }

  /// The class that scores row r; -1 where the row is ignored or there are no class indices. With
  /// shift a row is scored by its successor's label, the last of a sequence by none.
  std::int64_t scored_class(std::int64_t r) const {
    if (label == nullptr || (shift && r % t == t - 1)) return -1;
    const std::int64_t y = label[shift ? r + 1 : r];
    return ignore && y == *ignore ? -1 : y;
  }
  bool ignored(std::int64_t r) const { return label != nullptr && scored_class(r) < 0; }

  /// y_j of row r: its vector target, or 1 at its class y and 0 elsewhere.
  T target_of(std::int64_t r, std::int64_t y, std::int64_t j) const {
    return target ? target[r * stride + j] : static_cast<T>(j == y ? 1 : 0);
  }
  /// a_j = w_j ((1 - epsilon) y_j + epsilon / V), exactly y_j without smoothing and weights. At
  /// most 5 roundings, those of epsilon and (from 2^24 on in binary32) V included.
  T mass(T y_j, std::int64_t j) const {
    if (smoothing == T(0)) return weight_of(j) * y_j;
    return weight_of(j) * ((T(1) - smoothing) * y_j + smoothing / static_cast<T>(v));
  }
};

/// One case whose matrices have the problem's own types (f32, bf16, f16; rows at w.stride as in
/// every view), for bodies that read and write these themselves.
struct NativeView {
  /// Vectors of f32 whatever the problem's types; matrices are null where they are not f32.
  RowView<float> w;
  DType in = DType::f32;         ///< of input and target
  DType out = DType::f32;        ///< of grad
  const void* input = nullptr;   ///< [n, v]
  const void* target = nullptr;  ///< [n, v] vector targets, or null
  void* grad = nullptr;          ///< [n, v]; null: not asked for
  bool in_place = false;         ///< grad is input itself
};

/// The problem with a call's memory: every array already of T, labels of int64.
template <class T>
RowView<T> row_view(const Problem& p, const CallMemory& m, int threads = 1) {
  RowView<T> w;
  w.op = p.op;
  w.dir = p.dir;
  w.reduction = p.reduction;
  w.denominator = p.denominator;
  w.unit = p.unit;
  w.n = p.n;
  w.v = p.v;
  w.t = p.t;
  w.stride = p.row_stride();
  w.shift = p.shift;
  w.ignore = p.ignore_index;
  w.smoothing = static_cast<T>(p.smoothing);
  w.scale = static_cast<T>(p.scale);
  w.softcap = static_cast<T>(p.softcap);
  w.z_loss = static_cast<T>(p.z_loss);
  w.denominator_value = static_cast<T>(p.denominator_value);
  w.input = static_cast<const T*>(m.input);
  if (has_vector_targets(p)) w.target = static_cast<const T*>(m.target);
  else w.label = static_cast<const std::int64_t*>(m.target);
  w.weight = static_cast<const T*>(m.weight);
  w.direction = static_cast<const T*>(m.direction);
  w.upstream = static_cast<const T*>(m.upstream);
  w.upstream_per_row = p.upstream == Upstream::row;
  w.loss = static_cast<T*>(m.loss);
  w.grad = static_cast<T*>(m.grad);
  w.threads = threads;
  return w;
}

/// The same with matrices of any type. Not for dir=hvp.
inline NativeView native_view(const Problem& p, const CallMemory& m, int threads = 1) {
  NativeView view;
  view.in = p.dtype;
  view.out = p.output_dtype();
  view.input = m.input;
  view.target = has_vector_targets(p) ? m.target : nullptr;
  view.grad = m.grad;
  view.in_place = m.grad != nullptr && m.grad == m.input;
  view.w = row_view<float>(p, m, threads);
  if (view.in != DType::f32) view.w.input = view.w.target = nullptr;
  if (view.out != DType::f32) view.w.grad = nullptr;
  return view;
}

}  // namespace xent
