// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_WIDE_EXP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_WIDE_EXP_INL_H
#undef XENT_HIGHWAY_WIDE_EXP_INL_H
#else
#define XENT_HIGHWAY_WIDE_EXP_INL_H
#endif

#include "hwy/highway.h"
#include "impl/highway/wide_exp.h"

// Without instructions for it, Highway's conversion to f16 does not round to nearest.
#undef XENT_HIGHWAY_F16
#define XENT_HIGHWAY_F16 (!HWY_ARCH_X86 || HWY_TARGET <= HWY_AVX2)

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::CappedTag<float, 16>;
using VF = hn::Vec<F32>;

/// exp(x) of binary32, either sign, for sums that are looked at afterwards:
///   exp(0) = 1, exp(-inf) = 0, NaN stays NaN, above 88.8 the result is inf or NaN;
///   |x| < 2^60 (beyond, -inf may come out as well): (a + b |x|) u of wide_exp.h.
///
/// exp(x) = 2^k 2^f with k = x log2 e rounded to a multiple of 1/16 (or 1) by an addition, and
/// f = fma(x, log2 e, -k): k is near and the product is not rounded, so only f is.
///
/// AVX-512: 2^k = 2^floor(k) times a table of 16 that the last bits of the rounding address, both
/// by one instruction each: 10 operations, 2^(f) - 1 needs degree 3. Others: degree 6 and 13.
class WideExp {
 public:
#if HWY_TARGET <= HWY_AVX3
  HWY_INLINE WideExp() : table_(hn::Load(F32(), WideExpConstants::table)) {}

  static constexpr int kSideBySide = 4;

  HWY_INLINE VF operator()(VF x) const {
    VF one[1] = {x};
    (*this)(one);
    return one[0];
  }
  /// Of each, side by side: a chain of 44 cycles fills the scheduler before four of them overlap.
  template <int N>
  HWY_INLINE void operator()(VF (&x)[N]) const {
    using C = WideExpConstants;
    const F32 d;
    const auto log2_e = hn::Set(d, C::log2_e);
    const auto magic = hn::Set(d, C::to_sixteenth);
    VF k[N], t[N], q[N];
    for (int i = 0; i < N; ++i) t[i] = hn::MulAdd(x[i], log2_e, magic);
    for (int i = 0; i < N; ++i) k[i] = hn::Sub(t[i], magic);
    for (int i = 0; i < N; ++i) x[i] = hn::MulSub(x[i], log2_e, k[i]);
    for (int i = 0; i < N; ++i) {
      t[i] = VF{_mm512_permutexvar_ps(_mm512_castps_si512(t[i].raw), table_.raw)};
    }
    const auto c1 = hn::Set(d, C::of_sixteenth[1]), c2 = hn::Set(d, C::of_sixteenth[2]);
    for (int i = 0; i < N; ++i) q[i] = hn::MulAdd(c2, x[i], c1);
    for (int i = 0; i < N; ++i) q[i] = hn::MulAdd(q[i], x[i], hn::Set(d, C::of_sixteenth[0]));
    for (int i = 0; i < N; ++i) q[i] = hn::Mul(q[i], x[i]);
    for (int i = 0; i < N; ++i) q[i] = hn::MulAdd(t[i], q[i], t[i]);
    // NaN 2^-inf is 0 to this instruction: q is NaN for -inf.
    for (int i = 0; i < N; ++i) x[i] = VF{_mm512_scalef_ps(q[i].raw, k[i].raw)};
  }

 private:
  VF table_;
#else
  static constexpr int kSideBySide = 1;  // 16 registers

  HWY_INLINE VF operator()(VF x) const {
    using C = WideExpConstants;
    const F32 d;
    const hn::RebindToSigned<F32> di;
    // NaN is the second operand of each, which x86 returns.
    x = hn::Min(hn::Set(d, C::highest), hn::Max(hn::Set(d, C::lowest), x));
    const auto log2_e = hn::Set(d, C::log2_e);
    const auto magic = hn::Set(d, C::to_biased_integer);
    const auto rounded = hn::MulAdd(x, log2_e, magic);
    const auto k = hn::Sub(rounded, magic);
#if HWY_NATIVE_FMA
    const auto f = hn::MulSub(x, log2_e, k);
#else
    // The product would be rounded: x - k log(2) in two steps, the first of which is exact.
    const auto r = hn::NegMulAdd(k, hn::Set(d, C::ln2_lo),
                                 hn::NegMulAdd(k, hn::Set(d, C::ln2_hi), x));
    const auto f = hn::Mul(r, log2_e);
#endif
    auto q = hn::Set(d, C::of_one[5]);
    for (int i = 5; i-- > 0;) q = hn::MulAdd(q, f, hn::Set(d, C::of_one[i]));
    const auto y = hn::MulAdd(q, f, hn::Set(d, 1.0f));
    // Exponent field k + 127: 0 at the lower end, inf at the upper one.
    const auto power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, rounded)));
    return hn::Mul(y, power);
  }
#endif
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
