// SPDX-License-Identifier: Apache-2.0
// Elementary functions of balls. Lemmas L20 to L27; include ball-inl.h.
#if defined(XENT_ORACLE_SIMD_BALL_FUNCTIONS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_BALL_FUNCTIONS_INL_H
#undef XENT_ORACLE_SIMD_BALL_FUNCTIONS_INL_H
#else
#define XENT_ORACLE_SIMD_BALL_FUNCTIONS_INL_H
#endif

#include "hwy/highway.h"
#include "oracle/simd/ball_arithmetic-inl.h"
#include "oracle/simd/claims.h"
#include "oracle/simd/constants.h"
#include "oracle/simd/exp-inl.h"
#include "oracle/simd/fault.h"
#include "oracle/simd/log-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

template <class B>
HWY_INLINE B Ln2() {
  namespace c = constants;
  if constexpr (kIsPair<B>) {
    return {Const(c::kLn2[0]), Const(c::kLn2[1]), Const(claims::kLn2)};
  } else {
    return {Const(c::kLn2[0]), Const(c::kLn2[1] * kOutward)};
  }
}

/// e^r - 1 <= r (1 + r) for 0 <= r <= 1, rounded upward; infinite for more.
HWY_INLINE V GrowthOf(V rad) {
  const V growth = hn::Mul(rad, hn::Add(rad, Const(kOutward)));
  return hn::IfThenElse(hn::Le(rad, Const(1.0)), XENT_FAULT(4, hn::Zero(D()), growth), Infinite());
}

/// x < -701 throughout the ball, whose exponential is below kTiny; or else the ball, if it is in
/// the range of the exponentials.
HWY_INLINE M IsDeep(V top, V rad) { return hn::Lt(hn::Add(top, rad), Const(-702.0)); }
HWY_INLINE V RadiusInRange(V top, V rad) {
  return hn::IfThenElse(hn::Le(hn::Abs(top), Const(704.0)), rad, Infinite());
}

/// Any x up to 700; exp of less than -702 is 0 +- kTiny. L20, L21, L27.
HWY_INLINE Ball1 Exp(const Ball1& x) {
  const M deep = IsDeep(x.mid, x.rad);
  const double claim = XENT_FAULT(3, 0.5, 1) * claims::kExp1 * kOutward;
  const V y = hn::IfThenZeroElse(deep, ExpDouble(x.mid));
  const V relative = hn::Add(GrowthOf(RadiusInRange(x.mid, x.rad)), Const(claim));
  const V rad = hn::MulAdd(y, relative, Const(kTiny));
  return {y, hn::IfThenElse(deep, Const(kTiny), rad)};
}
HWY_INLINE Ball2 Exp(const Ball2& x) {
  const M deep = IsDeep(x.hi, x.rad);
  const Pair y = ExpPair(PairOf(x));
  const V relative =
      hn::Add(GrowthOf(RadiusInRange(x.hi, x.rad)), Const(claims::kExp2 * kOutward));
  const V rad = hn::MulAdd(y.hi, relative, Const(kTiny));
  return {hn::IfThenZeroElse(deep, y.hi), hn::IfThenZeroElse(deep, y.lo),
          hn::IfThenElse(deep, Const(kTiny), rad)};
}

/// Radius of a logarithm: its own, and rad / (x - rad) by the mean value, where
/// 0 < least <= x - rad and x <= top is in the range. `zero` is 0 only where the logarithm is.
HWY_INLINE V LogRadius(V own, V rad, V least, V top, V zero) {
  const V sum = hn::Add(own, hn::Div(rad, least));
  const V outward = hn::MulAdd(sum, Const(kOutward), TinyUnlessZero(hn::Add(hn::Abs(zero), rad)));
  const M right = hn::And(hn::Gt(least, hn::Zero(D())), hn::Le(top, Const(0x1p1000)));
  return hn::IfThenElse(right, outward, Infinite());
}

/// x > 0. Relative accuracy wherever x is exact, near 1 too. L22, L23.
HWY_INLINE Ball1 Log(const Ball1& x) {
  const Log1Result log = LogDouble(x.mid);
  const V zero = hn::Sub(x.mid, Const(1.0));
  return {log.value, LogRadius(log.rad, x.rad, hn::Sub(x.mid, x.rad), x.mid, zero)};
}
HWY_INLINE Ball2 Log(const Ball2& x) {
  const Log2Result log = LogPair(PairOf(x));
  const V least = hn::NegMulAdd(x.hi, Const(2 * claims::u), hn::Sub(x.hi, x.rad));
  const V zero = hn::Add(hn::Abs(hn::Sub(x.hi, Const(1.0))), hn::Abs(x.lo));
  return {log.value.hi, log.value.lo, LogRadius(log.rad, x.rad, least, x.hi, zero)};
}

/// x > -1; relative accuracy near 0. 1 + x is rounded by 1 u, and 1 u is for the difference.
HWY_INLINE Ball1 Log1p(const Ball1& x) {
  const Log1Result log = Log1pDouble(x.mid);
  const V more = hn::Add(x.mid, Const(1.0));
  const V least = hn::NegMulAdd(more, Const(2 * claims::u), hn::Sub(more, x.rad));
  return {log.value, LogRadius(log.rad, x.rad, least, more, x.mid)};
}
HWY_INLINE Ball2 Log1p(const Ball2& x) {
  const Log2Result log = Log1pPair(PairOf(x));
  const V more = hn::Add(x.hi, Const(1.0));
  const V low_words = hn::MulAdd(more, Const(2 * claims::u), hn::Abs(x.lo));
  const V least = hn::Sub(hn::Sub(more, x.rad), low_words);
  return {log.value.hi, log.value.lo, LogRadius(log.rad, x.rad, least, more, x.hi)};
}

/// e^x - 1 for doubles and pairs x <= 0.
HWY_INLINE Ball1 Expm1OfExact(const Ball1& x) {
  const V y = Expm1Double(x.mid);
  return {y, hn::MulAdd(hn::Abs(y), Const(claims::kExpm1 * kOutward), TinyUnlessZero(y))};
}
HWY_INLINE Ball2 Expm1OfExact(const Ball2& x) {
  const Expm1Result power = Expm1Pair(PairOf(x));
  const V y = power.value.hi;
  const V near = hn::Mul(Expm1NearError(hn::Abs(y)), Const(kOutward));
  const V rad = hn::IfThenElse(power.near_zero, near, Const(claims::kExpm1Table));
  return {y, power.value.lo, hn::Add(rad, TinyUnlessZero(y))};
}

/// The ball with this number, and radius 0 but for infinities and NaN.
HWY_INLINE Ball1 Centre(const Ball1& x) { return Exact<Ball1>(x.mid); }
HWY_INLINE Ball2 Centre(const Ball2& x) { return {x.hi, x.lo, hn::Abs(hn::Sub(x.hi, x.hi))}; }

/// tanh |x| = (1 - E) / (1 + E), E = e^-2|x|, from 1 - E without cancellation; beyond 40 it is
/// 1 - 2^-114 or more. |tanh'| <= 1: the argument's radius is added.
template <class B>
HWY_INLINE B Tanh(const B& x) {
  const V most = Const(40.0);
  const M far = hn::Gt(hn::Abs(Top(x)), most);
  const B size = IfThenElse(far, Exact<B>(most), Abs(Centre(x)));
  const B m = Expm1OfExact(MulExact(size, Const(-2.0)));
  B y = Div(Neg(m), AddExact(m, Const(2.0)));
  y = Inflate(y, hn::Add(x.rad, hn::IfThenElseZero(far, Const(0x1p-114))));
  return IfThenElse(hn::Lt(Top(x), hn::Zero(D())), Neg(y), y);
}

/// 1 / cosh x = 2 e / (1 + e^2), e = e^-|x|.
template <class B>
HWY_INLINE B Sech(const B& x) {
  const B e = Exp(Neg(Abs(x)));
  return Div(MulExact(e, Const(2.0)), AddExact(Mul(e, e), Const(1.0)));
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
