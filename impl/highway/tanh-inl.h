// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_TANH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_TANH_INL_H
#undef XENT_HIGHWAY_TANH_INL_H
#else
#define XENT_HIGHWAY_TANH_INL_H
#endif

#include <cstddef>
#include <iterator>

#include "hwy/highway.h"
#include "impl/highway/exp_constants.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// exp(x) - 1 for lowest <= x <= 0, relative to itself near 0 too: 2^k (e^r - 1) + (2^k - 1), k and
/// r as in exp_constants.h; for k = 0 that is e^r - 1 = r + r^2 q(r), and r = x.
template <class D>
HWY_INLINE hn::Vec<D> Expm1(D d, hn::Vec<D> x) {
  using C = ExpConstants<hn::TFromD<D>>;
  const hn::RebindToSigned<D> di;
  const auto magic = hn::Set(d, C::to_integer);
  const auto k = hn::Sub(hn::MulAdd(x, hn::Set(d, C::log2_e), magic), magic);
  const auto r =
      hn::NegMulAdd(k, hn::Set(d, C::ln2_lo), hn::NegMulAdd(k, hn::Set(d, C::ln2_hi), x));
  auto q = hn::Set(d, std::end(C::coefficient)[-1]);
  for (std::size_t i = std::size(C::coefficient) - 1; i-- > 0;) {
    q = hn::MulAdd(q, r, hn::Set(d, C::coefficient[i]));
  }
  const auto rest = hn::MulAdd(hn::Mul(r, r), q, r);
  const auto field = hn::BitCast(di, hn::Add(k, hn::Set(d, C::to_integer + C::bias)));
  const auto power = hn::BitCast(d, hn::ShiftLeft<C::mantissa_bits>(field));
  return hn::MulAdd(power, rest, hn::Sub(power, hn::Set(d, hn::TFromD<D>(1))));
}

/// tanh |x| = -E / (2 + E), E = exp(-2 |x|) - 1; the sign is that of x. At most 1; NaN stays.
/// Relative error: kHighwayTanh.
template <class D>
HWY_INLINE hn::Vec<D> Tanh(D d, hn::Vec<D> x) {
  using T = hn::TFromD<D>;
  const auto argument = hn::Mul(hn::Abs(x), hn::Set(d, T(-2)));
  // tanh is 1 long before; what is below would leave the range of 2^k.
  const auto least = hn::Set(d, T(-64));
  const auto e = Expm1(d, hn::IfThenElse(hn::Lt(argument, least), least, argument));
  return hn::CopySign(hn::Div(hn::Neg(e), hn::Add(hn::Set(d, T(2)), e)), x);
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
