// SPDX-License-Identifier: Apache-2.0
// What of a row needs s first: sums over target mass, squares, directions and derivatives.
#if defined(XENT_ORACLE_SIMD_SOFTMAX_REST_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_SOFTMAX_REST_INL_H_
#undef XENT_ORACLE_SIMD_SOFTMAX_REST_INL_H_
#else
#define XENT_ORACLE_SIMD_SOFTMAX_REST_INL_H_
#endif

#include <cstdint>

#include "oracle/simd/softmax_facts.h"
#include "oracle/simd/softmax_passes-inl.h"
#include "oracle/simd/softmax_shapes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace softmax {

inline std::size_t PartOf(std::int64_t j) { return static_cast<std::size_t>(j / LanesOf()); }

/// Numbers of one row: the same in every lane.
template <class B>
HWY_INLINE B Scalar(const Enclosure& e) {
  return FromEnclosure<B>(e);
}
template <class B>
HWY_INLINE Enclosure ToScalar(const B& b) {
  return Lane(b, 0);
}
template <class B>
HWY_INLINE Enclosure InUnit(const B& nats, Unit unit) {
  return ToScalar(unit == Unit::bits ? Div(nats, Ln2<B>()) : nats);
}

/// sum of b_j, b_j |d_j|, b_j |z_j| for sizes b_j; upper bounds.
class SizesOfRow {
 public:
  // A default one would be compiled without the instruction set.
  HWY_INLINE SizesOfRow() {}
  HWY_INLINE void Add(std::size_t part, V size, V gap_up, V logit) {
    sizes_.Add(part, size, Const(1.0));
    gaps_.Add(part, size, gap_up);
    logits_.Add(part, size, logit);
  }
  HWY_INLINE void EndBlock() {
    sizes_.EndBlock();
    gaps_.EndBlock();
    logits_.EndBlock();
  }
  HWY_INLINE double size() const { return sizes_.Upper(); }
  HWY_INLINE double gap() const { return gaps_.Upper(); }
  HWY_INLINE double logit() const { return logits_.Upper(); }

 private:
  SizeSum sizes_, gaps_, logits_;
};

/// ce with mass on many classes.
template <class View>
class MassPass {
  using B = typename View::Ball;

 public:
  HWY_INLINE explicit MassPass(SoftmaxState& r)
      : r_(r),
        view_(r),
        mass_(r.task),
        lost_(hn::Ne(hn::Zero(D()), hn::Zero(D()))),
        at_top_(Zero<B>()) {}

  HWY_INLINE void Begin(std::int64_t first, std::int64_t count) {
    beside_.LoadLabels(r_.task, first, count);
    beside_.LoadWeights(r_.task, first, count);
  }
  HWY_INLINE void Take(std::int64_t j, std::int64_t i, V x, V gap_up, const B&) {
    const V label = hn::Load(D(), beside_.label + i), weight = hn::Load(D(), beside_.weight + i);
    const M absent = Absent(x), valid = Valid(r_.task, j);
    const B a = IfThenElseZero(valid, mass_(label, weight));
    const V size = hn::IfThenElseZero(valid, mass_.Size(label, weight));
    lost_ = hn::Or(lost_, hn::And(absent, hn::Ne(size, hn::Zero(D()))));
    total_.Add(PartOf(j), a);
    gaps_.Add(PartOf(j), Mul(a, view_.Gap(x)));
    sizes_.Add(PartOf(j), size, hn::IfThenZeroElse(absent, gap_up), view_.SizeUp(x));
    if (!HoldsClass(r_.top, j)) return others_.Add(PartOf(j), a);
    at_top_ = Scalar<B>(Lane(a, static_cast<std::size_t>(r_.top - j)));
    others_.Add(PartOf(j), IfThenElseZero(hn::Not(IsClass(r_.top, j)), a));
  }
  HWY_INLINE void End() { sizes_.EndBlock(); }

  /// Loss and derivative; false where some mass lies on an absent class.
  HWY_NOINLINE bool Finish() {
    const Problem& p = r_.task.c->problem;
    if (!hn::AllFalse(D(), lost_)) return false;
    r_.mass = {sizes_.size(), sizes_.gap(), sizes_.logit()};
    r_.total = total_.Total();
    const B all = Scalar<B>(r_.total), inverse = Scalar<B>(r_.inverse);
    const B by_lse = Scalar<B>(r_.by_lse), lse = Scalar<B>(r_.lse);
    B loss = Add(Scalar<B>(gaps_.Total()), Mul(all, Scalar<B>(r_.log_s)));
    B special = Sub(Scalar<B>(others_.Total()), Mul(at_top_, Scalar<B>(r_.rest)));
    B c = all;
    if (p.z_loss != 0) {
      loss = Add(loss, MulExact(Mul(lse, lse), Const(p.z_loss)));
      special = Add(special, by_lse);
      c = Add(c, by_lse);
    }
    r_.loss = InUnit(loss, p.unit);
    r_.special = ToScalar(Mul(special, inverse));
    r_.coefficient = ToScalar(Mul(c, inverse));
    return true;
  }

 private:
  SoftmaxState& r_;
  View view_;
  TargetMass<B> mass_;
  Beside beside_;
  Sum<B> total_, others_, gaps_;
  SizesOfRow sizes_;
  M lost_;
  B at_top_;
};

/// Loss of mse-softmax, and what its derivative needs.
template <class View>
class SquarePass {
  using B = typename View::Ball;

 public:
  HWY_INLINE explicit SquarePass(SoftmaxState& r) : r_(r), shape_(WithTop(r)) {}

  HWY_INLINE void Begin(std::int64_t first, std::int64_t count) { shape_.Load(first, count); }
  HWY_INLINE void Take(std::int64_t j, std::int64_t i, V, V, const B& e) {
    const M valid = Valid(r_.task, j);
    const B p = shape_.Probability(e), difference = shape_.Difference(j, i, p);
    squares_.Add(PartOf(j), IfThenElseZero(valid, Mul(difference, difference)));
    mean_.Add(PartOf(j), IfThenElseZero(valid, Mul(p, shape_.Relative(j, difference))));
    sizes_.Add(PartOf(j), hn::Abs(shape_.Label(i)), hn::Zero(D()), hn::Zero(D()));
  }
  HWY_INLINE void End() { sizes_.EndBlock(); }

  HWY_INLINE void Finish() {
    r_.mass = {sizes_.size(), 0, 0};
    r_.loss = InUnit(Scalar<B>(squares_.Total()), r_.task.c->problem.unit);
    r_.mean = mean_.Total();
  }

 private:
  /// D_top = (1 - y) - rest / s.
  static HWY_INLINE const SoftmaxState& WithTop(SoftmaxState& r) {
    const TestCase& c = *r.task.c;
    const double label = r.task.y >= 0 ? (r.task.y == r.top ? 1 : 0)
                                       : c.target.at(r.task.row * c.problem.v + r.top);
    const B share = SubExact<B>(Const(1.0), Const(label));
    r.at_top = ToScalar(Sub(share, Mul(Scalar<B>(r.rest), Scalar<B>(r.inverse))));
    return r;
  }

  SoftmaxState& r_;
  SquareShape<B> shape_;
  Sum<B> squares_, mean_;
  SizesOfRow sizes_;
};

/// q - v_top = sum p_k (v_k - v_top); of the sizes p_k |v_k| and |v_k|.
template <class View>
class DirectionPass {
  using B = typename View::Ball;

 public:
  HWY_INLINE explicit DirectionPass(SoftmaxState& r) : r_(r), shape_(r) {}

  HWY_INLINE void Begin(std::int64_t first, std::int64_t count) { shape_.Load(first, count); }
  HWY_INLINE void Take(std::int64_t j, std::int64_t i, V x, V gap_up, const B& e) {
    const M live = hn::Not(Absent(x));
    mean_.Add(PartOf(j), IfThenElseZero(live, Mul(shape_.Probability(e), shape_.Relative(i))));
    const V size = hn::IfThenElseZero(live, hn::Abs(shape_.Direction(i)));
    sizes_.Add(PartOf(j), hn::Mul(size, Upper(e)), hn::IfThenElseZero(live, gap_up),
               hn::Zero(D()));
    all_.Add(PartOf(j), size, Const(1.0));
  }
  HWY_INLINE void End() {
    sizes_.EndBlock();
    all_.EndBlock();
  }

  HWY_INLINE void Finish() {
    r_.direction = {sizes_.size(), sizes_.gap(), all_.Upper()};
    r_.mean = mean_.Total();
  }

 private:
  SoftmaxState& r_;
  HessianShape<B> shape_;
  Sum<B> mean_;
  SizesOfRow sizes_;
  SizeSum all_;
};

/// sum |dL/dz_j| |z_j| in nats, and what of it is doubt.
template <class View, class Shape>
class ConditionPass {
  using B = typename View::Ball;

 public:
  HWY_INLINE explicit ConditionPass(const SoftmaxState& r) : view_(r), shape_(r) {
    ForRow<View>(r, *this);
  }
  HWY_INLINE void Begin(std::int64_t first, std::int64_t count) { shape_.Load(first, count); }
  HWY_INLINE void Take(std::int64_t j, std::int64_t i, V x, V, const B& e) {
    const V size = view_.SizeUp(x);
    const B d = shape_(j, i, e);
    sum_.Add(PartOf(j), size, MagnitudeUpper(d));
    doubt_.Add(PartOf(j), size, d.rad);
  }
  HWY_INLINE void End() {
    sum_.EndBlock();
    doubt_.EndBlock();
  }
  HWY_INLINE double sum() const { return sum_.Upper(); }
  HWY_INLINE double doubt() const { return doubt_.Upper(); }

 private:
  View view_;
  Shape shape_;
  SizeSum sum_, doubt_;
};

struct Condition {
  double sum, doubt;
};

template <class View>
HWY_NOINLINE Condition ConditionOf(const SoftmaxState& r) {
  using B = typename View::Ball;
  if (r.shape == Derivative::linear) return {linear_condition(r), 0};
  if (r.shape == Derivative::masses) {
    const ConditionPass<View, MassShape<B>> pass(r);
    return {pass.sum(), pass.doubt()};
  }
  const ConditionPass<View, SquareShape<B>> pass(r);
  return {pass.sum(), pass.doubt()};
}

/// Runs what the row's operation needs beyond RowScalars; false where the row is declined.
template <class View>
HWY_INLINE bool SumTheRest(SoftmaxState& r) {
  const Problem& p = r.task.c->problem;
  const bool hessian = p.dir == Dir::hvp;
  if (r.shape == Derivative::masses) {
    MassPass<View> pass(r);
    ForRow<View>(r, pass);
    if (!pass.Finish()) return false;
  } else if (r.shape == Derivative::squares) {
    SquarePass<View> pass(r);
    ForRow<View>(r, pass);
    pass.Finish();
  }
  if (hessian) {
    DirectionPass<View> pass(r);
    ForRow<View>(r, pass);
    pass.Finish();
  }
  return true;
}

}  // namespace softmax
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
