// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_EXP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_EXP_INL_H
#undef XENT_HIGHWAY_EXP_INL_H
#else
#define XENT_HIGHWAY_EXP_INL_H
#endif

#include <cstddef>
#include <iterator>

#include "hwy/highway.h"
#include "impl/highway/exp_constants.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// exp(x) for x <= 0: exp(0) = 1, exp(-inf) = 0, NaN stays; results below the normal range are
/// rounded gradually. Never above 1: for k = 0 the sum r + r^2 q(r) is <= 0.
template <class D>
HWY_INLINE hn::Vec<D> Exp(D d, hn::Vec<D> x) {
  using T = hn::TFromD<D>;
  using C = ExpConstants<T>;
  const hn::RebindToSigned<D> di;

  const auto magic = hn::Set(d, C::to_integer);
  auto k = hn::Sub(hn::MulAdd(x, hn::Set(d, C::log2_e), magic), magic);
  const auto r =
      hn::NegMulAdd(k, hn::Set(d, C::ln2_lo), hn::NegMulAdd(k, hn::Set(d, C::ln2_hi), x));

  auto q = hn::Set(d, std::end(C::coefficient)[-1]);
  for (std::size_t i = std::size(C::coefficient) - 1; i-- > 0;) {
    q = hn::MulAdd(q, r, hn::Set(d, C::coefficient[i]));
  }
  const auto y = hn::Add(hn::Set(d, T(1)), hn::MulAdd(hn::Mul(r, r), q, r));

  const auto deep = hn::Lt(k, hn::Set(d, C::deep));
  k = hn::Add(k, hn::IfThenElseZero(deep, hn::Set(d, C::lift)));
  // The low bits of k + bias + to_integer are the exponent field of 2^k.
  const auto field = hn::BitCast(di, hn::Add(k, hn::Set(d, C::to_integer + C::bias)));
  const auto power = hn::BitCast(d, hn::ShiftLeft<C::mantissa_bits>(field));
  const auto scaled =
      hn::Mul(hn::Mul(y, power), hn::IfThenElse(deep, hn::Set(d, C::drop), hn::Set(d, T(1))));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, C::lowest)), scaled);
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
