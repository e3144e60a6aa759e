// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

#include "core/problem.h"
#include "impl/scalar/safe.h"

namespace xent {

/// Class indices alone, losses and gradients: what has one reference a row.
inline bool has_reference(const Problem& p) {
  return p.op == Op::ce && p.targets == TargetKind::index && p.smoothing == 0 && p.z_loss == 0 &&
         p.dir != Dir::hvp;
}

template <class T>
bool has_reference(const RowView<T>& w) {
  return w.op == Op::ce && w.label != nullptr && w.smoothing == T(0) && w.z_loss == T(0) &&
         w.dir != Dir::hvp;
}

/// The choices of scalar/referenced that a mutant may make differently.
struct ReferencedFormula : SafeFormula {
  template <class T>
  T term(T z, T z_y) {
    return exponential(T(z - z_y));
  }
  /// S of a row with target y, which is skipped, not subtracted; term(j) is exp(z_j - z_y).
  template <class T, class Term>
  T others(const T*, std::int64_t v, std::int64_t y, Term term) {
    BlockedSum<T> sum;
    for (std::int64_t j = 0; j < v; ++j) sum.add(j, j == y ? T(0) : term(j));
    return sum.value();
  }
  /// False of NaN, too.
  template <class T>
  bool in_range(T s) {
    return s < T(1e37) && s > T(0);
  }
};

/// One pass with the target's logit as reference, and the two of TwoPass where that leaves the
/// range of exp or where there is no such reference: an algorithm of SoftmaxRows. In RowSums the
/// reference is m: e_j = exp(z_j - z_y), t = S, s = 1 + S.
template <class Formula>
struct ByTarget : TwoPass<Formula> {
  bool by_target;

  ByTarget(Formula formula, bool has_reference)
      : TwoPass<Formula>{std::move(formula)}, by_target(has_reference) {}

  template <class T>
  RowSums<T> sums(const T* z, std::int64_t v, std::int64_t y, T* e) {
    if (!by_target) return TwoPass<Formula>::sums(z, v, y, e);
    const T z_y = z[y];
    const T others = sum_of_others(z, v, y);
    if (!Formula::in_range(others)) return TwoPass<Formula>::sums(z, v, y, e);
    // e may be z, which the other way would have read again.
    for (std::int64_t j = 0; e != nullptr && j < v; ++j) e[j] = Formula::term(z[j], z_y);
    return {z_y, T(1) + others, others, z_y, T(1)};
  }

 protected:
  template <class T>
  T sum_of_others(const T* z, std::int64_t v, std::int64_t y) {
    const T z_y = z[y];
    return Formula::others(z, v, y, [&](std::int64_t j) { return Formula::term(z[j], z_y); });
  }
};

template <class T, class Formula>
void referenced_body(const RowView<T>& w, Formula formula) {
  scalar_body(w, ByTarget<Formula>(std::move(formula), has_reference(w)));
}

}  // namespace xent
