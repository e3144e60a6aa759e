// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "impl/row_formulas.h"
#include "impl/scalar/binary.h"
#include "impl/scalar/information.h"

namespace xent {

/// z = scale x, or c tanh(scale x / c).
template <class T>
T transformed_logit(const RowView<T>& w, T x) {
  using std::tanh;
  return w.softcap == T(0) ? w.scale * x : w.softcap * tanh(w.scale * x / w.softcap);
}

/// dz/dx = scale, or scale (1 - tanh^2).
template <class T>
T logit_slope(const RowView<T>& w, T x) {
  using std::tanh;
  if (w.softcap == T(0)) return w.scale;
  const T h = tanh(w.scale * x / w.softcap);
  return w.scale * (T(1) - h * h);
}

/// log s = log1p(s without one maximum): relative accuracy however confident the row. Of sums
/// whose y is a maximum.
template <class T>
T log_of_sum(const RowSums<T>& of_maximum) {
  using std::log1p;
  return log1p(of_maximum.t / of_maximum.e_y);
}

/// ce, lse and mse-softmax, row by row. An Algorithm finds the sums of a row of logits z and fills
/// e with every e_j = exp(z_j - m) unless null (e may be z):
///   RowSums<T> sums(z, v, y, e)     y < 0: no target
///   RowSums<T> of_maximum(z, v, e)  y is a maximum
///   T loss(RowSums), T target_gradient(RowSums)   -log p_y, p_y - 1
///
/// Rows of class indices: loss w_y (-log p_y), gradient w_y p_j and w_y (p_y - 1). With smoothing
/// or vector targets: loss sum a_j (log s + (m - z_j)), gradient A p_j - a_j. zloss adds
/// (zloss lse) lse and (2 zloss lse) p_j, with lse = m + log s. p_j = e_j / s.
template <class T, class Algorithm>
class SoftmaxRows {
 public:
  SoftmaxRows(const RowView<T>& w, Algorithm algorithm)
      : w_(w),
        algorithm_(std::move(algorithm)),
        divisors_(w),
        losses_(w, divisors_),
        transforms_(!(w.scale == T(1) && w.softcap == T(0))),
        mixture_(w.op == Op::ce && (w.target != nullptr || !(w.smoothing == T(0)))),
        index_(w.op == Op::lse || (w.op == Op::ce && !mixture_ && w.z_loss == T(0))) {
    const auto v = static_cast<std::size_t>(w.v);
    if (transforms_) z_.resize(v);
    if (transforms_ || !index_ || w.dir == Dir::hvp) e_.resize(v);
  }

  void run() {
    for (std::int64_t r = 0; r < w_.n; ++r) {
      if (w_.ignored(r)) {
        losses_.put_ignored(r);
        zero_gradient(w_, r);
      } else {
        row(r);
      }
    }
    losses_.finish();
  }

 private:
  /// Of the row at hand.
  struct Row {
    std::int64_t r;
    std::int64_t y;  ///< -1: none
    const T* x;
    const T* z;
    T* e;  ///< the gradient's own memory where x is not needed again
    RowSums<T> sums;
    Scaling<T> scaling;
    T lse = 0;   ///< of zloss and hvp
    T mass = 0;  ///< A
  };

  void row(std::int64_t r) {
    Row row{r, w_.scored_class(r), w_.input_row(r), nullptr, nullptr, {}, {w_, divisors_, r}};
    row.z = logits(row.x);
    row.e = e_.empty() ? w_.grad_row(r) : e_.data();
    row.sums = mixture_ ? algorithm_.of_maximum(row.z, w_.v, row.e)
                        : algorithm_.sums(row.z, w_.v, row.y, row.e);
    if (w_.op == Op::mse_softmax) return squared_error(row);
    if (w_.loss != nullptr) losses_.put(r, loss(row));
    if (w_.grad == nullptr) return;
    if (w_.dir == Dir::hvp) return product_with_hessian(row);
    index_ ? index_gradient(row) : general_gradient(row);
  }

  const T* logits(const T* x) {
    if (!transforms_) return x;
    for (std::int64_t j = 0; j < w_.v; ++j) z_[at(j)] = transformed_logit(w_, x[j]);
    return z_.data();
  }

  T lse(const RowSums<T>& sums) const {
    using std::log;
    return sums.m + (mixture_ ? log_of_sum(sums) : log(sums.s));
  }

  T loss(const Row& row) {
    if (w_.op == Op::lse) return lse(row.sums);
    const T ce = mixture_ ? mixture_loss(row)
                          : product(w_.weight_of(row.y), algorithm_.loss(row.sums));
    if (w_.z_loss == T(0)) return ce;
    const T l = lse(row.sums);
    return ce + w_.z_loss * l * l;
  }

  T mixture_loss(const Row& row) {
    const T log_s = log_of_sum(row.sums);
    BlockedSum<T> sum;
    for (std::int64_t j = 0; j < w_.v; ++j) {
      sum.add(j, product(mass(row, j), log_s + (row.sums.m - row.z[j])));
    }
    return sum.value();
  }

  T mass(const Row& row, std::int64_t j) const {
    return w_.mass(w_.target_of(row.r, row.y, j), j);
  }
  /// A = sum a_j.
  T total_mass(const Row& row) const {
    if (!mixture_) return w_.weight_of(row.y);
    BlockedSum<T> sum;
    for (std::int64_t j = 0; j < w_.v; ++j) sum.add(j, mass(row, j));
    return sum.value();
  }

  /// g behind the logits' own transformation and everything behind the row.
  T behind(const Row& row, std::int64_t j, T g) const {
    return row.scaling(transforms_ ? g * logit_slope(w_, row.x[j]) : g);
  }

  void index_gradient(Row& row) {
    T* const g = w_.grad_row(row.r);
    if (row.y >= 0) row.scaling.weight = w_.weight_of(row.y);
    const T at_target = algorithm_.target_gradient(row.sums);
    for (std::int64_t j = 0; j < w_.v; ++j) {
      g[j] = behind(row, j, j == row.y ? at_target : row.e[j] / row.sums.s);
    }
  }

  void general_gradient(Row& row) {
    T* const g = w_.grad_row(row.r);
    const T a = total_mass(row);
    const T at_target = algorithm_.target_gradient(row.sums);
    const T z_factor = T(2) * w_.z_loss * lse(row.sums);
    for (std::int64_t j = 0; j < w_.v; ++j) {
      const T p = row.e[j] / row.sums.s;
      const T ce = mixture_ ? a * p - mass(row, j) : a * (j == row.y ? at_target : p);
      g[j] = behind(row, j, w_.z_loss == T(0) ? ce : ce + z_factor * p);
    }
  }

  /// (H v)_j = ((A p_j) (v_j - q) + (2 zloss p_j) (q + lse (v_j - q))) scale scale,
  /// q = (sum e_k v_k) / s.
  void product_with_hessian(Row& row) {
    T* const g = w_.grad_row(row.r);
    const T* const direction = w_.direction_row(row.r);
    const T a = total_mass(row);
    const T l = w_.z_loss == T(0) ? T(0) : lse(row.sums);
    BlockedSum<T> sum;
    for (std::int64_t k = 0; k < w_.v; ++k) sum.add(k, row.e[k] * direction[k]);
    const T q = sum.value() / row.sums.s;
    for (std::int64_t j = 0; j < w_.v; ++j) {
      const T p = row.e[j] / row.sums.s;
      const T d = direction[j] - q;
      const T h = a * p * d;
      const T with_z = w_.z_loss == T(0) ? h : h + T(2) * w_.z_loss * p * (q + l * d);
      g[j] = row.scaling(with_z * w_.scale * w_.scale);
    }
  }

  /// p_j - y_j; of a class index -t / s at the target.
  T difference(const Row& row, std::int64_t j) {
    if (j == row.y) return algorithm_.target_gradient(row.sums);
    const T p = row.e[j] / row.sums.s;
    return w_.target != nullptr ? p - w_.target_of(row.r, -1, j) : p;
  }

  /// sum d_j^2 with d_j = p_j - y_j, gradient (2 p_j) (d_j - sum p_k d_k).
  void squared_error(Row& row) {
    BlockedSum<T> squares;
    BlockedSum<T> mean;
    for (std::int64_t j = 0; j < w_.v; ++j) {
      const T d = difference(row, j);
      squares.add(j, d * d);
      mean.add(j, row.e[j] / row.sums.s * d);
    }
    losses_.put(row.r, squares.value());
    T* const g = w_.grad_row(row.r);
    const T center = mean.value();
    for (std::int64_t j = 0; g != nullptr && j < w_.v; ++j) {
      const T p = row.e[j] / row.sums.s;
      g[j] = row.scaling(T(2) * p * (difference(row, j) - center));
    }
  }

  static std::size_t at(std::int64_t j) { return static_cast<std::size_t>(j); }

  const RowView<T>& w_;
  Algorithm algorithm_;
  Divisors<T> divisors_;
  LossOutput<T> losses_;
  bool transforms_;  ///< scale or softcap
  bool mixture_;     ///< more than one class may have mass
  bool index_;       ///< class indices or none, no smoothing and no zloss
  std::vector<T> z_;
  std::vector<T> e_;
};

/// Every operation: the softmax family by the algorithm, the others class by class.
template <class T, class Algorithm>
void scalar_body(const RowView<T>& w, Algorithm algorithm) {
  switch (w.op) {
    case Op::ce:
    case Op::lse:
    case Op::mse_softmax: return SoftmaxRows<T, Algorithm>(w, std::move(algorithm)).run();
    case Op::bce_logits:
    case Op::bce_prob:
    case Op::mse_sigmoid: return binary_body(w);
    default: return information_body(w);
  }
}

}  // namespace xent
