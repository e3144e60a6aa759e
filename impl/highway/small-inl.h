// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_SMALL_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_SMALL_INL_H
#undef XENT_HIGHWAY_SMALL_INL_H
#else
#define XENT_HIGHWAY_SMALL_INL_H
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "hwy/highway.h"
#include "impl/highway/careful_row-inl.h"
#include "impl/highway/log-inl.h"
#include "impl/highway/reference_rows-inl.h"

#if HWY_TARGET <= HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Sixteen rows, `stride` elements from one to the next.
struct SixteenRows {
  static constexpr std::int64_t kRows = 16;
  std::int64_t stride;
  __m512i start[2];  ///< of rows 0 .. 8 and 8 .. 16
  /// Integers of a lane each: read, they cost a load; as constants, two shuffles.
  std::int32_t number[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

  explicit SixteenRows(std::int64_t elements) : stride(elements) {
    const __m512i k = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    start[0] = _mm512_mullo_epi64(k, _mm512_set1_epi64(stride));
    start[1] = _mm512_add_epi64(start[0], _mm512_set1_epi64(8 * stride));
  }
  /// Row k: its four's first, and on from there.
  template <class T>
  HWY_INLINE T* at(T* first, int k) const {
    return first + k / 4 * 4 * stride + k % 4 * stride;
  }
  HWY_INLINE __mmask16 other_than(__m512i y, int j) const {
    return _mm512_cmpneq_epi32_mask(y, _mm512_set1_epi32(number[j]));
  }
};

/// Four matrices of 4 x 4, one in each block of four lanes.
HWY_INLINE void Transpose4x4(const __m512 (&row)[4], __m512 (&column)[4]) {
  const __m512 a = _mm512_unpacklo_ps(row[0], row[2]);
  const __m512 b = _mm512_unpacklo_ps(row[1], row[3]);
  const __m512 c = _mm512_unpackhi_ps(row[0], row[2]);
  const __m512 d = _mm512_unpackhi_ps(row[1], row[3]);
  column[0] = _mm512_unpacklo_ps(a, b);
  column[1] = _mm512_unpackhi_ps(a, b);
  column[2] = _mm512_unpacklo_ps(c, d);
  column[3] = _mm512_unpackhi_ps(c, d);
}

/// The sum of kWidth numbers in halves: s[i] + s[i + 8], ...
template <int kWidth, int kHalf = 8>
HWY_INLINE VF SumInHalves(VF* s) {
  if constexpr (kHalf == 0) {
    return s[0];
  } else {
    for (int i = 0; i + kHalf < kWidth; ++i) s[i] = hn::Add(s[i], s[i + kHalf]);
    return SumInHalves<std::min(kWidth, kHalf), kHalf / 2>(s);
  }
}

inline constexpr int kClassBlock = 16;

/// Targets as classes of the next block.
HWY_INLINE __m512i NextBlock(__m512i y) {
  return _mm512_sub_epi32(y, _mm512_set1_epi32(kClassBlock));
}

/// A block of kN <= kClassBlock classes of sixteen rows, a vector for each class. They are loaded
/// and stored in fours; the last four begin earlier, so that they end with the block.
template <int kN>
class ClassVectors {
 public:
  /// e[j] = exp(z_j - z_y), 0 for y.
  static HWY_NOINLINE void Terms(const WideExp& exp, const SixteenRows& rows, const float* z,
                                 VF z_y, __m512i y, VF* e) {
    VF s[kN];
    TermsFrom<0>(exp, rows, z, z_y, y, s, e);
  }
  /// The same, and their sum.
  static HWY_NOINLINE VF TermsAndSum(const WideExp& exp, const SixteenRows& rows, const float* z,
                                     VF z_y, __m512i y, VF* e) {
    VF s[kN];
    TermsFrom<0>(exp, rows, z, z_y, y, s, e);
    return SumInHalves<kN>(s);
  }
  /// g_j = e[j] factor, at_target for y.
  static HWY_NOINLINE void Gradient(const SixteenRows& rows, const VF* e, __m512i y, VF factor,
                                    VF at_target, float* g) {
    GradientFrom<0>(rows, e, y, factor, at_target, g);
  }

 private:
  static constexpr int Start(int c) { return std::max(std::min(c, kN - 4), 0); }

  template <int kC>
  static HWY_INLINE void TermsFrom(const WideExp& exp, const SixteenRows& rows, const float* z,
                                   VF z_y, __m512i y, VF* s, VF* e) {
    if constexpr (kC < kN) {
      __m512 x[4];
      Load4(rows, z + Start(kC), x);
      for (int j = kC; j < std::min(kC + 4, kN); ++j) {
        const VF one = exp(hn::Sub(VF{x[j - Start(kC)]}, z_y));
        e[j] = s[j] = VF{_mm512_maskz_mov_ps(rows.other_than(y, j), one.raw)};
      }
      TermsFrom<kC + 4>(exp, rows, z, z_y, y, s, e);
    }
  }
  template <int kC>
  static HWY_INLINE void GradientFrom(const SixteenRows& rows, const VF* e, __m512i y, VF factor,
                                      VF at_target, float* g) {
    if constexpr (kC < kN) {
      __m512 x[4];
      for (int i = 0; i < 4; ++i) {
        const int j = std::min(Start(kC) + i, kN - 1);
        x[i] = _mm512_mask_mul_ps(at_target.raw, rows.other_than(y, j), e[j].raw, factor.raw);
      }
      Store4(x, rows, g + Start(kC));
      GradientFrom<kC + 4>(rows, e, y, factor, at_target, g);
    }
  }

  static constexpr auto kFew = static_cast<__mmask8>((1 << std::min(kN, 4)) - 1);
  static HWY_INLINE __m128 Load(const float* z) {
    if constexpr (kN < 4) return _mm_maskz_loadu_ps(kFew, z);
    else return _mm_loadu_ps(z);
  }
  static HWY_INLINE void Store(__m128 x, float* g) {
    if constexpr (kN < 4) _mm_mask_storeu_ps(g, kFew, x);
    else _mm_storeu_ps(g, x);
  }
  static HWY_INLINE void Load4(const SixteenRows& rows, const float* z, __m512 (&x)[4]) {
    __m512 row[4];
    for (int i = 0; i < 4; ++i) {
      row[i] = _mm512_castps128_ps512(Load(rows.at(z, i)));
      row[i] = _mm512_insertf32x4(row[i], Load(rows.at(z, i + 4)), 1);
      row[i] = _mm512_insertf32x4(row[i], Load(rows.at(z, i + 8)), 2);
      row[i] = _mm512_insertf32x4(row[i], Load(rows.at(z, i + 12)), 3);
    }
    Transpose4x4(row, x);
  }
  static HWY_INLINE void Store4(const __m512 (&x)[4], const SixteenRows& rows, float* g) {
    __m512 row[4];
    Transpose4x4(x, row);
    for (int i = 0; i < 4; ++i) {
      Store(_mm512_castps512_ps128(row[i]), rows.at(g, i));
      Store(_mm512_extractf32x4_ps(row[i], 1), rows.at(g, i + 4));
      Store(_mm512_extractf32x4_ps(row[i], 2), rows.at(g, i + 8));
      Store(_mm512_extractf32x4_ps(row[i], 3), rows.at(g, i + 12));
    }
  }
};

/// ClassVectors<n> of an n known at run time.
struct AnyClassVectors {
  decltype(&ClassVectors<1>::Terms) terms;
  decltype(&ClassVectors<1>::TermsAndSum) terms_and_sum;
  decltype(&ClassVectors<1>::Gradient) gradient;

  static const AnyClassVectors& of(std::int64_t n) {
    return []<std::size_t... i>(std::index_sequence<i...>) -> auto& {
      static constexpr AnyClassVectors all[] = {{&ClassVectors<i + 1>::Terms,
                                                 &ClassVectors<i + 1>::TermsAndSum,
                                                 &ClassVectors<i + 1>::Gradient}...};
      return all;
    }(std::make_index_sequence<kClassBlock>())[n - 1];
  }
};

/// Rows of at most 64 classes of f32, sixteen at a time: what a row needs once (its sum, logarithm,
/// reciprocal) sixteen rows need once, and no lane is idle. Same bits as ReferenceRows.
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
        last_block_((w_.v - 1) / kBlock * kBlock),
        last_(AnyClassVectors::of(w_.v - last_block_)) {
    std::fill(e_, e_ + kLongest, hn::Zero(F32()));
  }

  void Run(std::int64_t first, std::int64_t last) {
    const std::int64_t whole = first + (last - first) / kRows * kRows;
    Run(SixteenRows(w_.stride), input_ + first * w_.stride, w_.label + first, first, whole);
    if (whole == last) return;
    float z[kRows * kLongest] = {};
    std::int64_t label[kRows] = {};
    for (std::int64_t r = whole; r < last; ++r) {
      std::copy_n(input_ + r * w_.stride, w_.v, z + (r - whole) * w_.v);
      label[r - whole] = w_.label[r];
    }
    Run(SixteenRows(w_.v), z, label, whole, last);
  }

 private:
  static constexpr std::int64_t kRows = SixteenRows::kRows;
  static constexpr std::int64_t kBlock = kClassBlock;

  /// Sixteen rows, or the last ones.
  struct Group {
    std::int64_t r;
    __mmask16 rows;
    const VF* e;
    __m512i y;
    VF sum, factor, at_target;
    std::uint32_t bad;  ///< rows for CarefulRow
  };

  static constexpr __mmask16 kAll = 0xffff;

  /// A few groups in step: the core need not wait for a group's logarithms and quotients. The first
  /// row's logits and label are z and label.
  HWY_NOINLINE void Run(const SixteenRows& rows, const float* z, const std::int64_t* label,
                        std::int64_t first, std::int64_t last) {
    const std::int64_t classes = last_block_ + kBlock;
    Group group[kLongest / kBlock];
    for (std::int64_t r = first; r < last;) {
      std::int64_t count = 0;
      for (; r < last && (count + 1) * classes <= kLongest; r += kRows, ++count) {
        const std::int64_t done = r - first;
        Sum(rows, z + done * rows.stride, label + done, e_ + count * classes, group[count]);
        group[count].r = r;
        group[count].rows = Low(last - r);
      }
      for (std::int64_t i = 0; i < count; ++i) Finish(group[i]);
      for (std::int64_t i = 0; i < count; ++i) {
        if (HWY_UNLIKELY(group[i].bad != 0 || group[i].rows != kAll)) OneByOne(group[i]);
        else if (grad_ != nullptr) Gradient(rows, group[i], grad_ + group[i].r * w_.stride);
      }
    }
  }
  static HWY_INLINE __mmask16 Low(std::int64_t n) {
    return static_cast<__mmask16>((std::uint32_t{1} << std::min(kRows, n)) - 1);
  }

  HWY_INLINE void Sum(const SixteenRows& rows, const float* z, const std::int64_t* label, VF* e,
                      Group& group) const {
    const __m512i low = _mm512_loadu_si512(label);
    const __m512i high = _mm512_loadu_si512(label + 8);
    const __m512i at_low = _mm512_add_epi64(low, rows.start[0]);
    const __m512i at_high = _mm512_add_epi64(high, rows.start[1]);
    const VF z_y{_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_i64gather_ps(at_low, z, 4)),
                                    _mm512_i64gather_ps(at_high, z, 4), 1)};
    group.e = e;
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    group.y = _mm512_permutex2var_epi32(low, even, high);
    __m512i y = group.y;
    if (last_block_ == 0) {
      group.sum = last_.terms_and_sum(exp_, rows, z, z_y, y, e);
      return;
    }
    for (std::int64_t c = 0; c < last_block_; c += kBlock, y = NextBlock(y)) {
      ClassVectors<kBlock>::Terms(exp_, rows, z + c, z_y, y, e + c);
    }
    last_.terms(exp_, rows, z + last_block_, z_y, y, e + last_block_);
    group.sum = SumOfBlocks(e);
  }

  /// Class j is in lane j mod 16 of ReferenceRows, lanes are added in halves.
  HWY_INLINE VF SumOfBlocks(const VF* e) const {
    VF s[kBlock];
    for (int i = 0; i < kBlock; ++i) s[i] = e[i];
    for (std::int64_t c = kBlock; c <= last_block_; c += kBlock) {
      for (int i = 0; i < kBlock; ++i) s[i] = hn::Add(s[i], e[c + i]);
    }
    return SumInHalves<kBlock>(s);
  }

  HWY_INLINE void Finish(Group& group) {
    const F32 d;
    const VF s = group.sum;
    _mm512_mask_storeu_ps(losses_ + group.r, group.rows, Log1p(d, s).raw);
    auto good = hn::And(hn::Lt(s, hn::Set(d, kShiftLimit)), hn::Gt(s, hn::Zero(d)));
    if (grad_ != nullptr) {
      const Scaling<float> scaling(w_, divisors_, group.r);
      const VF whole = hn::Add(hn::Set(d, 1.0f), s);
      const VF inverse = hn::Div(hn::Set(d, 1.0f), whole);
      const VF upstream = hn::Set(d, scaling.upstream), divisor = hn::Set(d, scaling.divisor);
      group.factor = hn::Mul(inverse, hn::Set(d, scaling.upstream / scaling.divisor));
      group.at_target = hn::Div(hn::Mul(hn::Neg(hn::Div(s, whole)), upstream), divisor);
      const VF size = hn::Abs(group.factor);
      good = hn::And(good, hn::And(hn::Ge(size, hn::Set(d, std::numeric_limits<float>::min())),
                                   hn::Le(size, hn::Set(d, kShiftLimit))));
    }
    group.bad = group.rows & ~static_cast<std::uint32_t>(good.raw);
  }

  /// To rows at g, which may be the logits.
  HWY_INLINE void Gradient(const SixteenRows& rows, const Group& group, float* g) const {
    __m512i y = group.y;
    for (std::int64_t c = 0; c < last_block_; c += kBlock, y = NextBlock(y)) {
      ClassVectors<kBlock>::Gradient(rows, group.e + c, y, group.factor, group.at_target, g + c);
    }
    last_.gradient(rows, group.e + last_block_, y, group.factor, group.at_target,
                   g + last_block_);
  }

  /// Logits of bad rows must outlive the gradients of the others.
  HWY_NOINLINE void OneByOne(const Group& group) {
    float gradients[kRows * kLongest];
    if (grad_ != nullptr) Gradient(SixteenRows(w_.v), group, gradients);
    for (std::int64_t k = 0; k < kRows && (group.rows >> k & 1) != 0; ++k) {
      const std::int64_t row = group.r + k;
      float* const g = grad_ == nullptr ? nullptr : grad_ + row * w_.stride;
      if ((group.bad >> k & 1) != 0) {
        CarefulRow<float, float> one(w_, divisors_, row, input_ + row * w_.stride, g);
        losses_[row] = one.Run();
      } else if (g != nullptr) {
        std::copy_n(gradients + k * w_.v, w_.v, g);
      }
    }
  }

  const RowView<float>& w_;
  const Divisors<float>& divisors_;
  const float* input_;
  float* grad_;
  float* losses_;
  std::int64_t last_block_;  ///< its first class
  const AnyClassVectors& last_;
  WideExp exp_;
  VF e_[kLongest];  ///< of a group's classes, 0 past the last, or of a few groups'
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
