// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oracle/simd/primitives.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cstddef>

#include "hwy/highway.h"
#include "oracle/simd/dispatch.h"
#include "oracle/simd/primitives.h"

#if HWY_NATIVE_FMA
#include "oracle/simd/ball-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

inline constexpr std::size_t kStep = HWY_LANES(double);

/// kStep balls from x + i; beyond the end exact zeros.
template <class B>
B LoadBalls(std::span<const Enclosure> x, std::size_t i) {
  HWY_ALIGN double hi[kStep] = {}, lo[kStep] = {}, rad[kStep] = {};
  for (std::size_t k = 0; i + k < x.size() && k < kStep; ++k) {
    hi[k] = x[i + k].hi;
    lo[k] = x[i + k].lo;
    rad[k] = x[i + k].rad;
  }
  if constexpr (kIsPair<B>) {
    return {hn::Load(D(), hi), hn::Load(D(), lo), hn::Load(D(), rad)};
  } else {
    return {hn::Load(D(), hi), hn::Load(D(), rad)};
  }
}

template <class B>
B Unary(Primitive what, const B& a) {
  switch (what) {
    case Primitive::exp: return Exp(a);
    case Primitive::log: return Log(a);
    case Primitive::log1p: return Log1p(a);
    case Primitive::tanh: return Tanh(a);
    case Primitive::sech: return Sech(a);
    case Primitive::upper: return Exact<B>(Upper(a));
    case Primitive::magnitude_upper: return Exact<B>(MagnitudeUpper(a));
    default: return Exact<B>(Lower(a));
  }
}

template <class B>
B Binary(Primitive what, const B& a, const B& b) {
  switch (what) {
    case Primitive::add: return Add(a, b);
    case Primitive::subtract: return Sub(a, b);
    case Primitive::multiply: return Mul(a, b);
    case Primitive::divide: return Div(a, b);
    case Primitive::add_exact: return AddExact(a, Top(b));
    case Primitive::square_minus: return Exact<B>(hn::Sub(hn::Mul(Top(a), Top(a)), Top(b)));
    case Primitive::subtract_exact: return SubExact<B>(Top(a), Top(b));
    default: return MulExact(a, Top(b));
  }
}

template <class B>
void RunSum(const PrimitiveCall& call) {
  Sum<B> sum;
  for (std::size_t i = 0; i < call.a.size(); i += kStep) {
    sum.Add(i / kStep, LoadBalls<B>(call.a, i));
  }
  call.result[0] = sum.Total();
}

template <class B>
void RunBalls(const PrimitiveCall& call) {
  if (call.what == Primitive::sum) return RunSum<B>(call);
  for (std::size_t i = 0; i < call.result.size(); i += kStep) {
    const B a = LoadBalls<B>(call.a, i);
    const B y = call.b.empty() ? Unary(call.what, a)
                               : Binary(call.what, a, LoadBalls<B>(call.b, i));
    const std::size_t count = std::min(kStep, call.result.size() - i);
    for (std::size_t k = 0; k < count; ++k) call.result[i + k] = Lane(y, k);
  }
}

void RunPrimitive(const PrimitiveCall& call) {
  call.tier == Tier::pairs ? RunBalls<Ball2>(call) : RunBalls<Ball1>(call);
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace xent {

const std::vector<PrimitiveTarget>& primitive_targets() {
  static const std::vector<PrimitiveTarget> targets =
      XENT_SIMD_SUPPORTED(PrimitiveTarget, RunPrimitive);
  return targets;
}

}  // namespace xent
#endif
