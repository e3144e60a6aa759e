// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "impl/row_formulas.h"
#include "impl/scalar/information.h"

namespace xent {

/// The choices of scalar/safe that a mutant may make differently.
struct SafeFormula {
  template <class T>
  T maximum(const T* z, std::int64_t v) {
    T m = -std::numeric_limits<T>::infinity();
    for (std::int64_t j = 0; j < v; ++j) m = z[j] > m ? z[j] : m;
    return m;
  }
  /// How many classes are summed.
  std::int64_t summed(std::int64_t v) { return v; }
  template <class T>
  T loss(const RowSums<T>& r) {
    return accurate_loss(r);
  }
  template <class T>
  T target_gradient(const RowSums<T>& r) {
    return accurate_target_gradient(r);
  }
};

/// Two passes over a row of logits: maximum, then sums. y < 0: no target. `e` receives every e_j
/// unless null, and may be z.
template <class T, class Formula>
RowSums<T> safe_sums(const T* z, std::int64_t v, std::int64_t y, Formula& formula, T* e) {
  RowSums<T> row;
  row.m = formula.maximum(z, v);
  const T shift = finite_shift(row.m);
  if (y >= 0) row.z_y = z[y];
  row.e_y = std::exp(row.z_y - shift);
  BlockedSum<T> all;
  BlockedSum<T> others;
  const std::int64_t summed = formula.summed(v);
  for (std::int64_t j = 0; j < v; ++j) {
    const T x = std::exp(z[j] - shift);
    all.add(j, j < summed ? x : T(0));
    others.add(j, j < summed && j != y ? x : T(0));
    if (e != nullptr) e[j] = x;
  }
  row.s = all.value();
  row.t = others.value();
  return row;
}

/// Third pass, over e_j: the gradient (e_j / s) g / N, the target's own from t.
template <class T>
void safe_gradient(T* g, std::int64_t v, std::int64_t y, T s, T target, T upstream, T divisor) {
  for (std::int64_t j = 0; j < v; ++j) {
    g[j] = (j == y ? target : g[j] / s) * upstream / divisor;
  }
}

template <class T, class Formula>
void safe_body(const RowView<T>& w, Formula formula) {
  if (w.op != Op::ce && w.op != Op::lse) return information_body(w);
  LossOutput<T> losses(w);
  for (std::int64_t r = 0; r < w.n; ++r) {
    const std::int64_t y = w.op == Op::ce ? w.label[r] : -1;
    T* const g = w.grad_row(r);
    const RowSums<T> row = safe_sums(w.input_row(r), w.v, y, formula, g);
    losses.put(r, w.op == Op::ce ? formula.loss(row) : row.m + std::log(row.s));
    if (g != nullptr) {
      safe_gradient(g, w.v, y, row.s, formula.target_gradient(row), w.upstream_of(r), w.divisor());
    }
  }
  losses.finish();
}

}  // namespace xent
