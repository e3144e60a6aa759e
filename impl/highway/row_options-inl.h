// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_ROW_OPTIONS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_ROW_OPTIONS_INL_H
#undef XENT_HIGHWAY_ROW_OPTIONS_INL_H
#else
#define XENT_HIGHWAY_ROW_OPTIONS_INL_H
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "impl/highway/exp-inl.h"
#include "impl/highway/log-inl.h"
#include "impl/highway/steps-inl.h"
#include "impl/row_output.h"
#include "impl/row_view.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// a x, where 0 times infinity is 0; NaN stays.
template <class D>
HWY_INLINE hn::Vec<D> Product(D d, hn::Vec<D> a, hn::Vec<D> x) {
  const auto nothing = hn::And(hn::Eq(a, hn::Zero(d)), hn::Eq(x, x));
  return hn::IfThenElse(nothing, hn::Zero(d), hn::Mul(a, x));
}

template <class T>
HWY_INLINE T ExpOf(T x) {
  return hn::GetLane(Exp(Tag<T>(), hn::Set(Tag<T>(), x)));
}
template <class T>
HWY_INLINE T LogOf(T x) {
  return hn::GetLane(Log(Tag<T>(), hn::Set(Tag<T>(), x)));
}
template <class T>
HWY_INLINE T Log1pOf(T x) {
  return hn::GetLane(Log1p(Tag<T>(), hn::Set(Tag<T>(), x)));
}

/// Targets, weights and masses of a row, as RowView::target_of, weight_of and mass.
template <class T>
class RowTargets {
 public:
  RowTargets(const RowView<T>& w, std::int64_t r)
      : w_(w), target_(w.target_row(r)), y_(w.scored_class(r)), kept_(T(1) - w.smoothing),
        spread_(w.smoothing / static_cast<T>(w.v)) {}

  HWY_INLINE VecOf<T> Target(const Step<T>& step, std::size_t i) const {
    if (target_ != nullptr) return step.Load(target_, i);
    return step.Replaced(hn::Zero(Tag<T>()), y_, T(1), i);
  }
  HWY_INLINE VecOf<T> Weight(const Step<T>& step, std::size_t i) const {
    return w_.weight != nullptr ? step.Load(w_.weight, i) : hn::Set(Tag<T>(), T(1));
  }
  HWY_INLINE VecOf<T> Mass(const Step<T>& step, std::size_t i) const {
    const Tag<T> d;
    const auto y = Target(step, i);
    const auto weight = Weight(step, i);
    if (w_.smoothing == T(0)) return hn::Mul(weight, y);
    return hn::Mul(weight, hn::Add(hn::Mul(hn::Set(d, kept_), y), hn::Set(d, spread_)));
  }
  /// The scored class; -1: none.
  std::int64_t y() const { return y_; }
  bool indexed() const { return target_ == nullptr; }
  bool weighted() const { return w_.weight != nullptr; }

 private:
  const RowView<T>& w_;
  const T* target_;
  std::int64_t y_;
  T kept_;
  T spread_;
};

/// Scaling of vectors. Factors and divisors of 1 are left out: they are exact.
template <class T>
class VectorScaling {
 public:
  explicit VectorScaling(const Scaling<T>& s)
      : s_(s), weighs_(s.weight != T(1)), multiplies_(s.upstream != T(1)),
        divides_(s.divisor != T(1)) {}
  bool IsOne() const { return !(weighs_ || multiplies_ || divides_); }

  HWY_INLINE VecOf<T> operator()(VecOf<T> g) const {
    const Tag<T> d;
    if (weighs_) g = hn::Mul(g, hn::Set(d, s_.weight));
    if (multiplies_) g = Product(d, hn::Set(d, s_.upstream), g);
    return divides_ ? hn::Div(g, hn::Set(d, s_.divisor)) : g;
  }

 private:
  Scaling<T> s_;
  bool weighs_;
  bool multiplies_;
  bool divides_;
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
