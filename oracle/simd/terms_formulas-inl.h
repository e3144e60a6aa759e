// SPDX-License-Identifier: Apache-2.0
// What one class adds to the loss, and the derivative in its input, as balls. The same quantities
// as reference_terms.cpp; forms that cancel are replaced by equal ones that do not.
#if defined(XENT_ORACLE_SIMD_TERMS_FORMULAS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_TERMS_FORMULAS_INL_H_
#undef XENT_ORACLE_SIMD_TERMS_FORMULAS_INL_H_
#else
#define XENT_ORACLE_SIMD_TERMS_FORMULAS_INL_H_
#endif

#include <cmath>
#include <limits>

#include "oracle/simd/ball-inl.h"
#include "oracle/simd/fault.h"
#include "oracle/simd/rows.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// A vector of classes: input, label or probability, weight.
struct Classes {
  V x, y, w;
  M valid;  ///< of the row, not beyond its end
};

template <class B>
struct Term {
  B loss, derivative;
};

/// What a row is computed from.
struct Given {
  SimdTask task;
  Enclosure labels;  ///< their sum, where smoothing asks for it
};

HWY_INLINE M IsZero(V a) { return hn::Eq(a, hn::Zero(D())); }

/// 0 <= a < infinity.
HWY_INLINE M IsSize(V a) { return hn::And(hn::Ge(a, hn::Zero(D())), hn::IsFinite(a)); }

/// A finite number > 0.
HWY_INLINE M IsPositive(V a) { return hn::And(hn::Gt(a, hn::Zero(D())), hn::IsFinite(a)); }

/// e ln 2 + log(1 + f), the exact f in [-1/4, 1/2].
HWY_INLINE Ball1 LogFromParts(V e, const Ball1& f) {
  const Log1Result log = AddExponent(e, f.mid);
  const V top = hn::Add(f.mid, Const(1.0));
  const V least = hn::NegMulAdd(top, Const(2 * claims::u), hn::Sub(top, f.rad));
  const V zero = hn::Add(hn::Abs(e), hn::Abs(f.mid));
  return {log.value, LogRadius(log.rad, f.rad, least, top, zero)};
}
HWY_INLINE Ball2 LogFromParts(V e, const Ball2& f) {
  const Log2Result log = AddExponent(e, PairOf(f));
  const V top = hn::Add(f.hi, Const(1.0));
  const V least = hn::NegMulAdd(top, Const(2 * claims::u), hn::Sub(top, f.rad));
  const V zero = hn::Add(hn::Abs(e), hn::Abs(f.hi));
  return {log.value.hi, log.value.lo, LogRadius(log.rad, f.rad, least, top, zero)};
}

/// log(p / q) of doubles in (0, 2^1000], relatively accurate (L35): p = 2^e a and q = b up to a
/// power of two with a / b in [3/4, 3/2), where a - b is exact. The fused comparisons are exact.
template <class B>
HWY_INLINE B LogOfRatio(V p, V q) {
  const BinaryScale p_scale(p), q_scale(q);
  const V p_part = p_scale(p), b = q_scale(q);
  const M low = hn::Lt(hn::NegMulAdd(b, Const(0.75), p_part), hn::Zero(D()));
  const M high = hn::Ge(hn::NegMulAdd(b, Const(1.5), p_part), hn::Zero(D()));
  const V shift = hn::IfThenElse(low, Const(-1.0), hn::IfThenElseZero(high, Const(1.0)));
  const V factor = hn::IfThenElse(low, Const(2.0), hn::IfThenElse(high, Const(0.5), Const(1.0)));
  const V a = hn::Mul(p_part, factor);
  const V e = hn::Add(hn::Sub(p_scale.exponent, q_scale.exponent), shift);
  const B f = XENT_FAULT(40, Exact<B>(hn::Sub(hn::Div(a, b), Const(1.0))),
                         Div(Exact<B>(hn::Sub(a, b)), Exact<B>(b)));
  B log = LogFromParts(e, f);
  const M in_range = hn::Le(hn::Max(p, q), Const(0x1p1000));
  log.rad = hn::IfThenElse(in_range, log.rad, Infinite());
  return log;
}

/// e = exp(-|x|) and tail = 1 - sigma(|x|) = e / (1 + e), both exactly 0 at infinite x;
/// difference = sigma(x) - y, as (1 - y) - tail for x > 0, where the sigma is near 1.
template <class B>
struct Logistic {
  M positive;
  V size;  ///< |x|, 0 at infinite x
  B e, share, tail, difference;  ///< share = 1 - y for x > 0, else y

  HWY_INLINE explicit Logistic(const Classes& c) {
    const M finite = hn::IsFinite(c.x);
    positive = hn::Gt(c.x, hn::Zero(D()));
    size = hn::IfThenElseZero(finite, hn::Abs(c.x));
    e = IfThenElseZero(finite, Exp(Exact<B>(hn::Neg(size))));
    const B rest = XENT_FAULT(43, Exact<B>(hn::Sub(Const(1.0), c.y)),
                              SubExact<B>(Const(1.0), c.y));
    share = IfThenElse(positive, rest, Exact<B>(c.y));
    tail = Div(e, AddExact(e, Const(1.0)));
    difference = Sub(share, tail);
    difference = IfThenElse(positive, difference, Neg(difference));
  }
};

/// w (max(x, 0) - x y + log(1 + e^-|x|)), the first two as x (1 - y) or -x y.
template <class B>
class LogitsTerm {
 public:
  static constexpr bool kConditioned = true, kMass = false, kLogarithms = false;

  explicit LogitsTerm(const Given& given) : weights_(given.task.c->problem.weights) {}

  HWY_INLINE M Special(const Classes& c) const {
    const M at_one = hn::Gt(c.x, hn::Zero(D()));
    const M harmless = hn::Or(hn::Eq(c.y, hn::IfThenElseZero(at_one, Const(1.0))), IsZero(c.w));
    return hn::Or(hn::IsNaN(c.x), hn::AndNot(harmless, hn::IsInf(c.x)));
  }

  HWY_INLINE Term<B> operator()(const Classes& c) const {
    const Logistic<B> s(c);
    const B log = Log1p(s.e);
    const B tail = XENT_FAULT(42, IfThenElseZero(hn::Lt(s.size, Const(30.0)), log), log);
    const Term<B> t{Add(MulExact(s.share, s.size), tail), s.difference};
    return weights_ ? Term<B>{MulExact(t.loss, c.w), MulExact(t.derivative, c.w)} : t;
  }

 private:
  bool weights_;
};

/// -w (y log x + (1 - y) log(1 - x)), and w ((1 - y) / (1 - x) - y / x) = w (x - y) / (x (1 - x)).
template <class B>
class ProbabilityTerm {
 public:
  static constexpr bool kConditioned = true, kMass = false, kLogarithms = false;

  explicit ProbabilityTerm(const Given& given)
      : weights_(given.task.c->problem.weights),
        // Above exp(floor): a logarithm below the floor has an argument below it.
        least_(std::exp(given.task.conventions->log_floor) * (1 + 0x1p-40)) {}

  /// Outside [0, 1]; or a logarithm with mass that is infinite or clamped. Below 1/2 the difference
  /// 1 - x is rounded, which least_ covers.
  HWY_INLINE M Special(const Classes& c) const {
    const V rest = hn::Sub(Const(1.0), c.x);
    const M inside = hn::And(hn::Ge(c.x, hn::Zero(D())), hn::Ge(rest, hn::Zero(D())));
    const M log_x = hn::AndNot(IsZero(c.y), hn::Le(c.x, Const(least_)));
    const M log_rest = hn::AndNot(hn::Eq(c.y, Const(1.0)), hn::Le(rest, Const(least_)));
    return hn::Or(hn::Not(inside), hn::AndNot(IsZero(c.w), hn::Or(log_x, log_rest)));
  }

  HWY_INLINE Term<B> operator()(const Classes& c) const {
    const M weighs = hn::Not(IsZero(c.w));
    const M right = hn::AndNot(IsZero(c.y), weighs);
    const M wrong = hn::AndNot(hn::Eq(c.y, Const(1.0)), weighs);
    const V x = hn::IfThenElse(right, c.x, Const(0.5));
    const V x_wrong = hn::IfThenElse(wrong, c.x, Const(0.5));
    const B log_x = IfThenElseZero(right, MulExact(Log(Exact<B>(x)), c.y));
    const B log_rest = Mul(Log1p(Exact<B>(hn::Neg(x_wrong))), SubExact<B>(Const(1.0), c.y));
    const B loss = Neg(Add(log_x, IfThenElseZero(wrong, log_rest)));
    const Term<B> t{loss, Derivative(c, right, wrong, x, SubExact<B>(Const(1.0), x_wrong))};
    return weights_ ? Term<B>{MulExact(t.loss, c.w), MulExact(t.derivative, c.w)} : t;
  }

 private:
  /// 1 / (1 - x) where y = 0, -1 / x where y = 1: no other factor is looked at there. The product
  /// x (1 - x) is not formed, since x may be subnormal.
  HWY_INLINE B Derivative(const Classes& c, M right, M wrong, V x, const B& rest) const {
    const V sign = hn::IfThenElse(right, Const(-1.0), hn::IfThenElseZero(wrong, Const(1.0)));
    const B above = IfThenElse(hn::And(right, wrong), SubExact<B>(c.x, c.y), Exact<B>(sign));
    const B by_rest = Div(above, IfThenElse(wrong, rest, Exact<B>(Const(1.0))));
    return Div(by_rest, Exact<B>(hn::IfThenElse(right, x, Const(1.0))));
  }

  bool weights_;
  double least_;
};

/// (sigma - y)^2, and 2 (sigma - y) sigma (1 - sigma).
template <class B>
class SigmoidTerm {
 public:
  static constexpr bool kConditioned = true, kMass = false, kLogarithms = false;

  explicit SigmoidTerm(const Given&) {}

  HWY_INLINE M Special(const Classes& c) const { return hn::IsNaN(c.x); }

  HWY_INLINE Term<B> operator()(const Classes& c) const {
    const Logistic<B> s(c);
    const B slope = Mul(s.tail, Sub(Exact<B>(Const(1.0)), s.tail));
    const B twice = MulExact(s.difference, Const(2.0));
    return {Mul(s.difference, s.difference), Mul(twice, slope)};
  }
};

/// -p log p and -(log p + 1).
template <class B>
class EntropyTerm {
 public:
  static constexpr bool kConditioned = false, kMass = false, kLogarithms = false;

  explicit EntropyTerm(const Given& given)
      : infinite_at_zero_(given.task.elements && given.task.c->problem.wants_grad()) {}

  HWY_INLINE M Special(const Classes& c) const {
    return hn::Not(infinite_at_zero_ ? IsPositive(c.x) : IsSize(c.x));
  }

  HWY_INLINE Term<B> operator()(const Classes& c) const {
    const M zero = IsZero(c.x);
    const B log = Log(Exact<B>(hn::IfThenElse(zero, Const(1.0), c.x)));
    return {Neg(MulExact(log, c.x)), Neg(AddExact(log, Const(1.0)))};
  }

 private:
  bool infinite_at_zero_;
};

/// -p log q or p log(p / q), and -p / q; all 0 where p = 0, whatever q is.
template <class B, bool kl>
class DivergenceTerm {
 public:
  static constexpr bool kConditioned = false, kMass = false, kLogarithms = kl;

  explicit DivergenceTerm(const Given& given)
      : wide_(given.task.c->problem.dtype == DType::f64) {}

  HWY_INLINE M Special(const Classes& c) const {
    return hn::Or(hn::Not(IsSize(c.y)), hn::AndNot(IsZero(c.y), hn::Not(IsPositive(c.x))));
  }

  HWY_INLINE Term<B> operator()(const Classes& c) const {
    const M zero = IsZero(c.y);
    const V q = hn::IfThenElse(zero, Const(1.0), c.x);
    const V p = hn::IfThenElse(zero, Const(1.0), c.y);
    const B log = kl ? LogOfRatio<B>(p, q) : Neg(Log(Exact<B>(q)));
    return {MulExact(log, c.y), Neg(Ratio(c.y, q))};
  }

 private:
  /// p / q; a tiny p is lifted out of the range where rests of divisions are lost.
  HWY_INLINE B Ratio(V p, V q) const {
    if (!wide_) return Div(Exact<B>(p), Exact<B>(q));
    const M tiny = hn::Lt(p, Const(0x1p-700));
    const V lifted = hn::Mul(p, hn::IfThenElse(tiny, Const(0x1p300), Const(1.0)));
    const B ratio = Div(Exact<B>(lifted), Exact<B>(q));
    return IfThenElse(tiny, MulExact(ratio, Const(0x1p-300)), ratio);
  }

  bool wide_;
};

/// -a x and -a with the target mass a = w (kept y + received), kept = 1 - smoothing.
template <class B>
class MassTerm {
 public:
  static constexpr bool kConditioned = true, kMass = true, kLogarithms = false;

  explicit MassTerm(const Given& given) : weights_(given.task.c->problem.weights) {
    const Problem& p = given.task.c->problem;
    others_ = given.task.conventions->smoothing_over_others;
    const auto receivers = static_cast<double>(others_ ? p.v - 1 : p.v);
    smoothed_ = p.smoothing != 0;
    spreads_ = smoothed_ && receivers > 0;
    keeps_ = p.smoothing != 1;
    kept_ = smoothed_ ? SubExact<B>(Const(1.0), Const(p.smoothing)) : Exact<B>(Const(1.0));
    spread_ = labels_ = Zero<B>();
    whole_ = Const(std::numeric_limits<double>::quiet_NaN());
    if (!spreads_) return;
    spread_ = Div(Exact<B>(Const(p.smoothing)), Exact<B>(Const(receivers)));
    labels_ = FromEnclosure<B>(given.labels);
    if (given.task.y >= 0) whole_ = Const(1.0);
  }

  HWY_INLINE M Special(const Classes& c) const {
    const M odd = hn::Or(hn::IsNaN(c.x), hn::And(hn::IsInf(c.x), HasMass(c)));
    return spreads_ ? hn::Or(odd, hn::Lt(c.y, hn::Zero(D()))) : odd;
  }

  HWY_INLINE Term<B> operator()(const Classes& c) const {
    const B kept = smoothed_ ? MulExact(kept_, c.y) : Exact<B>(c.y);
    const B mass = XENT_FAULT(45, false, spreads_) ? Add(kept, Received(c)) : kept;
    const M has = HasMass(c);
    const B a = Neg(IfThenElseZero(has, weights_ ? MulExact(mass, c.w) : mass));
    return {MulExact(a, hn::IfThenElseZero(has, c.x)), a};
  }

  /// What a is computed from: |w| (|y| + received).
  HWY_INLINE B Size(const Classes& c) const {
    const B labels = Exact<B>(hn::Abs(c.y));
    const B size = spreads_ ? Add(labels, Received(c)) : labels;
    return IfThenElseZero(HasMass(c), weights_ ? MulExact(size, hn::Abs(c.w)) : size);
  }

 private:
  /// What smoothing gives the class: a share of its own, or of what the others have.
  HWY_INLINE B Received(const Classes& c) const {
    return others_ ? Mul(spread_, AddExact(labels_, hn::Neg(c.y))) : spread_;
  }

  /// a is not exactly 0. Labels are not negative where smoothing spreads.
  HWY_INLINE M HasMass(const Classes& c) const {
    const V own = keeps_ ? c.y : hn::Zero(D());
    const V received = !spreads_ ? hn::Zero(D())
                       : others_ ? hn::IfThenZeroElse(hn::Eq(c.y, whole_), Const(1.0))
                                 : Const(1.0);
    return hn::Not(hn::Or(IsZero(c.w), hn::And(IsZero(own), IsZero(received))));
  }

  bool weights_, others_, smoothed_, spreads_, keeps_;
  B kept_, spread_, labels_;
  V whole_;  ///< a label beside which all others are 0; NaN: none is known
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
