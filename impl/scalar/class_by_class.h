// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "impl/row_output.h"

namespace xent {

/// Every operation whose loss is a sum over classes of terms that know only their own class. Terms:
///   T loss(T x, T y, std::int64_t j)    the term, with y the class's target
///   T slope(T x, T y, std::int64_t j)   its derivative in x
/// Terms are summed as BlockedSum does; each x is read before its gradient is written.
template <class T, class Terms>
void class_by_class(const RowView<T>& w, Terms terms) {
  const Divisors<T> divisors(w);
  LossOutput<T> losses(w, divisors);
  for (std::int64_t r = 0; r < w.n; ++r) {
    if (w.ignored(r)) {
      losses.put_ignored(r);
      zero_gradient(w, r);
      continue;
    }
    const Scaling<T> scaling(w, divisors, r);
    const std::int64_t label = w.scored_class(r);
    const T* const x = w.input_row(r);
    T* const g = w.grad_row(r);
    BlockedSum<T> sum;
    for (std::int64_t j = 0; j < w.v; ++j) {
      const T y = w.target_of(r, label, j);
      if (w.loss != nullptr) sum.add(j, terms.loss(x[j], y, j));
      if (g != nullptr) g[j] = scaling(terms.slope(x[j], y, j));
    }
    losses.put(r, sum.value());
  }
  losses.finish();
}

}  // namespace xent
