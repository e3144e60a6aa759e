// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_CAREFUL_ROW_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_CAREFUL_ROW_INL_H
#undef XENT_HIGHWAY_CAREFUL_ROW_INL_H
#else
#define XENT_HIGHWAY_CAREFUL_ROW_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "impl/highway/exp-inl.h"
#include "impl/highway/row_gradient-inl.h"
#include "impl/highway/row_sums-inl.h"
#include "impl/row_formulas.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Exp of exp-inl.h: any argument up to 0.
struct ExpBelow {
  static constexpr int kSideBySide = 1;
  HWY_INLINE VF operator()(VF x) const { return Exp(F32(), x); }
};

/// Below it gradients are e / s times everything behind the row, in the order of Scaling.
struct CarefulValue {
  VF sum;
  Scaling<float> scaling;
  float z_factor;  ///< of zloss, else 0

  HWY_INLINE VF operator()(VF e) const {
    const F32 d;
    const VF p = hn::Div(e, sum);
    VF g = hn::Mul(p, hn::Set(d, scaling.weight));
    if (z_factor != 0) g = hn::Add(g, hn::Mul(hn::Set(d, z_factor), p));
    g = hn::Mul(g, hn::Set(d, scaling.upstream));
    return hn::Div(g, hn::Set(d, scaling.divisor));
  }
};

/// Of elements [from, to) alone, or where a row begins in memory would show in what is rounded.
template <class E>
float Maximum(const RowLines<E>& row, std::int64_t from, std::int64_t to) {
  VF m = hn::Set(F32(), kNothing);
  const std::int64_t end = (row.head + to + kLine<E> - 1) / kLine<E>;
  for (std::int64_t line = (row.head + from) / kLine<E>; line < end; ++line) {
    const std::int64_t first = row.head + from - line * kLine<E>;
    const std::int64_t last = row.head + to - line * kLine<E>;
    Ask(row.at(line));
    Line<E> x = row.load(line);
    if (first > 0 || last < kLine<E>) x = Within(x, first, last);
    for (int i = 0; i < Line<E>::kParts; ++i) m = hn::Max(m, x.part[i]);
  }
  alignas(64) float lane[Line<E>::kLanesOfPart];
  hn::Store(m, F32(), lane);
  return *std::max_element(lane, lane + Line<E>::kLanesOfPart);
}

/// m, s, t of RowSums in three passes.
struct InPasses {
  template <class E>
  static HWY_INLINE RowSums<float> Of(const ExpBelow& exp, const RowLines<E>& row,
                                      std::int64_t y) {
    RowSums<float> r;
    r.m = Maximum(row, 0, row.v);
    LeafTotals<E> totals;
    r.s = RowSum(exp, row, -1, finite_shift(r.m), totals);
    r.t = RowSum(exp, row, y, finite_shift(r.m), totals);
    return r;
  }
};

/// One row below its maximum, by the formulas of highway/safe. In passes, it is for the rows that
/// the target's logit does not serve: it is so far below that the sum overflows, or nothing is left
/// of the others, or something is not a number.
template <class E, class O, class Sums = InPasses>
class CarefulRow {
 public:
  CarefulRow(const RowView<float>& w, const Divisors<float>& divisors, std::int64_t r, const E* z,
             O* g)
      : w_(w), scaling_(w, divisors, r), y_(w.scored_class(r)), z_(z), g_(g), lines_(z, w.v) {}

  /// Writes the gradient, returns the loss.
  HWY_NOINLINE float Run() {
    RowSums<float> row = Sums::Of(exp_, lines_, y_);
    const float shift = finite_shift(row.m);
    row.z_y = AsFloat(z_[y_]);
    row.e_y = hn::GetLane(exp_(hn::Set(F32(), row.z_y - shift)));
    const float weight = w_.weight_of(y_);
    const float lse = row.m + std::log(row.s);
    if (g_ != nullptr) Gradient(row, shift, weight, lse);
    const float loss = product(weight, accurate_loss(row));
    return w_.z_loss == 0 ? loss : loss + w_.z_loss * lse * lse;
  }

 private:
  void Gradient(const RowSums<float>& row, float shift, float weight, float lse) {
    const float z_factor = w_.z_loss == 0 ? 0 : 2 * w_.z_loss * lse;
    const float at = accurate_target_gradient(row);
    const float at_target =
        w_.z_loss == 0 ? scaling_(weight * at)
                       : scaling_(weight * at + z_factor * (row.e_y / row.s));
    scaling_.weight = weight;
    const CarefulValue value{hn::Set(F32(), row.s), scaling_, z_factor};
    using Terms = ComputedTerms<E, ExpBelow>;
    GradientWalk<E, O, Stored, Terms, CarefulValue>(Terms(exp_, z_, g_, shift), g_, w_.v, y_,
                                                    value, at_target)
        .finish();
  }

  const RowView<float>& w_;
  Scaling<float> scaling_;
  std::int64_t y_;
  const E* z_;
  O* g_;
  RowLines<E> lines_;
  ExpBelow exp_;
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
