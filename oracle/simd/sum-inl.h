// SPDX-License-Identifier: Apache-2.0
// Sums of balls in 32 logical lanes. Lemma L26; include ball-inl.h.
#if defined(XENT_ORACLE_SIMD_SUM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_SUM_INL_H
#undef XENT_ORACLE_SIMD_SUM_INL_H
#else
#define XENT_ORACLE_SIMD_SUM_INL_H
#endif

#include <cstddef>
#include <limits>

#include "hwy/highway.h"
#include "oracle/simd/ball_arithmetic-inl.h"
#include "oracle/simd/fault.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

inline constexpr std::size_t kSumLanes = 32;

/// Sum of the lanes of Add(0, .), Add(1, .), ... in this order. Element i of the whole sequence
/// belongs to logical lane i mod 32, whatever the width of vectors: enclosures do not depend on it.
/// A lane is summed in blocks of kBlock terms; sums of blocks are added without error, but for
/// third-order terms. Promises nothing beyond 2^26 elements. Total() ends the sum.
template <class B>
class Sum {
 public:
  static constexpr std::size_t kLanes = HWY_LANES(double);
  static constexpr std::size_t kVectors = kSumLanes / kLanes;
  static constexpr std::size_t kBlock = kIsPair<B> ? 16 : 64;
  /// L26: error of a block, relative to the sum of its terms' sizes, and of what follows.
  static constexpr double kRounding =
      kIsPair<B> ? 154 * claims::u * claims::u : 64 * claims::u;
  static constexpr std::size_t kMostTerms = (1 << 26) / kSumLanes;  ///< of a lane

  HWY_INLINE Sum() {
    for (std::size_t k = 0; k < kVectors; ++k) {
      block_[k] = block_lo_[k] = hi_[k] = lo_[k] = lowest_[k] = rad_[k] = hn::Zero(D());
    }
  }

  HWY_INLINE void Add(std::size_t i, const B& term) {
    const std::size_t k = i % kVectors;
    if (k == 0 && i % (kVectors * kBlock) == 0) Flush();
    if constexpr (kIsPair<B>) {
      const Pair sum = TwoSum(block_[k], term.hi);
      block_[k] = sum.hi;
      const V low_words = hn::Add(sum.lo, XENT_FAULT(11, hn::Zero(D()), term.lo));
      block_lo_[k] = hn::Add(block_lo_[k], low_words);
    } else {
      block_[k] = hn::Add(block_[k], term.mid);
    }
    const double rounding = XENT_FAULT(12, 0.0, kRounding);
    rad_[k] = hn::Add(rad_[k], hn::MulAdd(hn::Abs(Top(term)), Const(rounding), term.rad));
    ++count_;
  }

  Enclosure Total() {
    Flush();
    for (std::size_t half = kVectors / 2; half > 0; half /= 2) {
      for (std::size_t k = 0; k < half; ++k) {
        const std::size_t other = k + half;
        Accumulate(k, hi_[other], lo_[other], lowest_[other]);
        rad_[k] = hn::Add(rad_[k], rad_[other]);
      }
    }
    return TotalOfLanes();
  }

 private:
  struct Scalars {
    double hi, lo;
  };
  static HWY_INLINE Scalars TwoSumOf(double a, double b) {
    const double hi = a + b, b_part = hi - a;
    return {hi, (a - (hi - b_part)) + (b - b_part)};
  }

  /// Of those of vector 0.
  Enclosure TotalOfLanes() const {
    HWY_ALIGN double hi[kLanes], lo[kLanes], lowest[kLanes], rad[kLanes];
    hn::Store(hi_[0], D(), hi);
    hn::Store(lo_[0], D(), lo);
    hn::Store(lowest_[0], D(), lowest);
    hn::Store(rad_[0], D(), rad);
    for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) {
        const Scalars top = TwoSumOf(hi[i], hi[i + half]);
        const Scalars low = TwoSumOf(lo[i], lo[i + half]);
        const Scalars rest = TwoSumOf(low.hi, top.lo);
        hi[i] = top.hi;
        lo[i] = rest.hi;
        lowest[i] += (low.lo + rest.lo) + lowest[i + half];
        rad[i] += rad[i + half];
      }
    }
    const Scalars low = TwoSumOf(lo[0], lowest[0]);
    const Scalars top = TwoSumOf(hi[0], low.hi);
    const Scalars all = TwoSumOf(top.hi, top.lo + low.lo);
    // As many roundings as a lane has terms, and a few.
    const std::size_t terms = (count_ + kVectors - 1) / kVectors;
    if (terms > kMostTerms) return EnclosureOf(0, 0, std::numeric_limits<double>::infinity());
    const double sum = rad[0] * (1 + static_cast<double>(terms + 128) * 0x1p-52);
    const bool nothing = all.hi == 0 && sum == 0;
    return EnclosureOf(all.hi, all.lo, nothing ? 0 : sum + kTiny);
  }

  /// hi + lo + lowest of vector k plus these, in the order of TotalOfLanes.
  HWY_INLINE void Accumulate(std::size_t k, V hi, V lo, V lowest) {
    const Pair top = TwoSum(hi_[k], hi);
    const Pair low = TwoSum(lo_[k], lo);
    const Pair rest = TwoSum(low.hi, XENT_FAULT(10, hn::Zero(D()), top.lo));
    hi_[k] = top.hi;
    lo_[k] = rest.hi;
    lowest_[k] = hn::Add(lowest_[k], hn::Add(hn::Add(low.lo, rest.lo), lowest));
  }

  HWY_INLINE void Flush() {
    for (std::size_t k = 0; k < kVectors; ++k) {
      Accumulate(k, block_[k], block_lo_[k], hn::Zero(D()));
      block_[k] = block_lo_[k] = hn::Zero(D());
    }
  }

  V block_[kVectors], block_lo_[kVectors];
  V hi_[kVectors], lo_[kVectors], lowest_[kVectors];
  V rad_[kVectors];
  std::size_t count_ = 0;  ///< of vectors
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
