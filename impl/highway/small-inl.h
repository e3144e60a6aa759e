// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_SMALL_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_SMALL_INL_H
#undef XENT_HIGHWAY_SMALL_INL_H
#else
#define XENT_HIGHWAY_SMALL_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "impl/highway/careful_row-inl.h"
#include "impl/highway/log-inl.h"
#include "impl/highway/reference_rows-inl.h"

#if HWY_TARGET <= HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Lane k is the sum of the lanes of row[k], in halves as SumOfHalves adds them.
HWY_INLINE VF SumsOfRows(const VF* row) {
  __m512 a[8], b[4], c[2];
  for (int i = 0; i < 8; ++i) {  // lanes i + 8: rows i and i + 8 side by side
    const __m512 low = _mm512_shuffle_f32x4(row[i].raw, row[i + 8].raw, 0x44);
    const __m512 high = _mm512_shuffle_f32x4(row[i].raw, row[i + 8].raw, 0xee);
    a[i] = _mm512_add_ps(low, high);
  }
  for (int i = 0; i < 4; ++i) {  // i + 4: in each block of four lanes a row, i, i+8, i+4, i+12
    const __m512 even = _mm512_shuffle_f32x4(a[i], a[i + 4], 0x88);
    const __m512 odd = _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd);
    b[i] = _mm512_add_ps(even, odd);
  }
  for (int i = 0; i < 2; ++i) {  // i + 2
    const __m512 low = _mm512_shuffle_ps(b[i], b[i + 2], 0x44);
    const __m512 high = _mm512_shuffle_ps(b[i], b[i + 2], 0xee);
    c[i] = _mm512_add_ps(low, high);
  }
  const __m512 sums = _mm512_add_ps(_mm512_shuffle_ps(c[0], c[1], 0x88),
                                    _mm512_shuffle_ps(c[0], c[1], 0xdd));
  // A block holds rows r, r + 2, r + 1, r + 3 of blocks 0, 8, 4, 12.
  const __m512i back = _mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15);
  return VF{_mm512_permutexvar_ps(back, sums)};
}

/// Rows of at most 64 classes of f32, sixteen at a time: a row is a vector or a few, the sums of
/// sixteen are one, and so are their logarithms and reciprocals. Same bits as ReferenceRows.
class SmallRows {
 public:
  static constexpr std::int64_t kLongest = 64;

  /// No weights, zloss, ignored rows or upstream of a row's own.
  static bool take(const NativeView& view) {
    const RowView<float>& w = view.w;
    return w.v <= kLongest && w.weight == nullptr && w.z_loss == 0 && !w.ignore && !w.shift &&
           !w.upstream_per_row && w.denominator != Denominator::sequence;
  }

  SmallRows(const NativeView& view, const Divisors<float>& divisors, float* losses)
      : w_(view.w),
        divisors_(divisors),
        input_(static_cast<const float*>(view.input)),
        grad_(static_cast<float*>(view.grad)),
        losses_(losses),
        vectors_(static_cast<int>((view.w.v + 15) / 16)) {}

  void Run(std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; r += 16) {
      const std::int64_t count = std::min<std::int64_t>(16, last - r);
      vectors_ == 1 ? Batch<1>(r, count) : Batch<4>(r, count);
    }
  }

 private:
  __mmask16 Mask(int vector) const {
    const std::int64_t left = std::clamp<std::int64_t>(w_.v - 16 * vector, 0, 16);
    return static_cast<__mmask16>((std::uint32_t{1} << left) - 1);
  }

  /// Rows r .. r + count, with exponentials in at most kVectors vectors each.
  template <int kVectors>
  HWY_INLINE void Batch(std::int64_t r, std::int64_t count) {
    const F32 d;
    alignas(64) float z_y[16];
    std::int32_t y[16];
    for (std::int64_t k = 0; k < 16; ++k) {
      const std::int64_t row = r + std::min(k, count - 1);
      y[k] = static_cast<std::int32_t>(w_.label[row]);
      z_y[k] = input_[row * w_.stride + y[k]];
    }
    VF e[16 * kVectors], others[16];
    for (std::int64_t k = 0; k < 16; ++k) {
      const float* const z = input_ + (r + std::min(k, count - 1)) * w_.stride;
      others[k] = hn::Zero(d);
      for (int i = 0; i < kVectors; ++i) {
        if (kVectors > 1 && i >= vectors_) break;
        const VF x{_mm512_mask_loadu_ps(_mm512_set1_ps(kNothing), Mask(i), z + 16 * i)};
        const VF one = exp_(hn::Sub(x, hn::Set(d, z_y[k])));
        const auto but_y = static_cast<__mmask16>(~At(y[k], i));
        others[k] = i == 0 ? VF{_mm512_maskz_mov_ps(but_y, one.raw)}
                           : VF{_mm512_mask_add_ps(others[k].raw, but_y, others[k].raw, one.raw)};
        e[k * kVectors + i] = one;
      }
    }
    Finish<kVectors>(r, count, SumsOfRows(others), e, y);
  }

  /// The bit of class y in a row's vector i.
  static HWY_INLINE __mmask16 At(std::int32_t y, int i) {
    return static_cast<__mmask16>(std::uint64_t{1} << y >> 16 * i);
  }

  template <int kVectors>
  HWY_INLINE void Finish(std::int64_t r, std::int64_t count, VF s, const VF* e,
                         const std::int32_t* y) {
    const F32 d;
    const auto rows = static_cast<__mmask16>((std::uint32_t{1} << count) - 1);
    _mm512_mask_storeu_ps(losses_ + r, rows, Log1p(d, s).raw);
    auto good = hn::And(hn::Lt(s, hn::Set(d, kShiftLimit)), hn::Gt(s, hn::Zero(d)));
    if (grad_ == nullptr) return Careful(r, rows & ~Bits(good));
    const Scaling<float> scaling(w_, divisors_, r);
    const VF whole = hn::Add(hn::Set(d, 1.0f), s);
    const VF inverse = hn::Div(hn::Set(d, 1.0f), whole);
    const VF factor = hn::Mul(inverse, hn::Set(d, scaling.upstream / scaling.divisor));
    const VF size = hn::Abs(factor);
    good = hn::And(good, hn::And(hn::Ge(size, hn::Set(d, std::numeric_limits<float>::min())),
                                 hn::Le(size, hn::Set(d, kShiftLimit))));
    const VF at = hn::Div(hn::Mul(hn::Neg(hn::Div(s, whole)), hn::Set(d, scaling.upstream)),
                          hn::Set(d, scaling.divisor));
    alignas(64) float factors[16], at_target[16];
    hn::Store(factor, d, factors);
    hn::Store(at, d, at_target);
    const std::uint32_t written = rows & Bits(good);
    for (std::int64_t k = 0; k < 16; ++k) {
      if ((written >> k & 1) == 0) continue;
      float* const g = grad_ + (r + k) * w_.stride;
      for (int i = 0; i < kVectors; ++i) {
        if (kVectors > 1 && i >= vectors_) break;
        const VF p = hn::Mul(e[k * kVectors + i], hn::Set(d, factors[k]));
        const __m512 with_y =
            _mm512_mask_mov_ps(p.raw, At(y[k], i), _mm512_set1_ps(at_target[k]));
        _mm512_mask_storeu_ps(g + 16 * i, Mask(i), with_y);
      }
    }
    Careful(r, rows & ~Bits(good));
  }

  static HWY_INLINE std::uint32_t Bits(hn::Mask<F32> mask) {
    return static_cast<std::uint32_t>(mask.raw);
  }

  void Careful(std::int64_t r, std::uint32_t rows) {
    for (; rows != 0; rows &= rows - 1) {
      const std::int64_t row = r + __builtin_ctz(rows);
      float* const g = grad_ == nullptr ? nullptr : grad_ + row * w_.stride;
      CarefulRow<float, float> one(w_, divisors_, row, input_ + row * w_.stride, g);
      losses_[row] = one.Run();
    }
  }

  const RowView<float>& w_;
  const Divisors<float>& divisors_;
  const float* input_;
  float* grad_;
  float* losses_;
  int vectors_;
  WideExp exp_;
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
