// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/functions.cuh"
#include "impl/cuda/tree.cuh"
#include "impl/cuda/vectors.cuh"

namespace xent::cuda {

/// A row of logits in memory. Vectors are read where memory has them: the first begins `past`
/// elements before the row.
template <class E>
struct RowOf {
  const typename E::Memory* z;
  std::int64_t v;
  int past;
  XENT_DEVICE RowOf(const void* input, std::int64_t stride, std::int64_t r, std::int64_t classes)
      : z(static_cast<const typename E::Memory*>(input) + r * stride),
        v(classes),
        past(past_vector<E>(z)) {}
  XENT_DEVICE std::int64_t leaves() const { return leaves_of(v); }
};

/// Where a gradient goes: null, or a row with the same vectors as the logits' (`whole`), or others.
template <class E, class O>
struct GradientOf {
  typename O::Memory* g = nullptr;
  bool whole = false;
  XENT_DEVICE GradientOf(void* grad, std::int64_t stride, std::int64_t r, const RowOf<E>& row) {
    if (grad == nullptr) return;
    g = static_cast<typename O::Memory*>(grad) + r * stride;
    whole = E::kPerVector == O::kPerVector && past_vector<O>(g) == row.past;
  }
};

/// exp(z_j - z_y) factor, and something else at y.
struct Gradient {
  std::int64_t y = 0;
  float z_y = 0;
  float factor = 0;
  float at_target = 0;
};

/// A lane's vectors of kSteps steps of a leaf: vector k of step k / kOfStep. `beyond` (lane 0
/// alone) begins in the leaf, after its last step, and ends in the next leaf, which owns it.
template <class E, int kSteps>
class Piece {
 public:
  static constexpr int kPerVector = E::kPerVector;
  static constexpr int kOfStep = 8 / kPerVector;
  static constexpr int kVectors = kSteps * kOfStep;

  /// Steps [step, step + kSteps) of leaf m, whichever there are.
  XENT_DEVICE void load(const RowOf<E>& row, std::int64_t m, int step, int lane) {
    const typename E::Memory* const z = row.z + m * kLeaf;
    load(row, m, step, lane, [z](int position) { return load_vector(z + position); });
  }

  /// The same with vectors from elsewhere: whole(position) is the one that begins at this element
  /// of the leaf, asked for where all of it is in the row.
  template <class Whole>
  XENT_DEVICE void load(const RowOf<E>& row, std::int64_t m, int step, int lane, Whole whole) {
    begin_ = m * kLeaf;
    step_ = step;
    const std::int64_t left = row.v - begin_;
    size_ = left < kLeaf ? static_cast<int>(left) : kLeaf;
    readable_ = left < 2 * kLeaf ? static_cast<int>(left) : 2 * kLeaf;
    first_ = kPerVector * lane - row.past + step * kSlots;
    XENT_UNROLL
    for (int k = 0; k < kVectors; ++k) {
      at_[k] = {};
      if (in_row(position(k))) at_[k] = whole(position(k));
    }
    if (begin_ + first_ < 0) at_[0] = load_edge<E>(row.z, first_, row.v);
    load_end(row);
    beyond_ = first_ + kSteps * kSlots;
    const bool last = (step + kSteps) * kSlots >= size_;
    ends_inside_ = last && lane == 0 && row.past != 0 && beyond_ < size_;
    if (!ends_inside_) return;
    beyond_vector_ =
        in_row(beyond_) ? whole(beyond_) : load_edge<E>(row.z, begin_ + beyond_, row.v);
  }

  /// Adds exp(z_j - z_y) to the leaf's slots, without element y; where z_y is no number, something
  /// that makes no positive sum.
  XENT_DEVICE void add_to(float (&slot)[8], std::int64_t y, float z_y) const {
    const int skipped = y >= begin_ && y < begin_ + size_ ? static_cast<int>(y - begin_) : -1;
    XENT_UNROLL
    for (int k = 0; k < kVectors; ++k) {
      if (!has(k)) break;
      add(slot + k % kOfStep * kPerVector, at_[k], position(k), skipped, z_y);
    }
    if (ends_inside_) add(slot, beyond_vector_, beyond_, skipped, z_y);
  }

  /// The greatest of a lane's numbers in the leaf; -inf if there is none.
  XENT_DEVICE float greatest() const {
    float most = -kInfinity;
    XENT_UNROLL
    for (int k = 0; k < kVectors; ++k) {
      if (!has(k)) break;
      most = greater(most, at_[k], position(k));
    }
    return ends_inside_ ? greater(most, beyond_vector_, beyond_) : most;
  }

  /// Stores the gradient of every element of the vectors that the leaf owns.
  template <class O>
  XENT_DEVICE void store(const GradientOf<E, O>& to, const Gradient& gradient) const {
    XENT_UNROLL
    for (int k = 0; k < kVectors; ++k) {
      if (!has(k)) break;
      store(to, at_[k], position(k), gradient);
    }
    if (ends_inside_ && readable_ <= kLeaf) store(to, beyond_vector_, beyond_, gradient);
  }

 private:
  /// The leaf has something at the step of vector k.
  XENT_DEVICE bool has(int k) const {
    return step_ * kSlots + k / kOfStep * kSlots < size_ + kPerVector;
  }
  /// Of vector k's first element in the leaf; lane 0's first may begin before it.
  XENT_DEVICE int position(int k) const {
    return first_ + k / kOfStep * kSlots + k % kOfStep * (kSlots / 2);
  }

  /// The row has all of the vector at this position.
  XENT_DEVICE bool in_row(int position) const {
    return (position >= 0 || begin_ > 0) && position + kPerVector <= readable_;
  }
  /// The vector that the row ends in.
  XENT_DEVICE void load_end(const RowOf<E>& row) {
    if (readable_ > kLeaf) return;
    const int end = (readable_ + row.past) / kPerVector * kPerVector - row.past;
    if (end >= readable_) return;
    const Vector v = load_edge<E>(row.z, begin_ + end, row.v);
    XENT_UNROLL
    for (int k = 0; k < kVectors; ++k) {
      if (position(k) == end) at_[k] = v;
    }
  }

  XENT_DEVICE float greater(float most, Vector v, int from) const {
    if (from < 0 || from + kPerVector > size_) mask(v, from, -1);
    XENT_UNROLL
    for (int i = 0; i < kPerVector; ++i) most = fmaxf(most, E::part(v, i));
    return most;
  }
  XENT_DEVICE void add(float* slot, Vector v, int from, int skipped, float z_y) const {
    const bool whole = from >= 0 && from + kPerVector <= size_ &&
                       static_cast<unsigned>(skipped - from) >= kPerVector;
    if (!whole) mask(v, from, skipped);
    XENT_UNROLL
    for (int i = 0; i < kPerVector; ++i) slot[i] += exp_approx(E::part(v, i) - z_y);
  }
  /// What does not count becomes -inf: adding its 0 rounds nothing.
  XENT_DEVICE void mask(Vector& v, int from, int skipped) const {
    XENT_UNROLL
    for (int i = 0; i < kPerVector; ++i) {
      const bool counts =
          static_cast<unsigned>(from + i) < static_cast<unsigned>(size_) && from + i != skipped;
      if (!counts) E::set(v, i, E::kNothing);
    }
  }

  template <class O>
  XENT_DEVICE void store(const GradientOf<E, O>& to, const Vector& v, int from,
                         const Gradient& gradient) const {
    const std::int64_t j = begin_ + from;
    float x[kPerVector];
    XENT_UNROLL
    for (int i = 0; i < kPerVector; ++i) {
      x[i] = exp_approx(E::part(v, i) - gradient.z_y) * gradient.factor;
    }
    const std::int64_t target = gradient.y - j;
    if (target >= 0 && target < kPerVector) {
      XENT_UNROLL
      for (int i = 0; i < kPerVector; ++i) x[i] = i == target ? gradient.at_target : x[i];
    }
    if (to.whole && in_row(from)) return store_numbers<O>(to.g + j, x);
    XENT_UNROLL
    for (int i = 0; i < kPerVector; ++i) {
      if (from + i < readable_ && j + i >= 0) to.g[j + i] = O::memory(x[i]);
    }
  }

  Vector at_[kVectors];
  Vector beyond_vector_ = {};
  std::int64_t begin_ = 0;
  int size_ = 0;
  int readable_ = 0;  ///< elements of the row from the leaf's first on, at most 2 leaves
  int step_ = 0;
  int first_ = 0;   ///< position of vector 0
  int beyond_ = 0;  ///< position of the vector after the last step's
  bool ends_inside_ = false;
};

}  // namespace xent::cuda
