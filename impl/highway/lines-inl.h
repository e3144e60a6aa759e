// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_LINES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_LINES_INL_H
#undef XENT_HIGHWAY_LINES_INL_H
#else
#define XENT_HIGHWAY_LINES_INL_H
#endif

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/dtype.h"
#include "hwy/highway.h"
#include "impl/highway/wide_exp-inl.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Bf16 = hwy::bfloat16_t;
using F16 = hwy::float16_t;

/// 64 bytes of elements E, a cache line if they start at one, as binary32 vectors.
/// Part i holds elements i N .. of f32 and f16, and of bf16, whose halves of a 32-bit word are
/// told apart by a shift and a mask, every second one: 2N floor(i/2) + i%2, + 2, ...
template <class E>
struct Line {
  static constexpr std::int64_t kElements = 64 / static_cast<std::int64_t>(sizeof(E));
  static constexpr std::int64_t kLanesOfPart = hn::MaxLanes(F32());
  static constexpr int kParts = static_cast<int>(kElements / kLanesOfPart);
  VF part[kParts];
};

template <class E>
inline constexpr std::int64_t kLine = Line<E>::kElements;

/// f(part) of each part.
template <class E, class F>
HWY_INLINE Line<E> Map(const Line<E>& x, F f) {
  Line<E> y;
  for (int i = 0; i < Line<E>::kParts; ++i) y.part[i] = f(x.part[i]);
  return y;
}
template <class E>
HWY_INLINE Line<E> Filled(float value) {
  Line<E> y;
  for (int i = 0; i < Line<E>::kParts; ++i) y.part[i] = hn::Set(F32(), value);
  return y;
}
template <class E>
HWY_INLINE void AddTo(Line<E>& sum, const Line<E>& x) {
  for (int i = 0; i < Line<E>::kParts; ++i) sum.part[i] = hn::Add(sum.part[i], x.part[i]);
}

/// Places of a part's elements within the line.
template <class E>
HWY_INLINE VF Places(int part) {
  const F32 d;
  constexpr std::int64_t n = Line<E>::kLanesOfPart;
  if constexpr (std::is_same_v<E, Bf16>) {
    return hn::MulAdd(hn::Iota(d, 0), hn::Set(d, 2.0f),
                      hn::Set(d, static_cast<float>(part / 2 * 2 * n + part % 2)));
  } else {
    return hn::Iota(d, static_cast<float>(part * n));
  }
}

template <class E>
inline constexpr DType kDType = std::is_same_v<E, Bf16>  ? DType::bf16
                                : std::is_same_v<E, F16> ? DType::f16
                                                         : DType::f32;
template <class E>
HWY_INLINE float AsFloat(E x) {
  if constexpr (std::is_same_v<E, float>) return x;
  else return static_cast<float>(load(reinterpret_cast<const std::byte*>(&x), kDType<E>));
}

HWY_INLINE Line<float> Load(const float* p) {
  Line<float> x;
  for (int i = 0; i < Line<float>::kParts; ++i) {
    x.part[i] = hn::LoadU(F32(), p + i * Line<float>::kLanesOfPart);
  }
  return x;
}
HWY_INLINE Line<F16> Load(const F16* p) {
  const hn::Rebind<F16, F32> d16;
  Line<F16> x;
  for (int i = 0; i < Line<F16>::kParts; ++i) {
    x.part[i] = hn::PromoteTo(F32(), hn::LoadU(d16, p + i * Line<F16>::kLanesOfPart));
  }
  return x;
}
HWY_INLINE Line<Bf16> Load(const Bf16* p) {
  const hn::RebindToUnsigned<F32> d32;
  const hn::Repartition<std::uint16_t, F32> d16;
  const auto* words = reinterpret_cast<const std::uint16_t*>(p);
  Line<Bf16> x;
  for (int i = 0; i < Line<Bf16>::kParts; i += 2) {
    const auto pair = hn::BitCast(d32, hn::LoadU(d16, words + i * Line<Bf16>::kLanesOfPart));
    x.part[i] = hn::BitCast(F32(), hn::ShiftLeft<16>(pair));
    x.part[i + 1] = hn::BitCast(F32(), hn::And(pair, hn::Set(d32, 0xffff0000u)));
  }
  return x;
}

/// Rounded to nearest even; not of NaN. The upper halves of the words are the result.
HWY_INLINE hn::Vec<hn::RebindToUnsigned<F32>> RoundedToUpperHalf(VF x) {
  const hn::RebindToUnsigned<F32> d;
  const auto bits = hn::BitCast(d, x);
  const auto odd = hn::TestBit(bits, hn::Set(d, 0x10000u));
  return hn::Add(bits, hn::IfThenElse(odd, hn::Set(d, 0x8000u), hn::Set(d, 0x7fffu)));
}

/// Aligned to 64 bytes, past the caches.
struct Streamed {
  template <class D, class V, class T>
  HWY_INLINE void operator()(D d, V v, T* to) const {
    hn::Stream(v, d, to);
  }
};
struct Stored {
  template <class D, class V, class T>
  HWY_INLINE void operator()(D d, V v, T* to) const {
    hn::StoreU(v, d, to);
  }
};

template <class Put>
HWY_INLINE void Store(const Line<float>& x, float* p, Put put) {
  for (int i = 0; i < Line<float>::kParts; ++i) {
    put(F32(), x.part[i], p + i * Line<float>::kLanesOfPart);
  }
}
template <class Put>
HWY_INLINE void Store(const Line<F16>& x, F16* p, Put put) {
  const hn::Rebind<F16, F32> half;
  const hn::Repartition<std::uint16_t, F32> d16;
  auto* words = reinterpret_cast<std::uint16_t*>(p);
  for (int i = 0; i < Line<F16>::kParts; i += 2) {
    const hn::RebindToUnsigned<decltype(half)> bits;
    const auto low = hn::BitCast(bits, hn::DemoteTo(half, x.part[i]));
    const auto high = hn::BitCast(bits, hn::DemoteTo(half, x.part[i + 1]));
    put(d16, hn::Combine(d16, high, low), words + i * Line<F16>::kLanesOfPart);
  }
}
template <class Put>
HWY_INLINE void Store(const Line<Bf16>& x, Bf16* p, Put put) {
  const hn::RebindToUnsigned<F32> d32;
  const hn::Repartition<std::uint16_t, F32> d16;
  auto* words = reinterpret_cast<std::uint16_t*>(p);
  for (int i = 0; i < Line<Bf16>::kParts; i += 2) {
    const auto even = hn::ShiftRight<16>(RoundedToUpperHalf(x.part[i]));
    const auto odd = hn::And(RoundedToUpperHalf(x.part[i + 1]), hn::Set(d32, 0xffff0000u));
    put(d16, hn::BitCast(d16, hn::Or(even, odd)), words + i * Line<Bf16>::kLanesOfPart);
  }
}
/// To f32, in the order of the elements.
template <class Put>
HWY_INLINE void Store(const Line<F16>& x, float* p, Put put) {
  for (int i = 0; i < Line<F16>::kParts; ++i) {
    put(F32(), x.part[i], p + i * Line<F16>::kLanesOfPart);
  }
}
template <class Put>
HWY_INLINE void Store(const Line<Bf16>& x, float* p, Put) {
  for (int i = 0; i < Line<Bf16>::kParts; i += 2) {
    hn::StoreInterleaved2(x.part[i], x.part[i + 1], F32(), p + i * Line<Bf16>::kLanesOfPart);
  }
}

inline constexpr float kNothing = -std::numeric_limits<float>::infinity();

/// x where from <= place < to, elsewhere -inf.
template <class E>
HWY_INLINE Line<E> Within(Line<E> x, std::int64_t from, std::int64_t to) {
  const F32 d;
  for (int i = 0; i < Line<E>::kParts; ++i) {
    const auto place = Places<E>(i);
    const auto in = hn::And(hn::Ge(place, hn::Set(d, static_cast<float>(from))),
                            hn::Lt(place, hn::Set(d, static_cast<float>(to))));
    x.part[i] = hn::IfThenElse(in, x.part[i], hn::Set(d, kNothing));
  }
  return x;
}
/// value at one place, x elsewhere.
template <class E>
HWY_INLINE Line<E> Replaced(Line<E> x, std::int64_t place, float value) {
  const F32 d;
  const auto at = hn::Set(d, static_cast<float>(place));
  for (int i = 0; i < Line<E>::kParts; ++i) {
    const auto here = hn::Eq(Places<E>(i), at);
    x.part[i] = hn::IfThenElse(here, hn::Set(d, value), x.part[i]);
  }
  return x;
}

#if HWY_TARGET <= HWY_AVX3
HWY_INLINE std::uint32_t Bits(std::int64_t from, std::int64_t to) {
  const auto below = [](std::int64_t n) { return (std::uint64_t{1} << n) - 1; };
  return static_cast<std::uint32_t>(below(to) & ~below(from));
}
/// Load of places [from, to) of the 64 bytes at p, touching nothing else; -inf elsewhere.
HWY_INLINE Line<float> LoadOnly(const float* p, std::int64_t from, std::int64_t to) {
  const auto mask = static_cast<__mmask16>(Bits(from, to));
  return {{VF{_mm512_mask_loadu_ps(_mm512_set1_ps(kNothing), mask, p)}}};
}
HWY_INLINE Line<Bf16> LoadOnly(const Bf16* p, std::int64_t from, std::int64_t to) {
  const __m512i nothing = _mm512_set1_epi16(static_cast<short>(0xff80));
  const __m512i pair = _mm512_mask_loadu_epi16(nothing, Bits(from, to), p);
  const __m512i odd = _mm512_and_si512(pair, _mm512_set1_epi32(static_cast<int>(0xffff0000)));
  return {{VF{_mm512_castsi512_ps(_mm512_slli_epi32(pair, 16))}, VF{_mm512_castsi512_ps(odd)}}};
}
HWY_INLINE Line<F16> LoadOnly(const F16* p, std::int64_t from, std::int64_t to) {
  const __m512i nothing = _mm512_set1_epi16(static_cast<short>(0xfc00));
  const __m512i all = _mm512_mask_loadu_epi16(nothing, Bits(from, to), p);
  return {{VF{_mm512_cvtph_ps(_mm512_castsi512_si256(all))},
           VF{_mm512_cvtph_ps(_mm512_extracti64x4_epi64(all, 1))}}};
}
/// Stores places [from, to) alone.
HWY_INLINE void StoreOnly(const Line<float>& x, float* p, std::int64_t from, std::int64_t to) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>(Bits(from, to)), x.part[0].raw);
}
template <class E>
HWY_INLINE void StoreOnly(const Line<E>& x, E* p, std::int64_t from, std::int64_t to) {
  alignas(64) E copy[kLine<E>];
  Store(x, copy, Stored());
  _mm512_mask_storeu_epi16(p, Bits(from, to), _mm512_load_si512(copy));
}
template <class E>
HWY_INLINE void StoreOnly(const Line<E>& x, float* p, std::int64_t from, std::int64_t to) {
  alignas(64) float copy[kLine<E>];
  Store(x, copy, Stored());
  std::copy(copy + from, copy + to, p + from);
}
#else
template <class E>
HWY_NOINLINE Line<E> LoadOnly(const E* p, std::int64_t from, std::int64_t to) {
  alignas(64) E copy[kLine<E>] = {};
  if (from < to) std::copy(p + from, p + to, copy + from);
  return Within(Load(copy), from, to);
}
template <class E, class O>
HWY_INLINE void StoreOnly(const Line<E>& x, O* p, std::int64_t from, std::int64_t to) {
  alignas(64) O copy[kLine<E>];
  Store(x, copy, Stored());
  std::copy(copy + from, copy + to, p + from);
}
#endif

/// Lanes in halves, i + N/2, then i + N/4, ...: the same pairs when the lanes are rotated, as they
/// are by where a row begins.
template <class D>
HWY_INLINE float SumOfHalves(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) > 4) {
    const hn::Half<D> half;
    return SumOfHalves(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    v = hn::Add(v, hn::Shuffle1032(v));
    return hn::GetLane(hn::Add(v, hn::Shuffle2301(v)));
  }
}
template <int kStep, class E>
HWY_INLINE float SumOfParts(const Line<E>& x, int first) {
  VF part[Line<E>::kParts];
  int count = 0;
  for (int i = first; i < Line<E>::kParts; i += kStep) part[count++] = x.part[i];
  for (int half = Line<E>::kParts / kStep / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) part[i] = hn::Add(part[i], part[i + half]);
  }
  return SumOfHalves(F32(), part[0]);
}
template <class E>
HWY_INLINE float SumOfLine(const Line<E>& x) {
  if constexpr (std::is_same_v<E, Bf16>) {
    return SumOfParts<2>(x, 0) + SumOfParts<2>(x, 1);
  } else {
    return SumOfParts<1>(x, 0);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
