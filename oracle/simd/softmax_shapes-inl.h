// SPDX-License-Identifier: Apache-2.0
// Derivatives of a row's loss in its logits, class by class: one shape a family of operations.
#if defined(XENT_ORACLE_SIMD_SOFTMAX_SHAPES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_SOFTMAX_SHAPES_INL_H_
#undef XENT_ORACLE_SIMD_SOFTMAX_SHAPES_INL_H_
#else
#define XENT_ORACLE_SIMD_SOFTMAX_SHAPES_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "oracle/simd/softmax_view-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace softmax {

/// What stands beside the logits of consecutive classes; 0 beyond the row's end.
struct Beside {
  static constexpr std::int64_t kRoom = kBlock + HWY_LANES(double);
  alignas(64) double label[kRoom];   ///< of an index target 1 and 0
  alignas(64) double weight[kRoom];  ///< 1 without weights
  alignas(64) double direction[kRoom];

  HWY_INLINE void LoadLabels(const SimdTask& task, std::int64_t first, std::int64_t count) {
    if (task.y < 0) {
      LoadDoubles(task.c->target, task.row * task.c->problem.v + first, count, 0, label);
      return;
    }
    std::fill_n(label, count + LanesOf() - 1, 0.0);
    if (task.y >= first && task.y < first + count) label[task.y - first] = 1;
  }
  HWY_INLINE void LoadWeights(const SimdTask& task, std::int64_t first, std::int64_t count) {
    if (task.c->problem.weights) return LoadDoubles(task.c->weight, first, count, 0, weight);
    std::fill_n(weight, count, 1.0);
    std::fill_n(weight + count, LanesOf() - 1, 0.0);
  }
  HWY_INLINE void LoadDirection(const SimdTask& task, std::int64_t first, std::int64_t count) {
    LoadDoubles(task.c->direction, task.row * task.c->problem.v + first, count, 0, direction);
  }
};

/// Lanes of classes j, j + 1, ... that are the class `only`.
HWY_INLINE M IsClass(std::int64_t only, std::int64_t j) {
  return hn::Eq(hn::Iota(D(), 0), Const(static_cast<double>(only - j)));
}
HWY_INLINE bool HoldsClass(std::int64_t only, std::int64_t j) {
  return only >= j && only < j + LanesOf();
}

/// Of softmax_j itself, or of the derivatives of lse and of ce with one class of mass: c e_j, but
/// for the class `except`.
template <class B>
class LinearShape {
 public:
  LinearShape(const B& c, std::int64_t except, const B& value)
      : c_(c), value_(value), except_(except) {}
  HWY_INLINE void Load(std::int64_t, std::int64_t) {}
  HWY_INLINE B operator()(std::int64_t j, std::int64_t, const B& e) const {
    B d = Mul(c_, e);
    const bool holds = XENT_FAULT(25, false, HoldsClass(except_, j));
    if (holds) d = IfThenElse(IsClass(except_, j), value_, d);
    return d;
  }

 private:
  B c_, value_;
  std::int64_t except_;
};

/// Target mass a_j; b_j >= |a_j| from which it is computed.
template <class B>
class TargetMass {
 public:
  HWY_INLINE explicit TargetMass(const SimdTask& task)
      : others_(task.conventions->smoothing_over_others && task.y >= 0),
        all_(task.c->problem.smoothing == 1),
        kept_(SubExact<B>(Const(1.0), Const(task.c->problem.smoothing))) {
    const Problem& p = task.c->problem;
    const auto receivers =
        static_cast<double>(task.conventions->smoothing_over_others ? p.v - 1 : p.v);
    spread_ = Zero<B>();
    if (receivers > 0 && p.smoothing != 0) {
      spread_ = Div(Exact<B>(Const(p.smoothing)), Exact<B>(Const(receivers)));
    }
    spread_up_ = Upper(spread_);
  }

  HWY_INLINE B operator()(V label, V weight) const {
    B spread = spread_;
    if (others_) spread = MulExact(spread, hn::Sub(Const(1.0), label));
    return MulExact(Add(MulExact(kept_, label), spread), weight);
  }
  /// b_j but for a few roundings; exactly 0 where a_j is.
  HWY_INLINE V Size(V label, V weight) const {
    const V zero = hn::Zero(D());
    const V spread = others_ ? hn::Mul(spread_up_, hn::Sub(Const(1.0), label)) : spread_up_;
    const V size = hn::Mul(hn::Abs(weight), hn::Add(hn::Abs(label), spread));
    const M some = hn::Or(hn::Gt(spread, zero), hn::Ne(all_ ? zero : label, zero));
    return hn::IfThenElseZero(hn::And(some, hn::Ne(weight, zero)), hn::Max(size, Const(kTinyTerm)));
  }

 private:
  bool others_, all_;
  B kept_, spread_;
  V spread_up_;
};

/// A p_j - a_j + 2 zloss lse p_j; at the maximum (A - a) p - a (s - 1) / s for the first two.
template <class B>
class MassShape {
 public:
  HWY_INLINE explicit MassShape(const SoftmaxState& r)
      : r_(r),
        mass_(r.task),
        c_(FromEnclosure<B>(r.coefficient)),
        special_(FromEnclosure<B>(r.special)) {}
  HWY_INLINE void Load(std::int64_t first, std::int64_t count) {
    beside_.LoadLabels(r_.task, first, count);
    beside_.LoadWeights(r_.task, first, count);
  }
  HWY_INLINE B operator()(std::int64_t j, std::int64_t i, const B& e) const {
    const V label = hn::Load(D(), beside_.label + i), weight = hn::Load(D(), beside_.weight + i);
    B d = Sub(Mul(c_, e), mass_(label, weight));
    if (HoldsClass(r_.top, j)) d = IfThenElse(IsClass(r_.top, j), special_, d);
    return d;
  }

 private:
  const SoftmaxState& r_;
  TargetMass<B> mass_;
  B c_, special_;
  Beside beside_;
};

/// 2 p_j (D_j - sum p_k D_k), D = p - y, both relative to D at the maximum.
template <class B>
class SquareShape {
 public:
  HWY_INLINE explicit SquareShape(const SoftmaxState& r)
      : r_(r),
        inverse_(FromEnclosure<B>(r.inverse)),
        at_top_(FromEnclosure<B>(r.at_top)),
        mean_(FromEnclosure<B>(r.mean)) {}
  HWY_INLINE void Load(std::int64_t first, std::int64_t count) {
    beside_.LoadLabels(r_.task, first, count);
  }
  HWY_INLINE V Label(std::int64_t i) const { return hn::Load(D(), beside_.label + i); }
  HWY_INLINE B Probability(const B& e) const { return Mul(inverse_, e); }
  HWY_INLINE B Difference(std::int64_t j, std::int64_t i, const B& p) const {
    B d = Sub(p, Exact<B>(Label(i)));
    if (HoldsClass(r_.top, j)) d = IfThenElse(IsClass(r_.top, j), at_top_, d);
    return d;
  }
  /// D_j - D_top; exactly 0 at the maximum.
  HWY_INLINE B Relative(std::int64_t j, const B& difference) const {
    B d = Sub(difference, at_top_);
    if (HoldsClass(r_.top, j)) d = IfThenElseZero(hn::Not(IsClass(r_.top, j)), d);
    return d;
  }
  HWY_INLINE B operator()(std::int64_t j, std::int64_t i, const B& e) const {
    const B p = Probability(e);
    return Mul(MulExact(p, Const(2.0)), Sub(Relative(j, Difference(j, i, p)), mean_));
  }

 private:
  const SoftmaxState& r_;
  B inverse_, at_top_, mean_;
  Beside beside_;
};

/// H v: A p_j (v_j - q) + 2 zloss p_j (q + lse (v_j - q)), without the slopes.
template <class B>
class HessianShape {
 public:
  HWY_INLINE explicit HessianShape(const SoftmaxState& r)
      : r_(r),
        v_top_(Const(r.task.c->direction.at(r.task.row * r.task.c->problem.v + r.top))),
        z_loss_(r.task.c->problem.z_loss != 0),
        inverse_(FromEnclosure<B>(r.inverse)),
        mean_(FromEnclosure<B>(r.mean)),
        total_(FromEnclosure<B>(r.total)),
        by_lse_(FromEnclosure<B>(r.by_lse)),
        by_mean_(MulExact(AddExact(mean_, v_top_), Const(2 * r.task.c->problem.z_loss))) {}
  HWY_INLINE void Load(std::int64_t first, std::int64_t count) {
    beside_.LoadDirection(r_.task, first, count);
  }
  HWY_INLINE V Direction(std::int64_t i) const { return hn::Load(D(), beside_.direction + i); }
  HWY_INLINE B Probability(const B& e) const { return Mul(inverse_, e); }
  /// v_j - v_top.
  HWY_INLINE B Relative(std::int64_t i) const { return SubExact<B>(Direction(i), v_top_); }
  HWY_INLINE B operator()(std::int64_t, std::int64_t i, const B& e) const {
    const B relative = Sub(Relative(i), mean_);
    B h = Mul(total_, relative);
    if (z_loss_) h = Add(h, Add(by_mean_, Mul(by_lse_, relative)));
    return Mul(Probability(e), h);
  }

 private:
  const SoftmaxState& r_;
  V v_top_;
  bool z_loss_;
  B inverse_, mean_, total_, by_lse_, by_mean_;
  Beside beside_;
};

/// pass.Begin(first, count); pass.Take(j, i, x, gap_up, e) for vectors of classes j = first + i;
/// pass.End().
template <class View, class Pass>
HWY_INLINE void ForClasses(const SoftmaxState& r, const View& view, std::int64_t first,
                           std::int64_t count, Pass& pass) {
  alignas(64) double x[kBlock];
  LoadLogits(r.task, first, count, x);
  pass.Begin(first, count);
  for (std::int64_t i = 0; i < count; i += LanesOf()) {
    const V logit = hn::Load(D(), x + i);
    const V gap_up = view.GapUp(first + i, logit);
    pass.Take(first + i, i, logit, gap_up, view.Exponential(first + i, gap_up));
  }
  pass.End();
}

/// The same for all classes of the row, block by block.
template <class View, class Pass>
HWY_NOINLINE void ForRow(const SoftmaxState& r, Pass& pass) {
  const View view(r);
  const std::int64_t v = r.task.c->problem.v;
  for (std::int64_t first = 0; first < v; first += kBlock) {
    ForClasses(r, view, first, std::min(kBlock, v - first), pass);
  }
}

}  // namespace softmax
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
