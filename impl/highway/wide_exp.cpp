// SPDX-License-Identifier: Apache-2.0
// The exponential of the rungs, shown so that it can be tried on every argument.
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "impl/highway/wide_exp.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cstddef>

#include "hwy/highway.h"
#include "impl/highway/exp-inl.h"
#include "impl/highway/rungs.h"
#include "impl/highway/wide_exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

/// A number above 2^60 in magnitude makes the sum inf, -inf or NaN, and the row is done by Exp.
void WideExpArray(const float* x, float* y, std::size_t n) {
  const F32 d;
  const WideExp exp;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t j = 0; j < n; j += lanes) {
    const std::size_t count = std::min(lanes, n - j);
    alignas(64) float copy[16] = {};
    std::copy_n(x + j, count, copy);
    const VF v = hn::Load(d, copy);
    const VF e = exp(v);
    const auto below = hn::Lt(v, hn::Zero(d));
    const auto accepted = hn::And(hn::Ge(e, hn::Zero(d)), hn::Le(e, hn::Set(d, 1e37f)));
    const VF careful = hn::IfThenElse(below, Exp(d, hn::Min(v, hn::Zero(d))), e);
    hn::Store(hn::IfThenElse(accepted, e, careful), d, copy);
    std::copy_n(copy, count, y + j);
  }
}

void WideExpOf(void* out) {
  auto* const rung = static_cast<HighwayRung*>(out);
  rung->isa = hwy::TargetName(HWY_TARGET);
  for (char& c : rung->isa) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  rung->fma = HWY_NATIVE_FMA != 0;
  rung->exp = &WideExpArray;
  rung->f16 = XENT_HIGHWAY_F16;
  rung->exp_cutoff = HWY_TARGET > HWY_AVX3;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xent {
HWY_EXPORT(WideExpOf);
void wide_exp_of(HighwayRung* out) { HWY_DYNAMIC_DISPATCH(WideExpOf)(out); }
}  // namespace xent
#endif
