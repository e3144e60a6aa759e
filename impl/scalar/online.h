// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "impl/scalar/softmax.h"

namespace xent {

/// exp(z - m) of a z that is not above the running maximum.
template <class T>
T exp_below(T z, T m) {
  using std::exp;
  return z == T(-std::numeric_limits<T>::infinity()) ? T(0) : exp(z - m);
}

/// One pass with a running maximum: an algorithm of SoftmaxRows.
struct OnePass {
  template <class T>
  RowSums<T> sums(const T* z, std::int64_t v, std::int64_t y, T* e) {
    using std::exp;
    RowSums<T> row;
    row.m = -std::numeric_limits<T>::infinity();
    for (std::int64_t j = 0; j < v; ++j) {
      T x = 1;
      if (z[j] > row.m) {
        const T rescale = exp(row.m - z[j]);
        row.s *= rescale;
        row.t *= rescale;
        row.m = z[j];
      } else {
        x = exp_below(z[j], row.m);
      }
      row.s += x;
      if (j != y) row.t += x;
    }
    if (y >= 0) row.z_y = z[y];
    row.e_y = exp(row.z_y - finite_shift(row.m));
    fill(z, v, row.m, e);
    return row;
  }

  /// t is what came before the maximum, rescaled, and what came after.
  template <class T>
  RowSums<T> of_maximum(const T* z, std::int64_t v, T* e) {
    using std::exp;
    RowSums<T> row;
    row.m = -std::numeric_limits<T>::infinity();
    for (std::int64_t j = 0; j < v; ++j) {
      if (z[j] > row.m) {
        row.t = row.s * exp(row.m - z[j]);
        row.s = row.t + T(1);
        row.m = z[j];
      } else {
        const T x = exp_below(z[j], row.m);
        row.t += x;
        row.s += x;
      }
    }
    row.z_y = row.m;
    row.e_y = exp(row.z_y - finite_shift(row.m));
    fill(z, v, row.m, e);
    return row;
  }

  template <class T>
  T loss(const RowSums<T>& row) {
    return accurate_loss(row);
  }
  template <class T>
  T target_gradient(const RowSums<T>& row) {
    return accurate_target_gradient(row);
  }

 private:
  template <class T>
  static void fill(const T* z, std::int64_t v, T m, T* e) {
    using std::exp;
    const T shift = finite_shift(m);
    for (std::int64_t j = 0; e != nullptr && j < v; ++j) e[j] = exp(z[j] - shift);
  }
};

}  // namespace xent
