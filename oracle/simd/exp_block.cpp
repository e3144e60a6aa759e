// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oracle/simd/exp_block.cpp"
#include "hwy/foreach_target.h"

#include "hwy/highway.h"
#include "oracle/simd/dispatch.h"
#include "oracle/simd/exp_block.h"

#if HWY_NATIVE_FMA
#include "oracle/simd/ball-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// Upper bounds of the three errors. Their roundings, at most five each, are below 2^-50 of them:
/// kOut covers these and, since b |x| is subtracted from what it enlarges, that subtraction's.
struct ExpErrorBounds {
  V relative, ulp, tiny;
};

struct ExpErrorParameters {
  V slope, cutoff, dead;
};

constexpr double kOut = 1 + 0x1p-48;

HWY_INLINE ExpErrorBounds BoundErrors(V x, V y, V mid, V rad,
                                      const ExpErrorParameters& p) {
  const D d;
  const V least_normal = hn::Set(d, 0x1p-126);
  const V lower = hn::Sub(mid, rad);
  const V error = hn::Add(hn::Abs(hn::Sub(y, mid)), rad);
  const V ratio = hn::Div(error, lower);

  ExpErrorBounds b;
  const V absolute_error = hn::Mul(error, hn::Set(d, 0x1p149 * kOut));
  const M alive = hn::And(hn::Ge(x, p.dead), hn::Le(x, hn::Zero(d)));
  const V lost = hn::Mul(p.slope, hn::Abs(x));
  const V of_slope = hn::Mul(lost, hn::Mul(hn::Max(lower, hn::Zero(d)), hn::Set(d, 0x1p125)));
  b.tiny = hn::Sub(absolute_error, hn::IfThenElseZero(alive, of_slope));
  b.relative = hn::NegMulAdd(p.slope, hn::Abs(x), hn::Mul(ratio, hn::Set(d, 0x1p24 * kOut)));
  // ulp(exp x) >= ulp(lower); lower / 2^floor(log2 lower) is its fraction, in [1, 2).
  const V fraction = hn::Or(hn::Set(d, 1.0), hn::And(lower, hn::BitCast(d, hn::Set(
      hn::RebindToUnsigned<D>(), 0x000fffffffffffffULL))));
  b.ulp = hn::IfThenElse(hn::Lt(lower, least_normal), absolute_error,
                         hn::Mul(hn::Mul(ratio, fraction), hn::Set(d, 0x1p23 * kOut)));

  // NaN is in neither class by comparison, and belongs to the normal results.
  const M absolute = hn::Or(hn::Lt(y, least_normal), hn::Lt(x, p.cutoff));
  b.relative = hn::IfThenZeroElse(absolute, b.relative);
  b.ulp = hn::IfThenZeroElse(absolute, b.ulp);
  b.tiny = hn::IfThenElseZero(absolute, b.tiny);
  const V infinity = hn::Set(d, hwy::HighestValue<double>() * 2);
  b.relative = hn::IfThenElse(hn::IsNaN(b.relative), infinity, b.relative);
  b.ulp = hn::IfThenElse(hn::IsNaN(b.ulp), infinity, b.ulp);
  return b;
}

/// exp of arguments within [kLeast, kGreatest]; exactly 1 at 0.
HWY_INLINE Ball1 ExpOf(V x) {
  const D d;
  const V inside = hn::Clamp(x, hn::Set(d, ExpBlock::kLeast), hn::Set(d, ExpBlock::kGreatest));
  const M zero = hn::Eq(x, hn::Zero(d));
  return IfThenElse(zero, Exact<Ball1>(hn::Set(d, 1.0)), Exp(Exact<Ball1>(inside)));
}

void FillExpBlock(const ExpBlockInput& in, ExpBlock& block) {
  const D d;
  const hn::Rebind<float, D> df;
  const ExpErrorParameters parameters = {hn::Set(d, in.slope), hn::Set(d, in.cutoff),
                                         hn::Set(d, in.dead)};
  V relative = hn::Zero(d), ulp = hn::Zero(d), tiny = hn::Zero(d);
  for (std::size_t i = 0; i < in.count; i += hn::Lanes(d)) {
    const V vx = hn::PromoteTo(d, hn::LoadU(df, in.x + i));
    const V vy = hn::PromoteTo(d, hn::LoadU(df, in.y + i));
    const Ball1 e = ExpOf(vx);
    const ExpErrorBounds b = BoundErrors(vx, vy, e.mid, e.rad, parameters);
    hn::Store(e.mid, d, block.mid + i);
    hn::Store(e.rad, d, block.rad + i);
    hn::Store(b.relative, d, block.relative + i);
    hn::Store(b.ulp, d, block.ulp + i);
    hn::Store(b.tiny, d, block.tiny + i);
    relative = hn::Max(relative, b.relative);
    ulp = hn::Max(ulp, b.ulp);
    tiny = hn::Max(tiny, b.tiny);
  }
  block.most_relative = hn::GetLane(hn::MaxOfLanes(d, relative));
  block.most_ulp = hn::GetLane(hn::MaxOfLanes(d, ulp));
  block.most_tiny = hn::GetLane(hn::MaxOfLanes(d, tiny));
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace xent {

const std::vector<ExpBlockTarget>& exp_block_targets() {
  static const std::vector<ExpBlockTarget> targets =
      XENT_SIMD_SUPPORTED(ExpBlockTarget, FillExpBlock);
  return targets;
}

}  // namespace xent
#endif
