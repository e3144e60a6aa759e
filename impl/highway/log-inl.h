// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_LOG_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_LOG_INL_H
#undef XENT_HIGHWAY_LOG_INL_H
#else
#define XENT_HIGHWAY_LOG_INL_H
#endif

#include <cstddef>
#include <iterator>
#include <limits>

#include "hwy/highway.h"
#include "impl/highway/log_constants.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// e and m of x = 2^e m, least <= m < 2 least, of positive normal x; e as integer and as number.
template <class D>
struct LogSplit {
  using C = LogConstants<hn::TFromD<D>>;
  hn::Vec<hn::RebindToSigned<D>> exponent;
  hn::Vec<D> e;
  hn::Vec<D> m;

  HWY_INLINE LogSplit(D d, hn::Vec<D> x, hn::Vec<D> least) {
    const hn::RebindToSigned<D> di;
    const auto bits = hn::BitCast(di, x);
    exponent = hn::ShiftRight<C::mantissa_bits>(hn::Sub(bits, hn::BitCast(di, least)));
    m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<C::mantissa_bits>(exponent)));
    const auto magic = hn::Set(d, C::to_integer);
    e = hn::Sub(hn::BitCast(d, hn::Add(exponent, hn::BitCast(di, magic))), magic);
  }

  /// m - 1 of 1 + x, exact where Log1p says.
  HWY_INLINE hn::Vec<D> Minus1(D d, hn::Vec<D> x) const {
    const hn::RebindToSigned<D> di;
    const auto power = hn::BitCast(
        d, hn::ShiftLeft<C::mantissa_bits>(hn::Sub(hn::Set(di, C::bias), exponent)));
    return hn::MulAdd(x, power, hn::Sub(power, hn::Set(d, hn::TFromD<D>(1))));
  }
};

/// e log 2 + log(1 + f), f in [-0.293, 1/2]. What the first sum rounds off is kept: e = 0 or
/// |e ln2_hi| >= |f|.
template <class D>
HWY_INLINE hn::Vec<D> LogOfSplit(D d, hn::Vec<D> e, hn::Vec<D> f) {
  using C = LogConstants<hn::TFromD<D>>;
  auto q = hn::Set(d, std::end(C::coefficient)[-1]);
  for (std::size_t i = std::size(C::coefficient) - 1; i-- > 0;) {
    q = hn::MulAdd(q, f, hn::Set(d, C::coefficient[i]));
  }
  q = hn::MulAdd(q, f, hn::Set(d, hn::TFromD<D>(-0.5)));
  const auto high = hn::Mul(e, hn::Set(d, C::ln2_hi));
  const auto sum = hn::Add(high, f);
  const auto low = hn::MulAdd(e, hn::Set(d, C::ln2_lo), hn::Add(hn::Sub(high, sum), f));
  return hn::Add(sum, hn::MulAdd(hn::Mul(f, f), q, low));
}

/// y = log of x > 0; of 0 -inf, of negative numbers NaN; inf and NaN stay.
template <class D>
HWY_INLINE hn::Vec<D> LogWithEdges(D d, hn::Vec<D> x, hn::Vec<D> y) {
  using L = std::numeric_limits<hn::TFromD<D>>;
  const auto infinity = hn::Set(d, L::infinity());
  const auto other = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity),
                                    hn::Set(d, L::quiet_NaN()));
  const auto above = hn::IfThenElse(hn::Lt(x, infinity), y, x);
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), above, other);
}

/// log x, subnormal x too. Relative error: kHighwayLog.
template <class D>
HWY_INLINE hn::Vec<D> Log(D d, hn::Vec<D> x) {
  using C = LogConstants<hn::TFromD<D>>;
  const auto subnormal = hn::Lt(x, hn::Set(d, C::least_normal));
  const auto normal = hn::IfThenElse(subnormal, hn::Mul(x, hn::Set(d, C::lifting)), x);
  const LogSplit<D> split(d, normal, hn::Set(d, C::root_half));
  const auto e = hn::Sub(split.e, hn::IfThenElseZero(subnormal, hn::Set(d, C::lift)));
  const auto f = hn::Sub(split.m, hn::Set(d, hn::TFromD<D>(1)));
  return LogWithEdges(d, x, LogOfSplit(d, e, f));
}

/// log(1 + x), relative to itself near 0 too: kHighwayLog; -0 gives 0. 1 + x = 2^e (1 + f) with
/// f = x 2^-e - (1 - 2^-e), exact by Sterbenz: for e > 0, x 2^-e is between half and twice
/// 1 - 2^-e, as 1 + f is in [3/4, 3/2); for e < 0, -x 2^-e between half and twice 2^-e - 1, as
/// x < -0.29.
template <class D>
HWY_INLINE hn::Vec<D> Log1p(D d, hn::Vec<D> x) {
  using C = LogConstants<hn::TFromD<D>>;
  const auto one = hn::Set(d, hn::TFromD<D>(1));
  const auto sum = hn::Add(one, x);
  const auto least = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Set(d, C::root_half),
                                    hn::Set(d, hn::TFromD<D>(0.75)));
  const LogSplit<D> split(d, sum, least);
  const auto f = hn::IfThenElse(hn::Lt(x, hn::Set(d, C::one_is_lost)), split.Minus1(d, x),
                                hn::Sub(split.m, one));
  return LogWithEdges(d, sum, LogOfSplit(d, split.e, f));
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
