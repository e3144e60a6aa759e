// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "impl/blocked_sum.h"
#include "impl/row_view.h"

namespace xent {

/// -p log q with 0 log q = 0 for every number q >= 0; +inf when q = 0 < p; NaN stays.
template <class T>
T cross_term(T p, T q) {
  return p == 0 && q >= 0 ? T(0) : -(p * std::log(q));
}

/// p log(p / q); 0 when p = 0; +inf when q = 0 < p.
/// p / q in [1/2, 2]: p - q is exact (Sterbenz) and log1p((p - q) / q) keeps its relative accuracy
/// near p = q. Elsewhere |log(p / q)| >= log 2 and the quotient's rounding is relative to it,
/// unless the quotient overflows or is subnormal: then log p - log q, far from cancelling.
template <class T>
T divergence_term(T p, T q) {
  if (p == 0 && q >= 0) return 0;
  const T ratio = p / q;
  if (ratio >= T(0.5) && ratio <= T(2)) return p * std::log1p((p - q) / q);
  const bool in_range =
      ratio >= std::numeric_limits<T>::min() && ratio <= std::numeric_limits<T>::max();
  return in_range ? p * std::log(ratio) : p * (std::log(p) - std::log(q));
}

/// entropy, cross-entropy and kl of each row, in nats, summed in blocks.
template <class T>
void information_body(const RowView<T>& w) {
  for (std::int64_t r = 0; r < w.n; ++r) {
    const T* const q = w.input_row(r);
    const T* const p = w.op == Op::entropy ? q : w.target_row(r);
    BlockedSum<T> sum;
    for (std::int64_t j = 0; j < w.v; ++j) {
      sum.add(j, w.op == Op::kl ? divergence_term(p[j], q[j]) : cross_term(p[j], q[j]));
    }
    w.loss[r] = sum.value();
  }
}

}  // namespace xent
