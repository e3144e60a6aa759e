// SPDX-License-Identifier: Apache-2.0
// RowFacts of rows of terms: sums of magnitudes, rounded outward.
#if defined(XENT_ORACLE_SIMD_TERMS_FACTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_TERMS_FACTS_INL_H_
#undef XENT_ORACLE_SIMD_TERMS_FACTS_INL_H_
#else
#define XENT_ORACLE_SIMD_TERMS_FACTS_INL_H_
#endif

#include <algorithm>
#include <cmath>

#include "oracle/simd/terms_formulas-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// a b for a, b >= 0, not less than the product by more than one rounding to nearest, nor where
/// that is subnormal.
HWY_INLINE V ProductUp(V a, V b) {
  const V product = hn::Mul(a, b);
  const M small = hn::AndNot(hn::Or(IsZero(a), IsZero(b)), hn::Lt(product, Const(0x1p-960)));
  return hn::Add(product, hn::IfThenElseZero(small, Const(0x1p-1074)));
}

/// Upper bound of a sum of numbers >= 0, the same on all instruction sets: class j belongs to lane
/// j mod kSumLanes, blocks are added up, then lanes.
class UpperSum {
 public:
  HWY_INLINE UpperSum() {
    for (V& v : run_) v = hn::Zero(D());
    std::fill_n(total_, kSumLanes, 0.0);
  }

  /// Classes [k, k + lanes) of a block.
  HWY_INLINE void Add(std::size_t k, V size) {
    V& run = run_[k % kSumLanes / hn::Lanes(D())];
    run = hn::Add(run, size);
  }

  HWY_INLINE void EndBlock() {
    alignas(64) double lane[kSumLanes];
    for (std::size_t k = 0; k < kSumLanes; k += hn::Lanes(D())) {
      V& run = run_[k / hn::Lanes(D())];
      hn::Store(run, D(), lane + k);
      run = hn::Zero(D());
    }
    for (std::size_t k = 0; k < kSumLanes; ++k) total_[k] += lane[k];
    ++blocks_;
  }

  /// A term is rounded at most 4 times before it comes here, then passes 16 additions in its block,
  /// one a block and kSumLanes of lanes.
  double Upper() const {
    double sum = 0;
    for (const double lane : total_) sum += lane;
    return sum * (1 + XENT_FAULT(44, -1, 1) * (blocks_ + 64) * 0x1p-52);
  }

 private:
  V run_[kSumLanes / hn::MaxLanes(D())];
  double total_[kSumLanes];
  double blocks_ = 0;
};

/// Infinite x count nowhere, nor do classes beyond the end.
class FactSums {
 public:
  HWY_INLINE explicit FactSums(const Problem& p)
      : problem_(p), format_(format(p.dtype)), greatest_(hn::Zero(D())) {}

  /// x alone: the class has no mass.
  HWY_INLINE void AddInput(const Classes& c) {
    const M live = hn::And(c.valid, hn::IsFinite(c.x));
    live_ += static_cast<std::int64_t>(hn::CountTrue(D(), live));
    greatest_ = hn::Max(greatest_, hn::IfThenElseZero(live, hn::Abs(c.x)));
  }

  template <class F>
  HWY_INLINE void Add(std::size_t k, const F& f, const Classes& c, const Term<Ball1>& t) {
    AddInput(c);
    const V x = hn::IfThenElseZero(hn::And(c.valid, hn::IsFinite(c.x)), hn::Abs(c.x));
    terms_.Add(k, MagnitudeUpper(t.loss));
    if constexpr (F::kConditioned) condition_.Add(k, ProductUp(MagnitudeUpper(t.derivative), x));
    if constexpr (F::kMass) {
      const V size = hn::IfThenElseZero(c.valid, MagnitudeUpper(f.Size(c)));
      mass_.Add(k, size);
      logits_.Add(k, ProductUp(size, x));
    } else {
      mass_.Add(k, hn::IfThenElseZero(c.valid, hn::Abs(c.y)));
    }
    if constexpr (F::kLogarithms) AddLogarithms(k, c);
  }

  HWY_INLINE void EndBlock() {
    for (UpperSum* sum : {&terms_, &condition_, &mass_, &logits_, &logarithms_, &far_}) {
      sum->EndBlock();
    }
  }

  /// `loss` and the condition in the problem's unit. False, and nothing set, where a fact is beyond
  /// doubles.
  template <class F>
  bool Set(RowFacts& facts, const Enclosure& loss) const {
    RowFacts f;
    alignas(64) double lane[kSumLanes];
    hn::Store(greatest_, D(), lane);
    f.live = live_;
    f.greatest = *std::max_element(lane, lane + hn::Lanes(D()));
    f.mass = mass_.Upper();
    f.mass_logit = logits_.Upper();
    f.terms = terms_.Upper();
    f.log_terms = logarithms_.Upper();
    f.far_log_terms = far_.Upper();
    f.loss = std::fmin(magnitude_upper(loss), std::numeric_limits<double>::max());
    const double condition = F::kConditioned ? condition_.Upper() : f.terms;
    f.condition = problem_.unit == Unit::bits ? condition * kPerBit : condition;
    if (F::kConditioned) f.condition += f.loss;
    const double all = f.mass + f.mass_logit + f.terms + f.log_terms + f.condition;
    if (!std::isfinite(all)) return false;
    facts = f;
    return true;
  }

 private:
  static constexpr double kPerBit = 0x1.71547652b82ffp+0;  ///< >= 1 / log 2

  /// kl: p (|log p| + |log q|), and the same where p / q is subnormal or overflows in the input's
  /// format, give or take a factor of 2. The scalings are exact, or infinite and on the right side.
  HWY_INLINE void AddLogarithms(std::size_t k, const Classes& c) {
    const M has = hn::AndNot(IsZero(c.y), c.valid);
    const V p = hn::IfThenElse(has, c.y, Const(1.0)), q = hn::IfThenElse(has, c.x, Const(1.0));
    const V log_p = MagnitudeUpper(Log(Exact<Ball1>(p)));
    const V log_q = MagnitudeUpper(Log(Exact<Ball1>(q)));
    const V both = hn::IfThenElseZero(has, ProductUp(p, hn::Add(log_p, log_q)));
    const V above = hn::Mul(q, Const(std::ldexp(1.0, format_.emax - 1)));
    const V below = hn::Mul(p, Const(std::ldexp(1.0, -(format_.emin + 1))));
    logarithms_.Add(k, both);
    far_.Add(k, hn::IfThenElseZero(hn::Or(hn::Gt(p, above), hn::Lt(below, q)), both));
  }

  const Problem& problem_;
  Format format_;
  std::int64_t live_ = 0;
  V greatest_;
  UpperSum terms_, condition_, mass_, logits_, logarithms_, far_;
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
