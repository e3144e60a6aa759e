// SPDX-License-Identifier: Apache-2.0
// Logarithms of doubles and pairs, without the radii of their arguments. Lemmas L22, L23.
#if defined(XENT_ORACLE_SIMD_LOG_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_LOG_INL_H
#undef XENT_ORACLE_SIMD_LOG_INL_H
#else
#define XENT_ORACLE_SIMD_LOG_INL_H
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "oracle/simd/claims.h"
#include "oracle/simd/constants.h"
#include "oracle/simd/exp-inl.h"
#include "oracle/simd/fault.h"
#include "oracle/simd/pair-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// A positive double is 2^e m, 3/4 <= m < 3/2. Right for 0 < x <= 2^1000.
class BinaryScale {
 public:
  HWY_INLINE explicit BinaryScale(V x) {
    const M small = hn::Lt(x, Const(0x1p-900));
    lift_ = hn::IfThenElse(small, Const(0x1p200), Const(1.0));
    // The bits of 3/4 and of 3/2 differ by 2^52: e + 1024 is the quotient.
    const Bits offset = hn::Set(U64(), std::uint64_t{0x4000 - 0x3FE8} << 48);
    const Bits bits = hn::Add(hn::BitCast(U64(), hn::Mul(x, lift_)), offset);
    const Bits e = hn::ShiftRight<52>(bits);
    down_ = PowerOfField(hn::Sub(hn::Set(U64(), 1023 + 1024), e));
    const V two_52_and_e = hn::BitCast(D(), hn::Or(e, hn::Set(U64(), std::uint64_t{0x433} << 52)));
    exponent = hn::Sub(hn::Sub(two_52_and_e, Const(0x1p52 + 1024)),
                       hn::IfThenElseZero(small, Const(200.0)));
  }
  /// x 2^-e.
  HWY_INLINE V operator()(V x) const { return hn::Mul(hn::Mul(x, lift_), down_); }

  V exponent;

 private:
  V lift_, down_;
};

/// L22: log(1 + f) (1 + e), |e| <= claims::kLog1 / (1 + u), for -1/4 <= f <= 1/2.
HWY_INLINE V Log1pNear(V f) {
  namespace c = constants;
  const V s = hn::Div(f, hn::Add(Const(2.0), f));
  const V z = hn::Mul(s, s);
  V r = Const(c::kLog1[8]);
  for (int i = 7; i >= 0; --i) r = hn::MulAdd(r, z, Const(c::kLog1[i]));
  const V twice = hn::Add(s, s);
  return hn::MulAdd(twice, hn::Mul(z, r), twice);
}

/// |x - value| <= rad, the rounding of rad not counted.
struct Log1Result {
  V value, rad;
};

/// e ln 2 + log(1 + f).
HWY_INLINE Log1Result AddExponent(V e, V f) {
  namespace c = constants;
  const V log = Log1pNear(f);
  const V value = hn::MulAdd(e, Const(c::kLn2[0]), log);
  const V rounding = hn::MulAdd(hn::Abs(value), Const(claims::u),
                                hn::Mul(hn::Abs(e), Const(c::kLn2[1] * (1 + claims::u))));
  return {value, hn::MulAdd(hn::Abs(log), Const(claims::kLog1), rounding)};
}

/// L22. 0 < x <= 2^1000.
HWY_INLINE Log1Result LogDouble(V x) {
  const BinaryScale scale(x);
  return AddExponent(scale.exponent, hn::Sub(scale(x), Const(1.0)));
}

/// L22: log(1 + x), 2^-53 <= 1 + x <= 2^1000. Where e = 0, f is x itself.
HWY_INLINE Log1Result Log1pDouble(V x) {
  const Pair sum = TwoSum(Const(1.0), x);
  const BinaryScale scale(sum.hi);
  const V f = hn::Add(hn::Sub(scale(sum.hi), Const(1.0)), scale(sum.lo));
  const V e = scale.exponent;
  return AddExponent(e, hn::IfThenElse(hn::Eq(e, hn::Zero(D())), x, f));
}

struct Log2Result {
  Pair value;
  V rad;  ///< infinite where the residual is too large to be trusted
};

/// L23: e ln 2 + log(1 + f). With any guess y, log(1 + f) = y - log(1 - d) where
/// d = (f - (e^y - 1)) / (1 + f); a good one makes d small.
HWY_INLINE Log2Result AddExponent(V e, Pair f) {
  namespace c = constants;
  constexpr double u = claims::u;
  const V guess = Log1pNear(f.hi);
  const V y = XENT_FAULT(9, hn::Mul(guess, Const(1 + 0x1p-12)), guess);
  const Expm1Result power = Expm1Pair({y, hn::Zero(D())});
  const V residual = hn::Add(hn::Sub(f.hi, power.value.hi), hn::Sub(f.lo, power.value.lo));
  const V d = hn::Div(residual, hn::Add(Const(1.0), f.hi));
  const V correction = hn::MulAdd(hn::Mul(d, d), Const(0.5), d);
  const Pair log = FastTwoSum(y, XENT_FAULT(8, hn::Zero(D()), correction));

  const V whole = hn::Mul(e, Const(c::kLn2[0]));
  const V rest = hn::MulAdd(e, Const(c::kLn2[1]), hn::MulSub(e, Const(c::kLn2[0]), whole));
  const Pair value = AddPairs(FastTwoSum(whole, rest), log);

  // e^y is nearly 1 + f, which is nearly 1 near zero; |f| / (1 + f) <= 1.16 |log(1 + f)|.
  const V near = hn::Mul(Expm1NearError(hn::Abs(y)), Const(1.01));
  V rad = hn::IfThenElse(power.near_zero, near, Const(1.001 * claims::kExpm1Log));
  rad = hn::MulAdd(hn::Abs(y), Const(2.4 * u * u), rad);
  rad = hn::MulAdd(hn::Abs(d), Const(4.5 * u), rad);
  // AddPairs adds an exact 0 where e is 0.
  const V scaled = hn::MulAdd(hn::Abs(value.hi), Const(3.01 * u * u),
                              hn::Mul(hn::Abs(e), Const(1.5 * u * u)));
  rad = hn::Add(rad, hn::IfThenElseZero(hn::Ne(e, hn::Zero(D())), scaled));
  const V gate =
      hn::MulAdd(hn::Abs(f.hi), Const(XENT_FAULT(9, 1.0, 0x1p-44)), Const(0x1p-1020));
  return {value, hn::IfThenElse(hn::Le(hn::Abs(d), gate), rad, Infinite())};
}

/// L23. 0 < x <= 2^1000.
HWY_INLINE Log2Result LogPair(Pair x) {
  const BinaryScale scale(x.hi);
  return AddExponent(scale.exponent, FastTwoSum(hn::Sub(scale(x.hi), Const(1.0)), scale(x.lo)));
}

/// L23: log(1 + x), 2^-100 <= 1 + x <= 2^1000. Where e = 0, f is x itself; else 1 + x is rounded,
/// by at most 2 u^2.
HWY_INLINE Log2Result Log1pPair(Pair x) {
  const Pair whole = TwoSum(Const(1.0), x.hi);
  const Pair sum = FastTwoSum(whole.hi, hn::Add(whole.lo, x.lo));
  const BinaryScale scale(sum.hi);
  const M at_one = hn::Eq(scale.exponent, hn::Zero(D()));
  const Pair f = FastTwoSum(hn::Sub(scale(sum.hi), Const(1.0)), scale(sum.lo));
  Log2Result log = AddExponent(scale.exponent, {hn::IfThenElse(at_one, x.hi, f.hi),
                                                hn::IfThenElse(at_one, x.lo, f.lo)});
  log.rad = hn::Add(log.rad, hn::IfThenZeroElse(at_one, Const(2.1 * claims::u * claims::u)));
  return log;
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
