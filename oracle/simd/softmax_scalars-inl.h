// SPDX-License-Identifier: Apache-2.0
// From the sums of up to eight rows at once: log s, loss and whatever else is one number a row.
#if defined(XENT_ORACLE_SIMD_SOFTMAX_SCALARS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_SOFTMAX_SCALARS_INL_H_
#undef XENT_ORACLE_SIMD_SOFTMAX_SCALARS_INL_H_
#else
#define XENT_ORACLE_SIMD_SOFTMAX_SCALARS_INL_H_
#endif

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "oracle/simd/softmax_view-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace softmax {

inline constexpr std::size_t kRows = 8;

/// One number of each row.
struct Column {
  alignas(64) double hi[kRows] = {}, lo[kRows] = {}, rad[kRows] = {};

  void Set(std::size_t row, const Enclosure& e) {
    hi[row] = e.hi;
    lo[row] = e.lo;
    rad[row] = e.rad;
  }
  Enclosure Get(std::size_t row) const {
    return {Enclosure::Kind::number, hi[row], lo[row], rad[row]};
  }
};

template <class B>
HWY_INLINE B LoadColumn(const Column& c, std::size_t i) {
  B b;
  if constexpr (!kIsPair<B>) {
    b.mid = hn::Load(D(), c.hi + i);
  } else {
    b.hi = hn::Load(D(), c.hi + i);
    b.lo = hn::Load(D(), c.lo + i);
  }
  b.rad = hn::Load(D(), c.rad + i);
  return b;
}
template <class B>
HWY_INLINE void StoreColumn(const B& b, Column& c, std::size_t i) {
  hn::Store(Top(b), D(), c.hi + i);
  hn::Store(Low(b), D(), c.lo + i);
  hn::Store(b.rad, D(), c.rad + i);
}

/// Whether, and where, the scored class is.
enum class Scored : int { none, below, at_top };

/// Rows of one case.
template <class B>
class RowScalars {
 public:
  HWY_INLINE RowScalars(const Problem& p, std::span<SoftmaxState* const> rows)
      : problem_(p), logit_(p), rows_(rows) {}

  HWY_NOINLINE void Compute() {
    for (std::size_t k = 0; k < kRows; ++k) Gather(*rows_[k < rows_.size() ? k : 0], k);
    for (std::size_t i = 0; i < rows_.size(); i += hn::Lanes(D())) {
      ComputeSums(i);
      ComputeLoss(i);
      if constexpr (!kIsPair<B>) ComputeSizes(i);
    }
    for (std::size_t k = 0; k < rows_.size(); ++k) Scatter(*rows_[k], k);
  }

 private:
  HWY_INLINE void Gather(const SoftmaxState& r, std::size_t k) {
    const TestCase& c = *r.task.c;
    const std::int64_t y = r.task.y;
    below_.Set(k, r.below);
    e_scored_.Set(k, r.e_scored);
    factor_.Set(k, r.task.factor);
    ties_[k] = r.ties;
    x_top_[k] = r.x_top;
    x_far_[k] = r.x_far;
    x_scored_[k] = y >= 0 ? c.logit(r.task.row, y) : r.x_top;
    weight_[k] = y >= 0 ? c.weight_of(y) : 1;
    scored_[k] = static_cast<double>(y < 0                      ? Scored::none
                                     : x_scored_[k] == r.x_top ? Scored::at_top
                                                               : Scored::below);
  }

  HWY_INLINE M Is(Scored where, std::size_t i) const {
    return hn::Eq(hn::Load(D(), scored_ + i), Const(static_cast<double>(where)));
  }

  /// s = 1 + rest and t as sums of what they consist of: nothing is subtracted.
  HWY_INLINE void ComputeSums(std::size_t i) {
    const B below = LoadColumn<B>(below_, i), e_scored = LoadColumn<B>(e_scored_, i);
    const V ties = hn::Load(D(), ties_ + i);
    const V other_ties = XENT_FAULT(24, ties, hn::Sub(ties, Const(1.0)));
    const B rest = AddExact(Add(below, IfThenElseZero(Is(Scored::below, i), e_scored)), other_ties);
    const B s = AddExact(rest, Const(1.0));
    const B t = IfThenElse(Is(Scored::none, i), s,
                           IfThenElse(Is(Scored::at_top, i), rest, AddExact(below, ties)));
    const B log_s = Log1p(rest);
    const B z_top = logit_(hn::Load(D(), x_top_ + i));
    StoreColumn(rest, rest_, i);
    StoreColumn(s, s_, i);
    StoreColumn(t, t_, i);
    StoreColumn(log_s, log_s_, i);
    StoreColumn(z_top, z_top_, i);
    StoreColumn(Add(z_top, log_s), lse_, i);
    StoreColumn(Div(Exact<B>(Const(1.0)), s), inverse_, i);
  }

  /// Of ce with one class that holds all mass, and of lse; others overwrite it.
  HWY_INLINE void ComputeLoss(std::size_t i) {
    const bool is_lse = problem_.op == Op::lse;
    const B lse = LoadColumn<B>(lse_, i), inverse = LoadColumn<B>(inverse_, i);
    const V weight = hn::Load(D(), weight_ + i), x_scored = hn::Load(D(), x_scored_ + i);
    const B gap = logit_.Difference(hn::Load(D(), x_top_ + i), x_scored);
    B loss = is_lse ? lse : Weighted(Add(gap, LoadColumn<B>(log_s_, i)), weight);
    B sum_of_mass = Exact<B>(is_lse ? Const(1.0) : weight);
    B special = Neg(Weighted(Mul(LoadColumn<B>(t_, i), inverse), weight));
    const B by_lse = MulExact(lse, Const(2 * problem_.z_loss));
    if (problem_.z_loss != 0) {
      loss = Add(loss, MulExact(Mul(lse, lse), Const(problem_.z_loss)));
      sum_of_mass = AddExact(by_lse, weight);
      special = Add(special, Mul(by_lse, Mul(LoadColumn<B>(e_scored_, i), inverse)));
    }
    StoreColumn(problem_.unit == Unit::bits ? Div(loss, Ln2<B>()) : loss, loss_, i);
    StoreColumn(by_lse, by_lse_, i);
    StoreColumn(problem_.z_loss != 0 || problem_.weights ? Mul(sum_of_mass, inverse) : inverse,
                coefficient_, i);
    StoreColumn(special, special_, i);
    ComputeFactor(i);
  }

  /// What the facts say beyond the loss.
  HWY_INLINE void ComputeSizes(std::size_t i) {
    const V x_top = hn::Load(D(), x_top_ + i), x_scored = hn::Load(D(), x_scored_ + i);
    const V x_far = hn::Load(D(), x_far_ + i);
    StoreColumn(logit_(x_scored), z_scored_, i);
    hn::Store(Upper(logit_.Difference(x_top, x_scored)), D(), gap_scored_ + i);
    hn::Store(Upper(logit_.Difference(x_top, x_far)), D(), greatest_gap_ + i);
    hn::Store(hn::Max(MagnitudeUpper(logit_(x_far)), MagnitudeUpper(LoadColumn<B>(z_top_, i))),
              D(), greatest_ + i);
    const LogitOf<Ball2> nearest(problem_);
    hn::Store(Top(nearest(x_top)), D(), nearest_top_ + i);
    hn::Store(Top(nearest(x_scored)), D(), nearest_scored_ + i);
  }

  /// Uncapped, the slope is the same for all classes.
  HWY_INLINE void ComputeFactor(std::size_t i) {
    B factor = LoadColumn<B>(factor_, i);
    const V scale = Const(problem_.scale);
    if (problem_.scale != 1) factor = MulExact(factor, scale);
    if (problem_.scale != 1 && problem_.dir == Dir::hvp) factor = MulExact(factor, scale);
    StoreColumn(factor, factor_, i);
  }

  HWY_INLINE B Weighted(const B& b, V weight) const {
    return problem_.weights ? MulExact(b, weight) : b;
  }

  HWY_INLINE void Scatter(SoftmaxState& r, std::size_t k) const {
    r.scored_top = scored_[k] == static_cast<double>(Scored::at_top);
    r.z_top = z_top_.Get(k);
    r.rest = rest_.Get(k);
    r.s = s_.Get(k);
    r.t = t_.Get(k);
    r.log_s = log_s_.Get(k);
    r.lse = lse_.Get(k);
    r.inverse = inverse_.Get(k);
    r.loss = loss_.Get(k);
    r.by_lse = by_lse_.Get(k);
    r.total = Enclosure::exact(weight_[k]);
    r.coefficient = coefficient_.Get(k);
    r.special = special_.Get(k);
    r.factor = factor_.Get(k);
    if constexpr (!kIsPair<B>) {
      r.z_scored = z_scored_.Get(k);
      r.gap_scored = gap_scored_[k];
      r.greatest_gap = greatest_gap_[k];
      r.greatest = greatest_[k];
      r.nearest_top = nearest_top_[k];
      r.nearest_scored = nearest_scored_[k];
    }
  }

  const Problem& problem_;
  LogitOf<B> logit_;
  std::span<SoftmaxState* const> rows_;
  Column below_, e_scored_, factor_, z_top_, z_scored_, rest_, s_, t_, log_s_, lse_, inverse_,
      loss_, by_lse_, coefficient_, special_;
  alignas(64) double ties_[kRows], x_top_[kRows], x_far_[kRows], x_scored_[kRows], weight_[kRows],
      scored_[kRows], greatest_gap_[kRows], greatest_[kRows], gap_scored_[kRows],
      nearest_top_[kRows], nearest_scored_[kRows];
};

}  // namespace softmax
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
