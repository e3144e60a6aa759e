// SPDX-License-Identifier: Apache-2.0
// Balls and their arithmetic. Lemmas L24, L25; include ball-inl.h.
#if defined(XENT_ORACLE_SIMD_BALL_ARITHMETIC_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_BALL_ARITHMETIC_INL_H
#undef XENT_ORACLE_SIMD_BALL_ARITHMETIC_INL_H
#else
#define XENT_ORACLE_SIMD_BALL_ARITHMETIC_INL_H
#endif

#include <cmath>
#include <limits>
#include <type_traits>

#include "core/enclosure.h"
#include "hwy/highway.h"
#include "oracle/simd/claims.h"
#include "oracle/simd/fault.h"
#include "oracle/simd/pair-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// |x - mid| <= rad. A radius that is infinite or NaN promises nothing; an operation on an infinity
/// or a NaN, or that overflows, ends in one, unless it has a limit there (exp, tanh, sech).
struct Ball1 {
  V mid, rad;
};

/// |x - (hi + lo)| <= rad, |lo| <= u |hi|.
struct Ball2 {
  V hi, lo, rad;
};

template <class B>
inline constexpr bool kIsPair = std::is_same_v<B, Ball2>;

HWY_INLINE Pair PairOf(const Ball2& b) { return {b.hi, b.lo}; }
HWY_INLINE V Top(const Ball1& b) { return b.mid; }
HWY_INLINE V Top(const Ball2& b) { return b.hi; }

// A radius is computed with at most 12 roundings, each 1 + 2^-53: kOutward covers them. What is
// lost below the normal range is at most a few 2^-1074: kTiny covers it, where the result is not
// exactly 0 (L25). kTiny is not subnormal: such a constant would cost microcode.
inline constexpr double kOutward = 1 + 0x1p-48;
inline constexpr double kTiny = 0x1p-1000;

HWY_INLINE V TinyUnlessZero(V size, double tiny = kTiny) {
  return hn::IfThenElseZero(hn::Ne(size, hn::Zero(D())), Const(tiny));
}

/// |a b| <= SizeOf(a) SizeOf(b) (1 + 2^-50); 0 for exact zeros only.
HWY_INLINE V SizeOf(const Ball1& b) { return hn::Add(hn::Abs(b.mid), b.rad); }
HWY_INLINE V SizeOf(const Ball2& b) {
  return hn::Add(hn::MulAdd(hn::Abs(b.hi), Const(2 * claims::u), hn::Abs(b.hi)), b.rad);
}

template <class B>
HWY_INLINE B Exact(V x) {
  const V rad = hn::Abs(hn::Sub(x, x));  // NaN for infinities
  if constexpr (kIsPair<B>) {
    return {x, hn::Zero(D()), rad};
  } else {
    return {x, rad};
  }
}

template <class B>
HWY_INLINE B Zero() {
  return Exact<B>(hn::Zero(D()));
}

HWY_INLINE Ball1 Neg(const Ball1& b) { return {hn::Neg(b.mid), b.rad}; }
HWY_INLINE Ball2 Neg(const Ball2& b) { return {hn::Neg(b.hi), hn::Neg(b.lo), b.rad}; }

HWY_INLINE Ball1 Abs(const Ball1& b) { return {hn::Abs(b.mid), b.rad}; }
HWY_INLINE Ball2 Abs(const Ball2& b) {
  const M negative = hn::Lt(b.hi, hn::Zero(D()));
  return {hn::Abs(b.hi), hn::IfThenElse(negative, hn::Neg(b.lo), b.lo), b.rad};
}

HWY_INLINE Ball1 IfThenElse(M m, const Ball1& a, const Ball1& b) {
  return {hn::IfThenElse(m, a.mid, b.mid), hn::IfThenElse(m, a.rad, b.rad)};
}
HWY_INLINE Ball2 IfThenElse(M m, const Ball2& a, const Ball2& b) {
  return {hn::IfThenElse(m, a.hi, b.hi), hn::IfThenElse(m, a.lo, b.lo),
          hn::IfThenElse(m, a.rad, b.rad)};
}
HWY_INLINE Ball1 IfThenElseZero(M m, const Ball1& a) {
  return {hn::IfThenElseZero(m, a.mid), hn::IfThenElseZero(m, a.rad)};
}
HWY_INLINE Ball2 IfThenElseZero(M m, const Ball2& a) {
  return {hn::IfThenElseZero(m, a.hi), hn::IfThenElseZero(m, a.lo), hn::IfThenElseZero(m, a.rad)};
}

/// The same number with more doubt; extra >= 0.
template <class B>
HWY_INLINE B Inflate(B b, V extra) {
  b.rad = hn::Mul(hn::Add(b.rad, extra), Const(kOutward));
  return b;
}

/// Sums of doubles are exact below the normal range, so here kTiny is not needed (L25).
HWY_INLINE Ball1 Add(const Ball1& a, const Ball1& b) {
  const V mid = hn::Add(a.mid, b.mid);
  const V rad = hn::MulAdd(hn::Abs(mid), Const(claims::u), hn::Add(a.rad, b.rad));
  return {mid, hn::Mul(rad, Const(kOutward))};
}
HWY_INLINE Ball2 Add(const Ball2& a, const Ball2& b) {
  const Pair sum = AddPairs(PairOf(a), PairOf(b));
  const V size = hn::Abs(sum.hi);
  const V rounding = hn::MulAdd(size, Const(3.01 * claims::u * claims::u), TinyUnlessZero(size));
  return {sum.hi, sum.lo, hn::Mul(hn::Add(rounding, hn::Add(a.rad, b.rad)), Const(kOutward))};
}

template <class B>
HWY_INLINE B Sub(const B& a, const B& b) {
  return Add(a, Neg(b));
}

/// a - b of two doubles: Ball1 rounds, Ball2 does not.
template <class B>
HWY_INLINE B SubExact(V a, V b) {
  if constexpr (kIsPair<B>) {
    const Pair difference = TwoSum(a, hn::Neg(b));
    return {difference.hi, difference.lo, hn::Abs(hn::Sub(difference.lo, difference.lo))};
  } else {
    const V mid = hn::Sub(a, b);
    return {mid, hn::Mul(hn::Abs(mid), Const(claims::u))};
  }
}

HWY_INLINE Ball1 AddExact(const Ball1& a, V b) {
  const V mid = hn::Add(a.mid, b);
  return {mid, hn::Mul(hn::MulAdd(hn::Abs(mid), Const(claims::u), a.rad), Const(kOutward))};
}
/// One rounding, of `low`, which bounds it.
HWY_INLINE Ball2 AddExact(const Ball2& a, V b) {
  const Pair top = TwoSum(a.hi, b);
  const V low = hn::Add(top.lo, a.lo);
  const Pair sum = TwoSum(top.hi, low);
  const V rad = hn::MulAdd(hn::Abs(low), Const(claims::u), a.rad);
  return {sum.hi, sum.lo, hn::Mul(rad, Const(kOutward))};
}

HWY_INLINE Ball1 Mul(const Ball1& a, const Ball1& b) {
  const V mid = hn::Mul(a.mid, b.mid);
  const V a_size = SizeOf(a), b_mid = hn::Abs(b.mid);
  V rad = hn::MulAdd(hn::Abs(mid), Const(claims::u), hn::Mul(a_size, b.rad));
  rad = hn::Mul(hn::MulAdd(b_mid, a.rad, rad), Const(kOutward));
  const V tiny = hn::IfThenElseZero(hn::Ne(a_size, hn::Zero(D())),
                                    TinyUnlessZero(hn::Add(b_mid, b.rad)));
  return {mid, hn::Add(rad, tiny)};
}

/// L24: without lo lo, errs by at most 6.01 u^2.
HWY_INLINE Ball2 Mul(const Ball2& a, const Ball2& b) {
  const Pair top = TwoProduct(a.hi, b.hi);
  const V b_lo = XENT_FAULT(13, hn::Zero(D()), b.lo);
  const V low = hn::MulAdd(a.hi, b_lo, hn::MulAdd(a.lo, b.hi, top.lo));
  const Pair product = FastTwoSum(top.hi, low);
  const V a_size = SizeOf(a), b_mid = hn::Abs(b.hi);
  V rad = hn::MulAdd(hn::Abs(top.hi), Const(6.01 * claims::u * claims::u), hn::Mul(a_size, b.rad));
  rad = hn::Mul(hn::MulAdd(b_mid, a.rad, rad), Const(kOutward));
  const V tiny = hn::IfThenElseZero(hn::Ne(a_size, hn::Zero(D())),
                                    TinyUnlessZero(hn::Add(b_mid, b.rad)));
  return {product.hi, product.lo, hn::Add(rad, tiny)};
}

HWY_INLINE Ball1 MulExact(const Ball1& a, V c) {
  const V mid = hn::Mul(a.mid, c);
  const V rad = hn::MulAdd(hn::Abs(mid), Const(claims::u), hn::Mul(a.rad, hn::Abs(c)));
  const V tiny = hn::IfThenElseZero(hn::Ne(c, hn::Zero(D())), TinyUnlessZero(SizeOf(a)));
  return {mid, hn::MulAdd(rad, Const(kOutward), tiny)};
}
/// L24: errs by at most 2.01 u^2.
HWY_INLINE Ball2 MulExact(const Ball2& a, V c) {
  const Pair top = TwoProduct(a.hi, c);
  const Pair product = FastTwoSum(top.hi, hn::MulAdd(a.lo, c, top.lo));
  const V rad = hn::MulAdd(hn::Abs(top.hi), Const(2.01 * claims::u * claims::u),
                           hn::Mul(a.rad, hn::Abs(c)));
  const V tiny = hn::IfThenElseZero(hn::Ne(c, hn::Zero(D())), TinyUnlessZero(SizeOf(a)));
  return {product.hi, product.lo, hn::MulAdd(rad, Const(kOutward), tiny)};
}

/// Radius of a quotient q = a / b: (a.rad + |q| b.rad) / (|b| - b.rad), and the rounding; nothing
/// is promised where b may be 0. What is lost below the normal range is divided by b, too.
HWY_INLINE V QuotientRadius(V q, V a_size, V a_rad, V b_least, V b_rad, double rounding) {
  const V lost = TinyUnlessZero(a_size, 0x1p-1020);
  const V doubt =
      hn::MulAdd(hn::Abs(q), XENT_FAULT(15, hn::Zero(D()), b_rad), hn::Add(a_rad, lost));
  const V rad = hn::MulAdd(hn::Abs(q), Const(rounding), hn::Div(doubt, b_least));
  const V outward = hn::MulAdd(rad, Const(kOutward), TinyUnlessZero(a_size));
  return hn::IfThenElse(hn::Gt(b_least, hn::Zero(D())), outward, Infinite());
}

HWY_INLINE Ball1 Div(const Ball1& a, const Ball1& b) {
  const V q = hn::Div(a.mid, b.mid);
  const V least = hn::Sub(hn::Abs(b.mid), b.rad);
  return {q, QuotientRadius(q, SizeOf(a), a.rad, least, b.rad, claims::u)};
}

/// L24: one step of long division, errs by at most 11.01 u^2.
HWY_INLINE Ball2 Div(const Ball2& a, const Ball2& b) {
  const V q = hn::Div(a.hi, b.hi);
  const V rest = hn::Add(hn::NegMulAdd(q, b.lo, hn::NegMulAdd(q, b.hi, a.hi)), a.lo);
  const Pair quotient = FastTwoSum(q, hn::Div(rest, b.hi));
  const V b_mid = hn::Abs(b.hi);
  const V least = hn::Sub(hn::NegMulAdd(b_mid, Const(2 * claims::u), b_mid), b.rad);
  return {quotient.hi, quotient.lo,
          QuotientRadius(q, SizeOf(a), a.rad, least, b.rad, 11.01 * claims::u * claims::u)};
}

/// Bounds of x, rounded outward; NaN or infinite where nothing is promised.
HWY_INLINE V Outward(V sum, V part, double direction) {
  const V size = hn::Add(hn::Abs(sum), hn::Abs(part));
  return hn::MulAdd(size, Const(XENT_FAULT(14, -4, 4) * direction * claims::u), sum);
}
HWY_INLINE V Upper(const Ball1& b) { return Outward(hn::Add(b.mid, b.rad), hn::Zero(D()), 1); }
HWY_INLINE V Lower(const Ball1& b) { return Outward(hn::Sub(b.mid, b.rad), hn::Zero(D()), -1); }
HWY_INLINE V Upper(const Ball2& b) {
  const V part = hn::Add(b.lo, b.rad);
  return Outward(hn::Add(b.hi, part), part, 1);
}
HWY_INLINE V Lower(const Ball2& b) {
  const V part = hn::Sub(b.lo, b.rad);
  return Outward(hn::Add(b.hi, part), part, -1);
}
template <class B>
HWY_INLINE V MagnitudeUpper(const B& b) {
  return Upper(Abs(b));
}

/// One number of a row in every lane. Where the enclosure is not of a number, nothing is promised.
template <class B>
HWY_INLINE B FromEnclosure(const Enclosure& e) {
  const double rad = e.is_number() ? e.rad : std::numeric_limits<double>::infinity();
  if constexpr (kIsPair<B>) {
    return {Const(e.hi), Const(e.lo), Const(rad)};
  } else {
    return {Const(e.hi), Const((std::abs(e.lo) + rad) * kOutward)};
  }
}

/// Radius infinite, and the number 0, where the ball promises nothing.
HWY_INLINE Enclosure EnclosureOf(double hi, double lo, double rad) {
  const double all = hi + lo + rad;
  if (!(std::abs(all) <= std::numeric_limits<double>::max())) {
    return {Enclosure::Kind::number, 0, 0, std::numeric_limits<double>::infinity()};
  }
  return {Enclosure::Kind::number, hi, lo, rad};
}

HWY_INLINE double LaneOf(V v, std::size_t i) {
  HWY_ALIGN double lanes[HWY_LANES(double)];
  hn::Store(v, D(), lanes);
  return lanes[i];
}
HWY_INLINE Enclosure Lane(const Ball1& b, std::size_t i) {
  return EnclosureOf(LaneOf(b.mid, i), 0, LaneOf(b.rad, i));
}
HWY_INLINE Enclosure Lane(const Ball2& b, std::size_t i) {
  return EnclosureOf(LaneOf(b.hi, i), LaneOf(b.lo, i), LaneOf(b.rad, i));
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
