// SPDX-License-Identifier: Apache-2.0
// From inputs to logits: scale and soft cap of a vector of classes, as balls.
#if defined(XENT_ORACLE_SIMD_SOFTMAX_MAPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_SOFTMAX_MAPS_INL_H_
#undef XENT_ORACLE_SIMD_SOFTMAX_MAPS_INL_H_
#else
#define XENT_ORACLE_SIMD_SOFTMAX_MAPS_INL_H_
#endif

#include "oracle/simd/ball-inl.h"
#include "oracle/simd/softmax_state.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace softmax {

/// 1 - e^x for x <= 0, relatively accurate.
template <class B>
HWY_INLINE B OneMinusExp(const B& x) {
  const V least = Const(-80.0);
  const M far = hn::Lt(hn::Add(Top(x), x.rad), least);
  const B m = Neg(Expm1OfExact(IfThenElse(far, Exact<B>(least), Centre(x))));
  // e^-80 < 2^-115, and elsewhere |d e^x| <= 1.
  return Inflate(m, hn::IfThenElse(far, Const(0x1p-115), x.rad));
}

/// tanh x; the radius of an x beyond 41 does not matter, as that of Tanh covers all such numbers.
template <class B>
HWY_INLINE B SteadyTanh(const B& x) {
  const V end = Const(41.0);
  const M far = hn::Gt(hn::Sub(hn::Abs(Top(x)), x.rad), end);
  return Tanh(IfThenElse(far, Exact<B>(hn::CopySign(end, Top(x))), x));
}

/// tanh a - tanh b without cancellation (L32), where a is one number and b many, with E = e^-2|x|:
/// 2 E (1 - e^-2|a-b|) / ((1 + E_a) (1 + E_b)) with the larger E where the signs are equal, else
/// tanh |a| + tanh |b|.
template <class B>
class TanhDifference {
 public:
  TanhDifference() = default;
  HWY_INLINE explicit TanhDifference(const B& a)
      : a_(a),
        e_a_(DoubledExp(a)),
        above_a_(AddExact(e_a_, Const(1.0))),
        tanh_a_(Abs(SteadyTanh(a))) {}

  /// |tanh a - tanh b|; distance = a - b.
  HWY_INLINE B operator()(const B& b, const B& distance) const {
    const V zero = hn::Zero(D());
    const M same = hn::Not(hn::Xor(hn::Lt(Top(a_), zero), hn::Lt(Top(b), zero)));
    const B e_b = DoubledExp(b), above_b = AddExact(e_b, Const(1.0));
    const B inside = IfThenElse(same, Abs(distance), Abs(b));
    const B m = OneMinusExp(MulExact(inside, Const(-2.0)));
    const B larger = IfThenElse(hn::Lt(hn::Abs(Top(b)), hn::Abs(Top(a_))), e_b, e_a_);
    const B near = Div(Mul(MulExact(larger, Const(2.0)), m), Mul(above_a_, above_b));
    return IfThenElse(same, near, Add(tanh_a_, Div(m, above_b)));
  }

 private:
  static HWY_INLINE B DoubledExp(const B& x) { return Exp(MulExact(Abs(x), Const(-2.0))); }
  B a_, e_a_, above_a_, tanh_a_;
};

/// f(x) as a ball.
template <class B>
class LogitOf {
 public:
  HWY_INLINE explicit LogitOf(const Problem& p)
      : map_(p.softcap != 0 ? LogitMap::capped
             : p.scale != 1 ? LogitMap::scaled
                            : LogitMap::identity),
        scale_(Const(p.scale)),
        cap_(Const(p.softcap)) {}

  HWY_INLINE B operator()(V x) const {
    if (map_ == LogitMap::identity) return Exact<B>(x);
    if (map_ == LogitMap::scaled) return MulExact(Exact<B>(x), scale_);
    return MulExact(SteadyTanh(Inside(Exact<B>(x))), cap_);
  }
  /// f(a) - f(b) >= 0; exactly 0 at a = b.
  HWY_INLINE B Difference(V a, V b) const {
    if (map_ == LogitMap::capped) return Difference(Capped(a), a, b);
    B d = SubExact<B>(a, b);
    if (map_ == LogitMap::scaled) d = MulExact(d, scale_);
    return d;
  }
  /// The same, capped, for many b.
  HWY_INLINE TanhDifference<B> Capped(V a) const {
    return TanhDifference<B>(Inside(Exact<B>(a)));
  }
  HWY_INLINE B Difference(const TanhDifference<B>& from_a, V a, V b) const {
    const B d = from_a(Inside(Exact<B>(b)), Inside(SubExact<B>(a, b)));
    return IfThenElseZero(hn::Ne(a, b), MulExact(d, cap_));
  }
  /// The capped f'(x) / scale.
  HWY_INLINE B Slope(V x) const {
    const B sech = Sech(Inside(Exact<B>(x)));
    return Mul(sech, sech);
  }
  LogitMap map() const { return map_; }

 private:
  HWY_INLINE B Inside(const B& x) const { return Div(MulExact(x, scale_), Exact<B>(cap_)); }

  LogitMap map_;
  V scale_, cap_;
};

}  // namespace softmax
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
