// SPDX-License-Identifier: Apache-2.0
// exp and exp - 1 of doubles and pairs, without radii. Lemmas L19, L20, L21.
#if defined(XENT_ORACLE_SIMD_EXP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_EXP_INL_H
#undef XENT_ORACLE_SIMD_EXP_INL_H
#else
#define XENT_ORACLE_SIMD_EXP_INL_H
#endif

#include "hwy/highway.h"
#include "oracle/simd/claims.h"
#include "oracle/simd/constants.h"
#include "oracle/simd/fault.h"
#include "oracle/simd/pair-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// x = k ln 2 + r (L19), |r| <= 0.34658, and t = e^r - 1 (L20).
struct ExpParts1 {
  V k, t;
  Bits bits;  ///< of k + kInteger
};

HWY_INLINE ExpParts1 SplitExp(V x) {
  namespace c = constants;
  const V shifted = hn::MulAdd(x, Const(c::kLog2E), Const(kInteger));
  const V k = hn::Sub(shifted, Const(kInteger));
  const V exact = hn::NegMulAdd(k, Const(c::kLn2[0]), x);
  const V r = hn::NegMulAdd(k, Const(XENT_FAULT(1, 0.0, c::kLn2[1])), exact);
  V q = hn::MulAdd(Const(c::kExp1[9]), r, Const(c::kExp1[8]));
  for (int i = 7; i > 2; --i) q = hn::MulAdd(q, r, Const(c::kExp1[i]));
  q = hn::MulAdd(q, r, Const(XENT_FAULT(2, 0x1.555555555f000p-5, c::kExp1[2])));
  q = hn::MulAdd(q, r, Const(c::kExp1[1]));
  q = hn::MulAdd(q, r, Const(c::kExp1[0]));
  return {k, hn::MulAdd(hn::Mul(r, r), q, r), hn::BitCast(U64(), shifted)};
}

/// L20: e^x (1 + e), |e| <= claims::kExp1, for |x| <= 704; subnormal results are rounded once more.
HWY_INLINE V ExpDouble(V x) {
  const ExpParts1 parts = SplitExp(x);
  return TimesPower(parts.bits)(hn::Add(Const(1.0), parts.t));
}

/// L20: (e^x - 1) (1 + e), |e| <= claims::kExpm1, for -704 <= x <= 0.
HWY_INLINE V Expm1Double(V x) {
  const ExpParts1 parts = SplitExp(x);
  const V power = TimesPower(parts.bits)(Const(1.0));
  return hn::MulAdd(power, parts.t, hn::Sub(power, Const(1.0)));
}

/// x = (128 e + i) ln 2 / 128 + r (L19), |r| <= 0.00273: x is not changed if e and i are 0.
struct ExpParts2 {
  Pair table;   ///< 2^(i / 128)
  Pair t;       ///< e^r - 1, as hi + lo with |lo| <= 2.1 u |hi|
  M near_zero;  ///< e = i = 0
  Bits bits;    ///< of e + kInteger, but for the bits above the twelfth
};

/// r = x - k ln 2 / 128.
HWY_INLINE Pair ReduceBySteps(Pair x, V k) {
  namespace c = constants;
  const V exact = hn::NegMulAdd(k, Const(c::kStep[0]), x.hi);
  const Pair second = TwoProduct(k, Const(c::kStep[1]));
  const Pair a = TwoSum(exact, hn::Neg(second.hi));
  const Pair b = TwoSum(a.hi, XENT_FAULT(7, hn::Zero(D()), x.lo));
  const V rest = hn::NegMulAdd(k, Const(c::kStep[2]), hn::Add(a.lo, b.lo));
  return TwoSum(b.hi, hn::Sub(rest, XENT_FAULT(5, hn::Zero(D()), second.lo)));
}

/// r p, as product and rest.
HWY_INLINE Pair Times(Pair r, Pair p) {
  const Pair product = TwoProduct(r.hi, p.hi);
  return {product.hi, hn::MulAdd(r.lo, p.hi, hn::MulAdd(r.hi, p.lo, product.lo))};
}

/// c + r p.
HWY_INLINE Pair HornerStep(Pair r, Pair p, double c, double c_lo) {
  const Pair product = Times(r, p);
  const Pair sum = FastTwoSum(Const(c), product.hi);
  return {sum.hi, hn::Add(sum.lo, hn::Add(product.lo, Const(c_lo)))};
}

/// e^r - 1 = r + r^2 (1/2 + r/6 + ...), as hi + lo with |lo| <= 2.1 u |hi|.
HWY_INLINE Pair Expm1Core(Pair r) {
  namespace c = constants;
  V q = hn::MulAdd(Const(c::kTaylor[7]), r.hi, Const(c::kTaylor[6]));
  for (int i = 5; i >= 3; --i) q = hn::MulAdd(q, r.hi, Const(c::kTaylor[i]));
  const Pair top = FastTwoSum(Const(c::kTaylor[2]), hn::Mul(r.hi, q));
  Pair p{top.hi, hn::Add(top.lo, Const(c::kTaylorLo[2]))};
  p = HornerStep(r, p, c::kTaylor[1], c::kTaylorLo[1]);
  p = HornerStep(r, p, c::kTaylor[0], c::kTaylorLo[0]);
  p = HornerStep(r, p, 0.5, 0);
  const Pair rest = Times(r, Times(r, p));
  const Pair sum = FastTwoSum(r.hi, rest.hi);
  return {sum.hi, hn::Add(sum.lo, hn::Add(r.lo, rest.lo))};
}

HWY_INLINE ExpParts2 SplitExp(Pair x) {
  namespace c = constants;
  const V shifted = hn::MulAdd(x.hi, Const(c::kPerStep), Const(kInteger));
  const V k = hn::Sub(shifted, Const(kInteger));
  const Bits bits = hn::BitCast(U64(), shifted);
  const auto i = hn::BitCast(hn::RebindToSigned<D>(), hn::And(bits, hn::Set(U64(), 127)));
  const V lo = XENT_FAULT(6, hn::Zero(D()), hn::GatherIndex(D(), c::kPowerLo, i));
  return {{hn::GatherIndex(D(), c::kPower, i), lo},
          Expm1Core(ReduceBySteps(x, k)),
          hn::Eq(k, hn::Zero(D())),
          hn::ShiftRight<7>(bits)};
}

/// table t, as product and rest.
HWY_INLINE Pair TimesTable(const ExpParts2& parts) {
  const Pair product = TwoProduct(parts.table.hi, parts.t.hi);
  const V rest = hn::MulAdd(parts.table.hi, parts.t.lo, product.lo);
  return {product.hi, hn::MulAdd(parts.table.lo, parts.t.hi, rest)};
}

/// L21: e^x (1 + e), |e| <= claims::kExp2, for |x| <= 704; below 2^-900 the low word loses bits: it
/// errs by at most 2^-1073.
HWY_INLINE Pair ExpPair(Pair x) {
  const ExpParts2 parts = SplitExp(x);
  const Pair product = TimesTable(parts);
  const Pair sum = FastTwoSum(parts.table.hi, product.hi);
  const V lo = hn::Add(sum.lo, hn::Add(product.lo, parts.table.lo));
  return TimesPower(parts.bits)(FastTwoSum(sum.hi, lo));
}

/// L21: error of e^x - 1 near zero, from its size.
HWY_INLINE V Expm1NearError(V size) {
  const V slope = hn::MulAdd(size, Const(claims::kExpm1Slope), Const(1.0));
  return hn::Mul(hn::Mul(size, slope), Const(claims::kExpm1Near));
}

/// e^x - 1 for -704 <= x <= 1/2. L21: near zero it errs by Expm1NearError, else by at most
/// claims::kExpm1Table.
struct Expm1Result {
  Pair value;
  M near_zero;
};

HWY_INLINE Expm1Result Expm1Pair(Pair x) {
  const ExpParts2 parts = SplitExp(x);
  const TimesPower scaled(parts.bits);
  const Pair product = scaled(TimesTable(parts));
  const Pair table = TwoSum(scaled(parts.table.hi), Const(-1.0));
  const Pair sum = TwoSum(table.hi, product.hi);
  const V low_words = hn::Add(hn::Add(product.lo, scaled(parts.table.lo)), table.lo);
  const Pair far = FastTwoSum(sum.hi, hn::Add(sum.lo, low_words));
  const Pair near = FastTwoSum(parts.t.hi, parts.t.lo);
  return {{hn::IfThenElse(parts.near_zero, near.hi, far.hi),
           hn::IfThenElse(parts.near_zero, near.lo, far.lo)},
          parts.near_zero};
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
