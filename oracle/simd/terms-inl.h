// SPDX-License-Identifier: Apache-2.0
// Rows that are sums of terms, class by class: built from the formulas of one class.
#if defined(XENT_ORACLE_SIMD_TERMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_TERMS_INL_H_
#undef XENT_ORACLE_SIMD_TERMS_INL_H_
#else
#define XENT_ORACLE_SIMD_TERMS_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

#include "oracle/simd/load-inl.h"
#include "oracle/simd/terms_facts-inl.h"
#include "oracle/simd/terms_formulas-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// Consecutive classes of a row as doubles.
class ClassBlock {
 public:
  static constexpr std::int64_t kMost = Elements::kMost;

  HWY_INLINE explicit ClassBlock(const SimdTask& task)
      : task_(task), entropy_(task.c->problem.op == Op::entropy) {}

  HWY_INLINE void Load(std::int64_t first, std::int64_t count) {
    const TestCase& c = *task_.c;
    const std::int64_t at = task_.row * c.problem.v + first;
    count_ = count;
    LoadDoubles(c.input, at, count, 0, x_);
    if (c.problem.weights) LoadDoubles(c.weight, first, count, 0, w_);
    if (task_.y >= 0) MarkTarget(task_.y - first);
    else if (!entropy_) LoadDoubles(c.target, at, count, 0, y_);
  }

  std::int64_t count() const { return count_; }

  HWY_INLINE Classes At(std::int64_t k) const {
    const double* const y = entropy_ ? x_ : y_;
    const V w = task_.c->problem.weights ? hn::Load(D(), w_ + k) : Const(1.0);
    const auto left = static_cast<std::size_t>(count_ - k);
    const M valid = hn::FirstN(D(), XENT_FAULT(41, left < hn::Lanes(D()) ? 0 : left, left));
    return {hn::Load(D(), x_ + k), hn::Load(D(), y + k), w, valid};
  }

 private:
  /// y is 1 at the class that scores the row, else 0.
  HWY_INLINE void MarkTarget(std::int64_t at) {
    for (std::int64_t k = 0; k < count_; k += static_cast<std::int64_t>(hn::Lanes(D()))) {
      hn::Store(hn::Zero(D()), D(), y_ + k);
    }
    if (at >= 0 && at < count_) y_[at] = 1;
  }

  const SimdTask& task_;
  bool entropy_;
  std::int64_t count_ = 0;
  alignas(64) double x_[kMost];
  alignas(64) double y_[kMost];
  alignas(64) double w_[kMost];
};

/// The class that scores the row is the only one with mass.
inline bool HasOnlyClass(const SimdTask& task) {
  return task.y >= 0 && task.c->problem.smoothing == 0;
}

inline bool HoldsClass(std::int64_t y, std::int64_t first, std::int64_t count) {
  return y >= first && y < first + count;
}

/// One pass over the row. Facts come from Ball1 alone.
template <class B, class F>
class TermPass {
 public:
  HWY_INLINE explicit TermPass(const Given& given)
      : given_(given), f_(given), facts_(given.task.c->problem), block_(given.task) {}

  /// False: a class has no finite term, and the row is declined.
  HWY_INLINE bool Run() {
    const std::int64_t v = given_.task.c->problem.v;
    const bool only = HasOnlyClass(given_.task);
    for (std::int64_t first = 0; first < v; first += ClassBlock::kMost) {
      const std::int64_t count = std::min(v - first, ClassBlock::kMost);
      const bool mass = !only || HoldsClass(given_.task.y, first, count);
      if (!mass && !WantsFacts()) continue;
      block_.Load(first, count);
      if (mass ? !AddTerms() : !AddInputs()) return false;
    }
    return true;
  }

  Enclosure Loss() { return sum_.Total(); }
  const FactSums& facts() const { return facts_; }

 private:
  static constexpr std::int64_t Lanes() { return static_cast<std::int64_t>(hn::Lanes(D())); }

  bool WantsFacts() const {
    return std::is_same_v<B, Ball1> && given_.task.facts != nullptr;
  }

  HWY_INLINE bool AddTerms() {
    M special = hn::FirstN(D(), 0);
    const bool wants_facts = WantsFacts();
    for (std::int64_t k = 0; k < block_.count(); k += Lanes()) {
      const Classes c = block_.At(k);
      const M ordinary = hn::And(hn::IsFinite(c.y), hn::IsFinite(c.w));
      special = hn::Or(special, hn::And(c.valid, hn::Or(f_.Special(c), hn::Not(ordinary))));
      Term<B> t = f_(c);
      t.loss = IfThenElseZero(c.valid, t.loss);
      sum_.Add(added_++, t.loss);
      if constexpr (std::is_same_v<B, Ball1>) {
        if (wants_facts) facts_.Add(static_cast<std::size_t>(k), f_, c, t);
      }
    }
    // Whole steps: what the sum counts then depends on no width.
    while (added_ % Sum<B>::kVectors != 0) sum_.Add(added_++, Zero<B>());
    if (wants_facts) facts_.EndBlock();
    return hn::AllFalse(D(), special);
  }

  HWY_INLINE bool AddInputs() {
    for (std::int64_t k = 0; k < block_.count(); k += Lanes()) facts_.AddInput(block_.At(k));
    return true;
  }

  const Given& given_;
  F f_;
  Sum<B> sum_;
  std::size_t added_ = 0;  ///< vectors
  FactSums facts_;
  ClassBlock block_;
};

/// What is not finite becomes 0 with an infinite radius.
HWY_INLINE void Store(V hi, V lo, V rad, std::int64_t k, Elements& out) {
  const M finite = hn::And(hn::IsFinite(hi), hn::And(hn::IsFinite(lo), hn::IsFinite(rad)));
  const V infinity = Const(std::numeric_limits<double>::infinity());
  hn::Store(hn::IfThenElseZero(finite, hi), D(), out.hi + k);
  hn::Store(hn::IfThenElseZero(finite, lo), D(), out.lo + k);
  hn::Store(hn::IfThenElse(finite, rad, infinity), D(), out.rad + k);
}
HWY_INLINE void Store(const Ball1& b, std::int64_t k, Elements& out) {
  Store(b.mid, hn::Zero(D()), b.rad, k, out);
}
HWY_INLINE void Store(const Ball2& b, std::int64_t k, Elements& out) {
  Store(b.hi, b.lo, b.rad, k, out);
}

/// Times the gradient's factor, which often is 1 or another double.
template <class B>
class Factor {
 public:
  HWY_INLINE explicit Factor(const Enclosure& e)
      : exact_(e.lo == 0 && e.rad == 0), one_(exact_ && e.hi == 1), ball_(FromEnclosure<B>(e)),
        value_(Const(e.hi)) {}
  HWY_INLINE B Times(const B& b) const {
    if (one_) return b;
    return exact_ ? MulExact(b, value_) : Mul(b, ball_);
  }

 private:
  bool exact_, one_;
  B ball_;
  V value_;
};

template <class B, class F>
class TermRow final : public SimdRow {
 public:
  TermRow(const Given& given, const Enclosure& loss) : given_(given), loss_(loss) {
    given_.task.facts = nullptr;
  }

  Enclosure loss() const override { return loss_; }
  Enclosure lse() const override { return Enclosure::special(Enclosure::Kind::undefined); }
  void probabilities(std::int64_t, std::int64_t count, Elements& out) const override {
    Clear(count, out);
  }
  void gradients(std::int64_t first, std::int64_t count, Elements& out) const override {
    Clear(count, out);
    if (HasOnlyClass(given_.task) && !HoldsClass(given_.task.y, first, count)) return;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(D()));
    const F f(given_);
    const Factor<B> factor(given_.task.factor);
    ClassBlock block(given_.task);
    block.Load(first, count);
    for (std::int64_t k = 0; k < count; k += lanes) {
      Store(factor.Times(f(block.At(k)).derivative), k, out);
    }
  }
  std::int64_t bytes() const override { return sizeof *this; }

 private:
  static void Clear(std::int64_t count, Elements& out) {
    for (double* const field : {out.hi, out.lo, out.rad, out.probability, out.gap}) {
      std::fill_n(field, count, 0.0);
    }
  }

  Given given_;
  Enclosure loss_;
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
