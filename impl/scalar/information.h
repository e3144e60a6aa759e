// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "impl/scalar/class_by_class.h"

namespace xent {

/// -p log q with 0 log q = 0 for every number q >= 0; +inf when q = 0 < p; NaN stays.
template <class T>
T cross_term(T p, T q) {
  using std::log;
  return p == T(0) && q >= T(0) ? T(0) : -(p * log(q));
}

/// p log(p / q); 0 when p = 0; +inf when q = 0 < p.
/// p / q in [1/2, 2]: p - q is exact (Sterbenz) and log1p((p - q) / q) keeps its relative accuracy
/// near p = q. Elsewhere |log(p / q)| >= log 2 and the quotient's rounding is relative to it,
/// unless the quotient overflows or is subnormal: then log p - log q, far from cancelling.
template <class T>
T divergence_term(T p, T q) {
  using std::log;
  using std::log1p;
  if (p == T(0) && q >= T(0)) return T(0);
  const T ratio = p / q;
  if (ratio >= T(0.5) && ratio <= T(2)) return p * log1p((p - q) / q);
  const bool in_range =
      ratio >= T(std::numeric_limits<T>::min()) && ratio <= T(std::numeric_limits<T>::max());
  return in_range ? p * log(ratio) : p * (log(p) - log(q));
}

/// -p / q, the slope of H(p, q) and of KL(p||q) in q; 0 when p = 0.
template <class T>
T cross_slope(T p, T q) {
  return p == T(0) && q >= T(0) ? T(0) : -(p / q);
}

/// The input is p itself.
template <class T>
struct EntropyTerms {
  T loss(T p, T, std::int64_t) { return cross_term(p, p); }
  T slope(T p, T, std::int64_t) {
    using std::log;
    return -(log(p) + T(1));
  }
};

template <class T>
struct CrossEntropyTerms {
  T loss(T q, T p, std::int64_t) { return cross_term(p, q); }
  T slope(T q, T p, std::int64_t) { return cross_slope(p, q); }
};

/// Cross-entropy against a class index: the other classes' q count for nothing, whatever they are.
template <class T>
struct SelfInformationTerms {
  T loss(T q, T p, std::int64_t) { return p == T(0) ? T(0) : cross_term(p, q); }
  T slope(T q, T p, std::int64_t) { return p == T(0) ? T(0) : cross_slope(p, q); }
};

template <class T>
struct DivergenceTerms {
  T loss(T q, T p, std::int64_t) { return divergence_term(p, q); }
  T slope(T q, T p, std::int64_t) { return cross_slope(p, q); }
};

/// -a_j x_j of log-probabilities x. A class index looks at its own weight alone.
template <class T>
struct NllTerms {
  const RowView<T>& w;
  T mass(T y, std::int64_t j) const {
    const bool other = w.target == nullptr && w.smoothing == T(0) && y == T(0);
    return other ? T(0) : w.mass(y, j);
  }
  T loss(T x, T y, std::int64_t j) { return -product(mass(y, j), x); }
  T slope(T, T y, std::int64_t j) { return -mass(y, j); }
};

template <class T>
void information_body(const RowView<T>& w) {
  if (w.op == Op::entropy) return class_by_class(w, EntropyTerms<T>{});
  if (w.op == Op::kl) return class_by_class(w, DivergenceTerms<T>{});
  if (w.op == Op::nll) return class_by_class(w, NllTerms<T>{w});
  if (w.target == nullptr) return class_by_class(w, SelfInformationTerms<T>{});
  class_by_class(w, CrossEntropyTerms<T>{});
}

}  // namespace xent
