// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set: this file includes itself through foreach_target.h.
#include "oracle/compare_block.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oracle/compare_block.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<double, 8>;
using V = hn::Vec<D>;
using M = hn::Mask<D>;
constexpr std::int64_t kStep = 8;
constexpr std::size_t kParts = static_cast<std::size_t>(kStep) / hn::MaxLanes(D());

/// One figure in eight lanes on every instruction set.
class Eight {
 public:
  HWY_INLINE explicit Eight(double start = 0) {
    for (V& v : part_) v = hn::Set(D(), start);
  }
  HWY_INLINE void Add(std::size_t i, V x) { part_[i] = hn::Add(part_[i], x); }
  HWY_INLINE void Max(std::size_t i, V x) { part_[i] = hn::Max(part_[i], x); }
  HWY_INLINE void Min(std::size_t i, V x) { part_[i] = hn::Min(part_[i], x); }
  HWY_INLINE double Sum() const {
    alignas(64) double lane[kStep];
    for (std::size_t i = 0; i < kParts; ++i) {
      hn::Store(part_[i], D(), lane + i * hn::MaxLanes(D()));
    }
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) +
           ((lane[4] + lane[5]) + (lane[6] + lane[7]));
  }
  HWY_INLINE double Greatest() const {
    V most = part_[0];
    for (const V& v : part_) most = hn::Max(most, v);
    return hn::GetLane(hn::MaxOfLanes(D(), most));
  }
  HWY_INLINE double Smallest() const {
    V least = part_[0];
    for (const V& v : part_) least = hn::Min(least, v);
    return hn::GetLane(hn::MinOfLanes(D(), least));
  }

 private:
  V part_[kParts];
};

/// Upper bound of |got - x|, and a number of the sign of got - x.
struct Distances {
  V upper, difference;
};

/// got - hi = v + e exactly, t = fl(e - lo), s = fl(v + t): |got - (hi + lo)| <= |s| (1 + 2^-53) +
/// 2^-53 |t|, which the last factor and the sums before it cover. Sums are exact among subnormals.
HWY_INLINE Distances DistanceTo(V got, V hi, V lo, V rad) {
  const D d;
  const V v = hn::Sub(got, hi);
  const V hi_part = hn::Sub(v, got);
  const V got_part = hn::Sub(v, hi_part);
  const V e = hn::Sub(hn::Sub(got, got_part), hn::Add(hi, hi_part));
  const V t = hn::Sub(e, lo);
  const V s = hn::Add(v, t);
  const V size = hn::Add(hn::Abs(s), hn::Mul(hn::Abs(t), hn::Set(d, 0x1p-53)));
  return {hn::Mul(hn::Add(size, rad), hn::Set(d, 1 + 0x1p-50)), s};
}

/// Histogram::bin_of, kNoBin outside the mask.
HWY_INLINE void StoreBins(V x, M mask, std::int64_t* at) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const auto bits = hn::Add(hn::BitCast(du, x), hn::Set(du, (std::uint64_t{1} << 45) - 1));
  const auto bins = hn::BitCast(di, hn::ShiftRight<45>(bits));
  hn::Store(hn::IfThenElse(hn::RebindMask(di, mask), bins, hn::Set(di, -1)), di, at);
}

/// x / ulp(hi): a scaling by powers of two. |hi| < 2^1022.
class InUlps {
 public:
  explicit InUlps(DType format) {
    const Format f = xent::format(format);
    least_ = std::ldexp(1.0, f.emin);
    scale_ = std::ldexp(1.0, f.precision - 1);
  }
  HWY_INLINE V Of(V x, V hi) const {
    const D d;
    const hn::RebindToUnsigned<D> du;
    const V exponent = hn::BitCast(d, hn::Set(du, 0x7ff0000000000000u));
    const V binade = hn::Max(hn::And(hi, exponent), hn::Set(d, least_));
    const V inverse =
        hn::BitCast(d, hn::Sub(hn::Set(du, 0x7fe0000000000000u), hn::BitCast(du, binade)));
    return hn::Mul(hn::Mul(x, inverse), hn::Set(d, scale_));
  }

 private:
  double least_, scale_;
};

void Compare(ComparedBlock& b, const Elements& e, DType format) {
  const D d;
  const V ordinary = hn::Set(d, 0x1p1022), zero = hn::Zero(d);
  const InUlps in_ulps(format);
  constexpr double kFar = std::numeric_limits<double>::infinity();
  Eight max_error, min_over(kFar), max_over, sum_over;
  Eight min_abs_ulp(kFar), sum_abs_ulp, min_ulp, max_ulp, sum_ulp;
  std::int64_t within = 0;
  for (std::int64_t at = 0; at < b.count; at += kStep) {
    for (std::size_t part = 0; part < kParts; ++part) {
      const auto i = at + static_cast<std::int64_t>(part * hn::MaxLanes(d));
      const V got = hn::Load(d, b.got + i), bound = hn::Load(d, b.bound + i);
      const V hi = hn::Load(d, e.hi + i);
      const Distances x = DistanceTo(got, hi, hn::Load(d, e.lo + i), hn::Load(d, e.rad + i));
      const V largest = hn::Max(hn::Max(hn::Abs(got), hn::Abs(hi)), bound);
      const std::int64_t left = std::max<std::int64_t>(b.count - i, 0);
      const M there = hn::FirstN(d, static_cast<std::size_t>(left));
      const M passes = hn::And(hn::And(hn::Le(x.upper, bound), hn::Lt(largest, ordinary)), there);
      within += static_cast<std::int64_t>(hn::CountTrue(d, passes));
      const V error = hn::IfThenElseZero(passes, x.upper);
      const V over = hn::IfThenElseZero(hn::And(passes, hn::Gt(bound, zero)),
                                        hn::Div(error, bound));
      const V size = hn::IfThenElseZero(passes, in_ulps.Of(error, hi));
      const V ulps = hn::IfThenElse(hn::Lt(x.difference, zero), hn::Neg(size), size);
      StoreBins(over, passes, b.over_bin + i);
      StoreBins(size, passes, b.ulp_bin + i);
      max_error.Max(part, error);
      min_over.Min(part, over);
      max_over.Max(part, over);
      sum_over.Add(part, over);
      min_abs_ulp.Min(part, size);
      sum_abs_ulp.Add(part, size);
      min_ulp.Min(part, ulps);
      max_ulp.Max(part, ulps);
      sum_ulp.Add(part, ulps);
    }
  }
  b.within = within;
  b.max_error = max_error.Greatest();
  b.min_over = min_over.Smallest();
  b.max_over = max_over.Greatest();
  b.sum_over = sum_over.Sum();
  b.min_abs_ulp = min_abs_ulp.Smallest();
  b.sum_abs_ulp = sum_abs_ulp.Sum();
  b.min_ulp = min_ulp.Smallest();
  b.max_ulp = max_ulp.Greatest();
  b.sum_ulp = sum_ulp.Sum();
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xent {
HWY_EXPORT(Compare);

void compare_block(ComparedBlock& b, const Elements& e, DType format) {
  HWY_DYNAMIC_DISPATCH(Compare)(b, e, format);
}

}  // namespace xent
#endif
