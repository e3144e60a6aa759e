// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "impl/scalar/softmax.h"

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
  T exponential(T x) {
    using std::exp;
    return exp(x);
  }
  template <class T>
  T loss(const RowSums<T>& r) {
    return accurate_loss(r);
  }
  template <class T>
  T target_gradient(const RowSums<T>& r) {
    return accurate_target_gradient(r);
  }
};

/// Two passes over a row of logits: maximum, then sums; see SoftmaxRows.
template <class Formula>
struct TwoPass : Formula {
  template <class T>
  RowSums<T> sums(const T* z, std::int64_t v, std::int64_t y, T* e) {
    return sums_below(Formula::maximum(z, v), z, v, y, e);
  }
  template <class T>
  RowSums<T> of_maximum(const T* z, std::int64_t v, T* e) {
    const T m = Formula::maximum(z, v);
    std::int64_t y = 0;
    while (y + 1 < v && !(z[y] == m)) ++y;
    return sums_below(m, z, v, y, e);
  }

 private:
  template <class T>
  RowSums<T> sums_below(T m, const T* z, std::int64_t v, std::int64_t y, T* e) {
    RowSums<T> row;
    row.m = m;
    const T shift = finite_shift(m);
    if (y >= 0) row.z_y = z[y];
    row.e_y = Formula::exponential(row.z_y - shift);
    BlockedSum<T> all;
    BlockedSum<T> others;
    const std::int64_t summed = Formula::summed(v);
    for (std::int64_t j = 0; j < v; ++j) {
      const T x = Formula::exponential(z[j] - shift);
      all.add(j, j < summed ? x : T(0));
      others.add(j, j < summed && j != y ? x : T(0));
      if (e != nullptr) e[j] = x;
    }
    row.s = all.value();
    row.t = others.value();
    return row;
  }
};

template <class T, class Formula>
void safe_body(const RowView<T>& w, Formula formula) {
  scalar_body(w, TwoPass<Formula>{std::move(formula)});
}

}  // namespace xent
