// SPDX-License-Identifier: Apache-2.0
// A row of logits as vectors of classes: gaps, exponentials, magnitudes.
#if defined(XENT_ORACLE_SIMD_SOFTMAX_VIEW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_SOFTMAX_VIEW_INL_H_
#undef XENT_ORACLE_SIMD_SOFTMAX_VIEW_INL_H_
#else
#define XENT_ORACLE_SIMD_SOFTMAX_VIEW_INL_H_
#endif

#include <cstdint>
#include <limits>

#include "oracle/simd/ball-inl.h"
#include "oracle/simd/exp-inl.h"
#include "oracle/simd/fault.h"
#include "oracle/simd/load-inl.h"
#include "oracle/simd/softmax_maps-inl.h"
#include "oracle/simd/softmax_state.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace softmax {

inline constexpr std::int64_t kBlock = Elements::kMost;

inline std::int64_t LanesOf() { return static_cast<std::int64_t>(hn::Lanes(D())); }

/// Logits of consecutive classes; beyond the row's end, absent ones.
HWY_INLINE void LoadLogits(const SimdTask& task, std::int64_t first, std::int64_t count,
                           double* HWY_RESTRICT x) {
  const TestCase& c = *task.c;
  const double none = std::numeric_limits<double>::infinity() * (c.problem.scale > 0 ? -1 : 1);
  LoadDoubles(c.input, task.row * c.problem.v + first, count, none, x);
}

/// Lanes of the classes before the row's end.
HWY_INLINE M Valid(const SimdTask& task, std::int64_t j) {
  return hn::FirstN(D(), static_cast<std::size_t>(task.c->problem.v - j));
}

/// Radii are at least this: the largest e^-gap where gap > kDeep, for which e^-kDeep stands.
inline constexpr double kTinyTerm = 0x1p-1000;
inline constexpr double kDeep = 700;

/// L30: e^-gap where the gap has no radius but relative ones, of one rounding in doubles and one
/// more if it is scaled: |e^-gap - e| <= e (kFixed + ByGap gap) + kTinyTerm.
template <class B>
struct GapError {
  static constexpr double kSlack = 1 + 0x1p-40;
  static constexpr double kFixed = (kIsPair<B> ? claims::kExp2 : claims::kExp1) * kSlack;
  static constexpr double ByGap(bool scaled) {
    if (kIsPair<B>) return scaled ? 0x1p-104 * kSlack : 0;
    return (scaled ? 2 : 1) * claims::u * kSlack;
  }
};

HWY_INLINE V Low(const Ball1&) { return hn::Zero(D()); }
HWY_INLINE V Low(const Ball2& b) { return b.lo; }

HWY_INLINE void LoadWords(Ball1& e, const SoftmaxState& r, std::int64_t j) {
  e.mid = hn::LoadU(D(), r.e + j);
}
HWY_INLINE void LoadWords(Ball2& e, const SoftmaxState& r, std::int64_t j) {
  e.hi = hn::LoadU(D(), r.e + j);
  e.lo = hn::LoadU(D(), r.e_lo + j);
}
HWY_INLINE void StoreWords(const Ball1& e, const SoftmaxState& r, std::int64_t j) {
  hn::StoreU(e.mid, D(), r.e + j);
}
HWY_INLINE void StoreWords(const Ball2& e, const SoftmaxState& r, std::int64_t j) {
  hn::StoreU(e.hi, D(), r.e + j);
  hn::StoreU(e.lo, D(), r.e_lo + j);
}

// A view is a row after its scan, for vectors of classes j, j + 1, ... with inputs x:
//   Gap(x)             m - z_j; around 0 for absent classes
//   ExpOfGap(gap)      with its radius
//   Keep(j, x, e, gap) stores them, Exponential(j, gap_up) loads e; around 0 for absent classes
//   GapUp(j, x)        upper bound; +infinity for absent classes
//   SizeUp(x)          upper bound of |z_j|; 0 for absent classes
//   SizeOfNumber(b)    b >= 0 as SizeSum takes it

HWY_INLINE M Absent(V x) { return hn::IsInf(x); }

/// Gaps are computed again from x, and radii from them.
template <class B>
class UncappedView {
 public:
  using Ball = B;
  static constexpr bool kCapped = false;

  HWY_INLINE explicit UncappedView(const SoftmaxState& r)
      : r_(r), x_top_(Const(r.x_top)), scale_(Const(r.task.c->problem.scale)) {
    const double scale = r.task.c->problem.scale;
    const bool scaled = scale != 1;
    by_gap_ = Const(XENT_FAULT(23, 0.0, GapError<B>::ByGap(scaled)));
    tiny_ = Const(scaled ? kTinyTerm : 0);
    gap_up_ = Const(scale * XENT_FAULT(26, 1 - 0x1p-50, 1 + 0x1p-50));
    size_up_ = Const(scaled ? std::fabs(scale) * (1 + 0x1p-50) : 1);
  }

  HWY_INLINE M AtTop(V x) const { return hn::Eq(x, x_top_); }
  HWY_INLINE B Gap(V x) const {
    const V inside = hn::IfThenElse(Absent(x), x_top_, x);
    B gap;
    if constexpr (kIsPair<B>) {
      const Pair d = TwoSum(x_top_, hn::Neg(inside));
      const Pair top = TwoProduct(d.hi, scale_);
      const Pair scaled = FastTwoSum(top.hi, hn::MulAdd(d.lo, scale_, top.lo));
      gap.hi = scaled.hi;
      gap.lo = scaled.lo;
    } else {
      gap.mid = hn::Mul(hn::Sub(x_top_, inside), scale_);
    }
    gap.rad = hn::MulAdd(Top(gap), by_gap_, tiny_);
    return gap;
  }
  HWY_INLINE Ball1 ExpOfGap(const Ball1& gap) const {
    const V e = ExpDouble(hn::Max(hn::Neg(gap.mid), Const(-kDeep)));
    return {e, Radius(e, gap.mid)};
  }
  HWY_INLINE Ball2 ExpOfGap(const Ball2& gap) const {
    const M deep = hn::Gt(gap.hi, Const(kDeep));
    const Pair e = ExpPair({hn::IfThenElse(deep, Const(-kDeep), hn::Neg(gap.hi)),
                            hn::IfThenZeroElse(deep, hn::Neg(gap.lo))});
    return {e.hi, e.lo, Radius(e.hi, gap.hi)};
  }
  HWY_INLINE void Keep(std::int64_t j, V, const B& e, const B&) const { StoreWords(e, r_, j); }
  HWY_INLINE V GapUp(std::int64_t, V x) const {
    const V gap = hn::MulAdd(hn::Sub(x_top_, x), gap_up_, tiny_);
    return hn::IfThenElse(Absent(x), Const(std::numeric_limits<double>::infinity()), gap);
  }
  HWY_INLINE B Exponential(std::int64_t j, V gap_up) const {
    B e;
    LoadWords(e, r_, j);
    e.rad = Radius(Top(e), gap_up);
    return e;
  }
  HWY_INLINE V SizeUp(V x) const {
    return hn::IfThenZeroElse(Absent(x), hn::MulAdd(hn::Abs(x), size_up_, tiny_));
  }
  /// But for relative errors, which the slack of SizeSum covers.
  HWY_INLINE V SizeOfNumber(const B& b) const { return Top(b); }

 private:
  HWY_INLINE V Radius(V e, V gap) const {
    const V relative = hn::MulAdd(hn::Min(gap, Const(kDeep)), by_gap_, Const(GapError<B>::kFixed));
    return hn::MulAdd(e, relative, Const(kTinyTerm));
  }

  const SoftmaxState& r_;
  V x_top_, scale_, by_gap_, tiny_, gap_up_, size_up_;
};

/// Gaps and radii are kept.
template <class B>
class CappedView {
 public:
  using Ball = B;
  static constexpr bool kCapped = true;

  HWY_INLINE explicit CappedView(const SoftmaxState& r)
      : r_(r),
        logit_(r.task.c->problem),
        x_top_(Const(r.x_top)),
        from_top_(logit_.Capped(x_top_)) {}

  HWY_INLINE M AtTop(V x) const { return hn::Eq(x, x_top_); }
  HWY_INLINE B Gap(V x) const {
    return logit_.Difference(from_top_, x_top_, hn::IfThenElse(Absent(x), x_top_, x));
  }
  HWY_INLINE B ExpOfGap(const B& gap) const { return Exp(Neg(gap)); }
  HWY_INLINE void Keep(std::int64_t j, V x, const B& e, const B& gap) const {
    StoreWords(e, r_, j);
    hn::StoreU(e.rad, D(), r_.e_rad + j);
    const V infinite = Const(std::numeric_limits<double>::infinity());
    hn::StoreU(hn::IfThenElse(Absent(x), infinite, Upper(gap)), D(), r_.gap + j);
  }
  HWY_INLINE V GapUp(std::int64_t j, V) const { return hn::LoadU(D(), r_.gap + j); }
  HWY_INLINE B Exponential(std::int64_t j, V) const {
    B e;
    LoadWords(e, r_, j);
    e.rad = hn::LoadU(D(), r_.e_rad + j);
    return e;
  }
  HWY_INLINE V SizeUp(V x) const {
    return hn::IfThenZeroElse(Absent(x), MagnitudeUpper(logit_(x)));
  }
  HWY_INLINE V SizeOfNumber(const B& b) const { return Upper(b); }
  HWY_INLINE B Slope(V x) const { return logit_.Slope(x); }

 private:
  const SoftmaxState& r_;
  LogitOf<B> logit_;
  V x_top_;
  TanhDifference<B> from_top_;
};

}  // namespace softmax
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
