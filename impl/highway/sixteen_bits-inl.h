// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_SIXTEEN_BITS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_SIXTEEN_BITS_INL_H
#undef XENT_HIGHWAY_SIXTEEN_BITS_INL_H
#else
#define XENT_HIGHWAY_SIXTEEN_BITS_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include "core/dtype.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Bits = hn::CappedTag<std::uint32_t, 16>;
using BitsV = hn::Vec<Bits>;

template <std::uint32_t x>
HWY_INLINE BitsV FixedBits() {
  return hn::Set(Bits(), x);
}
/// Of numbers below 2^31.
HWY_INLINE BitsV IfGreater(BitsV a, BitsV b, BitsV yes, BitsV no) {
  const hn::RebindToSigned<Bits> d;
  const auto greater = hn::Gt(hn::BitCast(d, a), hn::BitCast(d, b));
  return hn::BitCast(Bits(), hn::IfThenElse(greater, hn::BitCast(d, yes), hn::BitCast(d, no)));
}
/// Bits of the sum of two binary32 numbers.
HWY_INLINE BitsV SumOfFloats(BitsV a, float b) {
  const hn::RebindToFloat<Bits> d;
  return hn::BitCast(Bits(), hn::Add(hn::BitCast(d, a), hn::Set(d, b)));
}
/// All but the lowest `bits` bits, rounded to nearest, ties to even.
template <int bits>
HWY_INLINE BitsV RoundedOff(BitsV x) {
  const auto odd = hn::And(hn::ShiftRight<bits>(x), FixedBits<1>());
  return hn::ShiftRight<bits>(hn::Add(x, hn::Add(odd, FixedBits<(1u << (bits - 1)) - 1>())));
}

/// Bits of binary32 from those of a 16-bit type, exactly, and back, rounded to nearest even. NaN
/// keeps its sign and upper bits, and comes back quiet: as core/dtype.h has them.
struct Bf16Bits {
  static HWY_INLINE BitsV Widened(BitsV x) { return hn::ShiftLeft<16>(x); }
  static HWY_INLINE BitsV Narrowed(BitsV x) {
    const auto quiet = hn::ShiftRight<16>(hn::Or(x, FixedBits<0x400000>()));
    const auto magnitude = hn::And(x, FixedBits<0x7fffffff>());
    return IfGreater(magnitude, FixedBits<0x7f800000>(), quiet, RoundedOff<16>(x));
  }
};

struct F16Bits {
  /// Exponents are 112 higher, those of infinity and NaN 224. A subnormal number is the fraction of
  /// 2^-14 more, less 2^-14.
  static HWY_INLINE BitsV Widened(BitsV x) {
    const auto sign = hn::ShiftLeft<16>(hn::And(x, FixedBits<0x8000>()));
    const auto magnitude = hn::ShiftLeft<13>(hn::And(x, FixedBits<0x7fff>()));
    const auto normal = hn::Add(magnitude, FixedBits<112u << 23>());
    const auto subnormal = SumOfFloats(hn::Add(magnitude, FixedBits<113u << 23>()), -0x1p-14f);
    const auto number = IfGreater(FixedBits<0x800000>(), magnitude, subnormal, normal);
    const auto beyond = hn::Add(normal, FixedBits<112u << 23>());
    return hn::Or(sign, IfGreater(magnitude, FixedBits<0xf7fffff>(), beyond, number));
  }
  /// Below 2^-14 the sum with 1/2, whose last bit is 2^-24, does the rounding.
  static HWY_INLINE BitsV Narrowed(BitsV x) {
    const auto sign = hn::And(hn::ShiftRight<16>(x), FixedBits<0x8000>());
    const auto magnitude = hn::And(x, FixedBits<0x7fffffff>());
    const auto normal = RoundedOff<13>(hn::Sub(magnitude, FixedBits<112u << 23>()));
    const auto subnormal = hn::Sub(SumOfFloats(magnitude, 0.5f), FixedBits<0x3f000000>());
    const auto number = IfGreater(FixedBits<0x38800000>(), magnitude, subnormal, normal);
    const auto payload = hn::And(hn::ShiftRight<13>(magnitude), FixedBits<0x3ff>());
    const auto beyond = IfGreater(magnitude, FixedBits<0x7f800000>(),
                                  hn::Or(payload, FixedBits<0x7e00>()), FixedBits<0x7c00>());
    return hn::Or(sign, IfGreater(magnitude, FixedBits<0x477fffff>(), beyond, number));
  }
};

/// y[i] = f(x[i]) of n numbers' bits. X and Y: unsigned integers of 16 and 32 bits.
template <class X, class Y, class F>
HWY_INLINE void OfBits(const void* from, void* to, std::int64_t n, F f) {
  constexpr auto kWidth = static_cast<std::int64_t>(hn::MaxLanes(Bits()));
  const auto convert = [f](const X* x, Y* y) HWY_ATTR {
    const auto in = hn::LoadU(hn::Rebind<X, Bits>(), x);
    if constexpr (sizeof(X) < sizeof(Y)) {
      hn::StoreU(f(hn::PromoteTo(Bits(), in)), Bits(), y);
    } else {
      const auto out = hn::BitCast(hn::RebindToSigned<Bits>(), f(in));
      const hn::Rebind<Y, Bits> narrow;
      hn::StoreU(hn::DemoteTo(narrow, out), narrow, y);
    }
  };
  const auto* const x = static_cast<const X*>(from);
  auto* const y = static_cast<Y*>(to);
  std::int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) convert(x + i, y + i);
  if (i == n) return;
  X in[kWidth] = {};
  Y out[kWidth];
  std::copy(x + i, x + n, in);
  convert(in, out);
  std::copy_n(out, n - i, y + i);
}

/// n numbers of a type of at most 32 bits, aligned to it, as binary32.
HWY_INLINE void Widen(DType dtype, const void* from, float* to, std::int64_t n) {
  using U16 = std::uint16_t;
  using U32 = std::uint32_t;
  const auto bf16 = [](BitsV x) HWY_ATTR { return Bf16Bits::Widened(x); };
  const auto f16 = [](BitsV x) HWY_ATTR { return F16Bits::Widened(x); };
  if (dtype == DType::bf16) OfBits<U16, U32>(from, to, n, bf16);
  else if (dtype == DType::f16) OfBits<U16, U32>(from, to, n, f16);
  else std::copy_n(static_cast<const float*>(from), n, to);
}

/// And back.
HWY_INLINE void Narrow(DType dtype, const float* from, void* to, std::int64_t n) {
  using U16 = std::uint16_t;
  using U32 = std::uint32_t;
  const auto bf16 = [](BitsV x) HWY_ATTR { return Bf16Bits::Narrowed(x); };
  const auto f16 = [](BitsV x) HWY_ATTR { return F16Bits::Narrowed(x); };
  if (dtype == DType::bf16) OfBits<U32, U16>(from, to, n, bf16);
  else if (dtype == DType::f16) OfBits<U32, U16>(from, to, n, f16);
  else std::copy_n(from, n, static_cast<float*>(to));
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
