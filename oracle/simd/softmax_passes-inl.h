// SPDX-License-Identifier: Apache-2.0
// The first two passes over a row of logits: extremes, then exponentials and their sums.
#if defined(XENT_ORACLE_SIMD_SOFTMAX_PASSES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_SOFTMAX_PASSES_INL_H_
#undef XENT_ORACLE_SIMD_SOFTMAX_PASSES_INL_H_
#else
#define XENT_ORACLE_SIMD_SOFTMAX_PASSES_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "oracle/simd/softmax_view-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace softmax {

/// Extremes of the finite elements. Declined: NaN, and what lies beyond kGreatest.
struct Extremes {
  double least = std::numeric_limits<double>::infinity();
  double greatest = -std::numeric_limits<double>::infinity();
  bool finite = true;  ///< all are
  bool plus_inf = false, minus_inf = false, nan = false;
};

/// True where all elements are finite; else the extremes are not found.
template <class T>
HWY_INLINE bool FiniteExtremes(const std::byte* from, DType type, std::int64_t v, Extremes& x) {
  const T* const at = reinterpret_cast<const T*>(from);
  const std::int64_t lanes = LanesOf();
  V least[2], greatest[2], marks[2];  // x 0 is NaN unless x is finite
  for (int k = 0; k < 2; ++k) {
    least[k] = Const(x.least);
    greatest[k] = Const(x.greatest);
    marks[k] = hn::Zero(D());
  }
  std::int64_t j = 0;
  for (; j + 2 * lanes <= v; j += 2 * lanes) {
    for (int k = 0; k < 2; ++k) {
      const V one = LoadVector(at + j + k * lanes);
      least[k] = hn::Min(least[k], one);
      greatest[k] = hn::Max(greatest[k], one);
      marks[k] = hn::MulAdd(one, hn::Zero(D()), marks[k]);
    }
  }
  x.least = hn::GetLane(hn::MinOfLanes(D(), hn::Min(least[0], least[1])));
  x.greatest = hn::GetLane(hn::MaxOfLanes(D(), hn::Max(greatest[0], greatest[1])));
  double mark = hn::GetLane(hn::SumOfLanes(D(), hn::Add(marks[0], marks[1])));
  for (; j < v; ++j) {
    const double one = load(from + static_cast<std::size_t>(j) * sizeof(T), type);
    x.least = std::min(x.least, one);
    x.greatest = std::max(x.greatest, one);
    mark += one * 0;
  }
  return mark == 0;
}

HWY_INLINE bool FiniteExtremes(const Tensor& t, std::int64_t first, std::int64_t v, Extremes& x) {
  const std::byte* const from = t.bytes.data() + static_cast<std::size_t>(first) * size_of(t.dtype);
  switch (t.dtype) {
    case DType::f64: return FiniteExtremes<double>(from, t.dtype, v, x);
    case DType::f32: return FiniteExtremes<float>(from, t.dtype, v, x);
    case DType::f16: return FiniteExtremes<hwy::float16_t>(from, t.dtype, v, x);
    default: return FiniteExtremes<hwy::bfloat16_t>(from, t.dtype, v, x);
  }
}

/// Elements [first, first + v) of the tensor.
HWY_NOINLINE inline Extremes ExtremesOf(const Tensor& t, std::int64_t first, std::int64_t v) {
  Extremes x;
  if (FiniteExtremes(t, first, v, x)) return x;
  x = Extremes{};
  x.finite = false;
  alignas(64) double block[kBlock];
  for (std::int64_t at = 0; at < v; at += kBlock) {
    const std::int64_t count = std::min(kBlock, v - at);
    LoadDoubles(t, first + at, count, 0, block);
    for (std::int64_t i = 0; i < count; ++i) {
      const double one = block[i];
      x.nan |= std::isnan(one);
      x.plus_inf |= one == std::numeric_limits<double>::infinity();
      x.minus_inf |= one == -std::numeric_limits<double>::infinity();
      if (!std::isfinite(one)) continue;
      x.least = std::min(x.least, one);
      x.greatest = std::max(x.greatest, one);
    }
  }
  return x;
}

/// Beyond these magnitudes products of what a row multiplies might overflow: logits enter one
/// product, the others up to four.
inline constexpr double kGreatestLogit = 0x1p500, kGreatestOther = 0x1p150;

inline bool WithinReach(double x) {
  const double size = std::fabs(x);
  return size <= kGreatestOther && (size == 0 || size >= 1 / kGreatestOther);
}

/// Finds the maximum; false where the row is declined.
HWY_INLINE bool Scan(SoftmaxState& r) {
  const Problem& p = r.task.c->problem;
  r.map = LogitOf<Ball1>(p).map();
  if (!WithinReach(p.scale) || !WithinReach(p.softcap) || !WithinReach(p.z_loss)) return false;
  const Extremes x = ExtremesOf(r.task.c->input, r.task.row * p.v, p.v);
  const bool rising = p.scale > 0;
  if (x.nan || !(x.least <= x.greatest) || (rising ? x.plus_inf : x.minus_inf)) return false;
  if (r.map == LogitMap::capped && !x.finite) return false;
  if (std::max(-x.least, x.greatest) > kGreatestLogit) return false;
  r.x_top = (rising ? x.greatest : x.least) + 0.0;
  r.x_far = (rising ? x.least : x.greatest) + 0.0;
  return true;
}

/// Upper bounds of sums of magnitudes in doubles, the same on all instruction sets: class j belongs
/// to lane j mod 32, blocks are added up, then halves of the lanes.
class SizeSum {
 public:
  HWY_INLINE SizeSum() {
    for (V& run : run_) run = hn::Zero(D());
    for (V& total : total_) total = hn::Zero(D());
  }
  /// Adds a b; `i` counts vectors.
  HWY_INLINE void Add(std::size_t i, V a, V b) {
    V& run = run_[i % kParts];
    run = hn::MulAdd(a, b, run);
  }
  HWY_INLINE void EndBlock() {
    for (std::size_t k = 0; k < kParts; ++k) {
      total_[k] = hn::Add(total_[k], run_[k]);
      run_[k] = hn::Zero(D());
    }
  }
  /// L31: a block adds 16 roundings to a lane and one to its total, the lanes five: with those of
  /// the terms below 2^-40 for 2^11 blocks. Products below the normal range err by 2^-1075.
  HWY_INLINE double Upper() const {
    alignas(64) double lane[kLogicalLanes];
    for (std::size_t k = 0; k < kParts; ++k) hn::Store(total_[k], D(), lane + k * hn::Lanes(D()));
    for (std::size_t half = kLogicalLanes / 2; half > 0; half /= 2) {
      for (std::size_t k = 0; k < half; ++k) lane[k] += lane[k + half];
    }
    return lane[0] * (1 + XENT_FAULT(27, -0x1p-40, 0x1p-40)) + 0x1p-1000;
  }

 private:
  static constexpr std::size_t kLogicalLanes = 32;
  static constexpr std::size_t kParts = kLogicalLanes / hn::MaxLanes(D());
  V run_[kParts], total_[kParts];
};

/// Gaps, exponentials and their sums.
template <class View>
class ExponentialPass {
  using B = typename View::Ball;

 public:
  HWY_INLINE explicit ExponentialPass(SoftmaxState& r)
      : r_(r), view_(r), live_(hn::Zero(D())), ties_(hn::Zero(D())) {}

  HWY_NOINLINE void Run() {
    const std::int64_t v = r_.task.c->problem.v;
    alignas(64) double x[kBlock];
    for (std::int64_t first = 0; first < v; first += kBlock) {
      const std::int64_t count = std::min(kBlock, v - first);
      LoadLogits(r_.task, first, count, x);
      RunBlock(first, count, x);
      gaps_.EndBlock();
      logits_.EndBlock();
    }
    r_.below = below_.Total();
    r_.live = hn::GetLane(hn::SumOfLanes(D(), live_));
    r_.ties = hn::GetLane(hn::SumOfLanes(D(), ties_));
    r_.absent = r_.live < static_cast<double>(v);
    r_.gaps = r_.live > r_.ties ? gaps_.Upper() : 0;
    r_.logits = logits_.Upper();
  }

 private:
  HWY_INLINE void RunBlock(std::int64_t first, std::int64_t count, const double* x) {
    const std::int64_t lanes = LanesOf();
    const std::int64_t end = XENT_FAULT(20, count / lanes * lanes, count);
    const std::int64_t scored = r_.task.y - first;
    for (std::int64_t i = 0; i < end; i += lanes) {
      const V logit = hn::Load(D(), x + i);
      const M absent = Absent(logit), at_top = view_.AtTop(logit);
      const B gap = view_.Gap(logit);
      B e = IfThenElseZero(hn::Not(absent), view_.ExpOfGap(gap));
      view_.Keep(first + i, logit, e, gap);
      live_ = hn::Add(live_, hn::IfThenZeroElse(absent, Const(1.0)));
      ties_ = hn::Add(ties_, hn::IfThenElseZero(at_top, Const(1.0)));
      if (r_.top < 0 && !hn::AllFalse(D(), at_top)) {
        r_.top = first + i + hn::FindFirstTrue(D(), at_top);
      }
      if (scored >= i && scored < i + lanes) {
        e = WithoutScored(e, static_cast<std::size_t>(scored - i));
      }
      const auto part = static_cast<std::size_t>(i / lanes);
      if constexpr (!kIsPair<B>) {
        const V e_up = view_.SizeOfNumber(e);
        gaps_.Add(part, e_up, view_.SizeOfNumber(gap));
        logits_.Add(part, e_up, view_.SizeUp(logit));
      }
      const M below = hn::Not(at_top);
      const M summed = XENT_FAULT(22, hn::And(below, NotMiddle(i, count)), below);
      below_.Add(part, IfThenElseZero(summed, e));
    }
  }

  /// Of a fault: all but one class of the block.
  static HWY_INLINE M NotMiddle(std::int64_t i, std::int64_t count) {
    return hn::Ne(hn::Iota(D(), 0), Const(static_cast<double>(count / 2 - i)));
  }

  HWY_INLINE B WithoutScored(const B& e, std::size_t lane) {
    r_.e_scored = Lane(e, lane);
    const V at = hn::Iota(D(), 0);
    return XENT_FAULT(21, e, IfThenElseZero(hn::Ne(at, Const(static_cast<double>(lane))), e));
  }

  SoftmaxState& r_;
  View view_;
  Sum<B> below_;
  SizeSum gaps_, logits_;
  V live_, ties_;
};

}  // namespace softmax
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
