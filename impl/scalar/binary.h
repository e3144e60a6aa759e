// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "impl/scalar/class_by_class.h"

namespace xent {

/// sigma(x) = 1 / (1 + e^-x), from e^-|x|: relative accuracy at both ends.
template <class T>
T sigmoid(T x) {
  using std::abs;
  using std::exp;
  const T e = exp(-abs(x));
  return (x >= T(0) ? T(1) : e) / (T(1) + e);
}

/// sigma(x) - y; for the labels 0 and 1 without a subtraction: sigma(x) and -sigma(-x).
template <class T>
T sigmoid_minus(T x, T y) {
  if (y == T(1)) return -sigmoid(-x);
  return y == T(0) ? sigmoid(x) : sigmoid(x) - y;
}

/// max(x, 0) - x y + log(1 + e^-|x|), its linear part as x (1 - y) for x > 0 and -x y else: for
/// labels in [0, 1] no term is negative, so nothing cancels.
template <class T>
struct BceLogitsTerms {
  const RowView<T>& w;
  T loss(T x, T y, std::int64_t j) {
    using std::abs;
    using std::exp;
    using std::log1p;
    const T linear = x > T(0) ? product(T(1) - y, x) : product(y, -x);
    return product(w.weight_of(j), linear + log1p(exp(-abs(x))));
  }
  T slope(T x, T y, std::int64_t j) { return w.weight_of(j) * sigmoid_minus(x, y); }
};

/// -(y log x + (1 - y) log(1 - x)), the second logarithm as log1p(-x).
template <class T>
struct BceProbTerms {
  const RowView<T>& w;
  T loss(T x, T y, std::int64_t j) {
    using std::log;
    using std::log1p;
    const T one = y == T(0) ? T(0) : y * -log(x);
    const T other = y == T(1) ? T(0) : (T(1) - y) * -log1p(-x);
    return product(w.weight_of(j), one + other);
  }
  T slope(T x, T y, std::int64_t j) {
    const T one = y == T(0) ? T(0) : y / x;
    const T other = y == T(1) ? T(0) : (T(1) - y) / (T(1) - x);
    return product(w.weight_of(j), other - one);
  }
};

/// (sigma(x) - y)^2, slope ((2 (sigma - y)) sigma(x)) sigma(-x).
template <class T>
struct MseSigmoidTerms {
  T loss(T x, T y, std::int64_t) {
    const T d = sigmoid_minus(x, y);
    return d * d;
  }
  T slope(T x, T y, std::int64_t) {
    return T(2) * sigmoid_minus(x, y) * sigmoid(x) * sigmoid(-x);
  }
};

template <class T>
void binary_body(const RowView<T>& w) {
  if (w.op == Op::bce_logits) return class_by_class(w, BceLogitsTerms<T>{w});
  if (w.op == Op::bce_prob) return class_by_class(w, BceProbTerms<T>{w});
  class_by_class(w, MseSigmoidTerms<T>{});
}

}  // namespace xent
