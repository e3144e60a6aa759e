// SPDX-License-Identifier: Apache-2.0
// Vectors of doubles and of unevaluated sums of two, without error bounds.
#if defined(XENT_ORACLE_SIMD_PAIR_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_PAIR_INL_H
#undef XENT_ORACLE_SIMD_PAIR_INL_H
#else
#define XENT_ORACLE_SIMD_PAIR_INL_H
#endif

#include <cstdint>
#include <limits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using V = hn::Vec<D>;
using M = hn::Mask<D>;
using U64 = hn::RebindToUnsigned<D>;
using Bits = hn::Vec<U64>;

/// hi + lo, |lo| <= u |hi|: at most half a unit in the last place of hi.
struct Pair {
  V hi, lo;
};

HWY_INLINE V Const(double c) { return hn::Set(D(), c); }
HWY_INLINE V Infinite() { return Const(std::numeric_limits<double>::infinity()); }

/// a + b = hi + lo exactly, unless hi overflows; then lo is NaN.
HWY_INLINE Pair TwoSum(V a, V b) {
  const V hi = hn::Add(a, b);
  const V b_part = hn::Sub(hi, a);
  const V a_error = hn::Sub(a, hn::Sub(hi, b_part));
  return {hi, hn::Add(a_error, hn::Sub(b, b_part))};
}

/// The same where |a| >= |b| or a = 0.
HWY_INLINE Pair FastTwoSum(V a, V b) {
  const V hi = hn::Add(a, b);
  return {hi, hn::Sub(b, hn::Sub(hi, a))};
}

/// a b = hi + lo exactly, unless |a b| < 2^-960: then lo errs by at most 2^-1075.
HWY_INLINE Pair TwoProduct(V a, V b) {
  const V hi = hn::Mul(a, b);
  return {hi, hn::MulSub(a, b, hi)};
}

/// AccurateDWPlusDW: relative error <= 3 u^2 / (1 - 4 u) for any signs (Joldes, Muller, Popescu,
/// ACM TOMS 44(2), 2017).
HWY_INLINE Pair AddPairs(Pair a, Pair b) {
  const Pair s = TwoSum(a.hi, b.hi);
  const Pair t = TwoSum(a.lo, b.lo);
  const Pair v = FastTwoSum(s.hi, hn::Add(s.lo, t.hi));
  return FastTwoSum(v.hi, hn::Add(t.lo, v.lo));
}

/// In the low 52 bits of k + kInteger stands the integer k, counted from 2^51; |k| < 2^50.
inline constexpr double kInteger = 0x1.8p52;

/// 2^(field - 1023) for the field in the low 11 bits, 1 <= field <= 2046.
HWY_INLINE V PowerOfField(Bits field) {
  return hn::BitCast(D(), hn::ShiftLeft<52>(field));
}

/// Multiplies by 2^k in two steps: one rounding, and only where the result is below 2^-1022.
class TimesPower {
 public:
  /// `bits`: those of k + kInteger; -2040 <= k <= 2044.
  HWY_INLINE explicit TimesPower(Bits bits) {
    const Bits biased =
        hn::And(hn::Add(bits, hn::Set(U64(), 2048)), hn::Set(U64(), 4095));  // k + 2048
    const Bits half = hn::ShiftRight<1>(biased);
    const Bits offset = hn::Set(U64(), 1024 - 1023);
    first_ = PowerOfField(hn::Sub(half, offset));
    second_ = PowerOfField(hn::Sub(hn::Sub(biased, half), offset));
  }
  HWY_INLINE V operator()(V x) const { return hn::Mul(hn::Mul(x, first_), second_); }
  HWY_INLINE Pair operator()(Pair x) const { return {(*this)(x.hi), (*this)(x.lo)}; }

 private:
  V first_, second_;
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
