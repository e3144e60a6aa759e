// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_SAFE_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_SAFE_ROWS_INL_H
#undef XENT_HIGHWAY_SAFE_ROWS_INL_H
#else
#define XENT_HIGHWAY_SAFE_ROWS_INL_H
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "impl/highway/exp-inl.h"
#include "impl/highway/row_options-inl.h"
#include "impl/highway/safe_loop-inl.h"
#include "impl/highway/steps-inl.h"
#include "impl/highway/tanh-inl.h"
#include "impl/row_formulas.h"
#include "impl/row_output.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
T Maximum(const T* z, std::int64_t v) {
  const Tag<T> d;
  constexpr T nothing = -std::numeric_limits<T>::infinity();
  auto m = hn::Set(d, nothing);
  ForSteps<T>(0, v, [&](const Step<T>& step) XENT_INLINED {
    for (std::size_t i = 0; i < Parts<T>(); ++i) {
      m = hn::Max(m, step.Within(step.Load(z, i), nothing, i));
    }
  });
  T lane[kLanes<T>];
  hn::StoreU(m, d, lane);
  return *std::max_element(lane, lane + hn::Lanes(d));
}

/// The sums of a row of logits below their maximum m; y < 0: no target. `e` receives every
/// exp(z_j - m) unless null; it may be z. The row `next` is asked for meanwhile.
template <class T>
RowSums<T> SumsBelow(T m, const T* z, std::int64_t v, std::int64_t y, T* e, const T* next) {
  const Tag<T> d;
  RowSums<T> row;
  row.m = m;
  const T shift = finite_shift(m);
  if (y >= 0) row.z_y = z[y];
  row.e_y = ExpOf(row.z_y - shift);
  VectorSum<T> all;
  VectorSum<T> others;
  ForRuns<T>(v, [&](std::int64_t from, std::int64_t to) XENT_INLINED {
    const bool holds_y = y >= from && y < to;
    ForSteps<T>(from, to, [&](const Step<T>& step) XENT_INLINED {
      step.Prefetch(next);
      for (std::size_t i = 0; i < Parts<T>(); ++i) {
        const auto x = Exp(d, hn::Sub(step.Load(z, i), hn::Set(d, shift)));
        if (e != nullptr) step.Store(x, e, i);
        all.Add(step, i, x);
        if (holds_y) others.Add(step, i, step.Replaced(x, y, T(0), i));
      }
    });
    if (!holds_y) others.TakeRun(all);
    all.EndRun();
    others.EndRun();
  });
  row.s = all.Value();
  row.t = others.Value();
  return row;
}

template <class T>
T LossOf(const RowSums<T>& r) {
  return r.z_y == r.m ? Log1pOf(r.t / r.e_y) : (r.m - r.z_y) + LogOf(r.s);
}

/// ce, lse and mse-softmax as SoftmaxRows has them, member for member.
template <class T>
class SafeRows {
 public:
  /// Of one thread.
  SafeRows(const RowView<T>& w, const Divisors<T>& divisors, T* losses)
      : w_(w),
        divisors_(divisors),
        losses_(losses),
        transforms_(!(w.scale == T(1) && w.softcap == T(0))),
        mixture_(w.op == Op::ce && (w.target != nullptr || !(w.smoothing == T(0)))),
        index_(w.op == Op::lse || (w.op == Op::ce && !mixture_ && w.z_loss == T(0))),
        streamed_(PastTheCaches(w)) {
    if (transforms_) z_ = RoomFor<T>(w.v);
    if (transforms_ || !index_ || w.dir == Dir::hvp || streamed_) e_ = RoomFor<T>(w.v);
  }
  ~SafeRows() { hwy::FlushStream(); }
  SafeRows(const SafeRows&) = delete;
  SafeRows& operator=(const SafeRows&) = delete;

  void Run(std::int64_t r) {
    if (!w_.ignored(r)) return Row(r);
    losses_[r] = T(0);
    zero_gradient(w_, r);
  }

 private:
  using V = VecOf<T>;

  /// Of the row at hand.
  struct RowAtHand {
    std::int64_t r;
    const T* x;
    const T* z;
    T* e;  ///< the gradient's own memory where x is not needed again
    RowTargets<T> targets;
    Scaling<T> scaling;
    RowSums<T> sums;
  };

  void Row(std::int64_t r) {
    RowAtHand row{r, w_.input_row(r), nullptr, nullptr, {w_, r}, {w_, divisors_, r}, {}};
    row.z = Logits(row.x);
    row.e = e_ ? e_.get() : w_.grad_row(r);
    const T m = Maximum(row.z, w_.v);
    const std::int64_t y = mixture_ ? FirstAt(row.z, m) : row.targets.y();
    row.sums = SumsBelow(m, row.z, w_.v, y, row.e, w_.input_row(std::min(r + 1, w_.n - 1)));
    if (w_.op == Op::mse_softmax) return SquaredError(row);
    if (w_.loss != nullptr) losses_[r] = Loss(row);
    if (w_.grad == nullptr) return;
    if (w_.dir == Dir::hvp) return ProductWithHessian(row);
    index_ ? IndexGradient(row) : GeneralGradient(row);
  }

  std::int64_t FirstAt(const T* z, T m) const {
    return std::min<std::int64_t>(std::find(z, z + w_.v, m) - z, w_.v - 1);
  }

  /// z = scale x, or c tanh(scale x / c).
  const T* Logits(const T* x) {
    if (!transforms_) return x;
    const Tag<T> d;
    FillRow(z_.get(), w_.v, [&](const Step<T>& step, std::size_t i) XENT_INLINED {
      const V scaled = hn::Mul(hn::Set(d, w_.scale), step.Load(x, i));
      if (w_.softcap == T(0)) return scaled;
      const V cap = hn::Set(d, w_.softcap);
      return hn::Mul(cap, Tanh(d, hn::Div(scaled, cap)));
    });
    return z_.get();
  }

  /// dz/dx = scale, or scale (1 - tanh^2).
  HWY_INLINE V LogitSlope(V x) const {
    const Tag<T> d;
    const V scale = hn::Set(d, w_.scale);
    if (w_.softcap == T(0)) return scale;
    const V h = Tanh(d, hn::Div(hn::Mul(scale, x), hn::Set(d, w_.softcap)));
    return hn::Mul(scale, hn::Sub(Fixed<T>(1), hn::Mul(h, h)));
  }

  T LogOfSum(const RowSums<T>& sums) const { return Log1pOf(sums.t / sums.e_y); }
  T Lse(const RowSums<T>& sums) const {
    return sums.m + (mixture_ ? LogOfSum(sums) : LogOf(sums.s));
  }

  T Loss(const RowAtHand& row) const {
    if (w_.op == Op::lse) return Lse(row.sums);
    const T ce = mixture_ ? MixtureLoss(row)
                          : product(w_.weight_of(row.targets.y()), LossOf(row.sums));
    if (w_.z_loss == T(0)) return ce;
    const T l = Lse(row.sums);
    return ce + w_.z_loss * l * l;
  }

  T MixtureLoss(const RowAtHand& row) const {
    const Tag<T> d;
    const V log_s = hn::Set(d, LogOfSum(row.sums));
    const V m = hn::Set(d, row.sums.m);
    return SumOver<T>(w_.v, [&](const Step<T>& step, std::size_t i) XENT_INLINED {
      const V gap = hn::Sub(m, step.Load(row.z, i));
      return Product(d, row.targets.Mass(step, i), hn::Add(log_s, gap));
    });
  }

  /// A = sum a_j.
  T TotalMass(const RowAtHand& row) const {
    if (!mixture_) return w_.weight_of(row.targets.y());
    return SumOver<T>(w_.v, [&](const Step<T>& step, std::size_t i) XENT_INLINED {
      return row.targets.Mass(step, i);
    });
  }

  HWY_INLINE V Probability(const RowAtHand& row, const Step<T>& step, std::size_t i) const {
    return hn::Div(step.Load(row.e, i), hn::Set(Tag<T>(), row.sums.s));
  }

  /// g behind the logits' own transformation and everything behind the row.
  HWY_INLINE V Behind(const VectorScaling<T>& scaling, const RowAtHand& row, V g,
                      const Step<T>& step, std::size_t i) const {
    return scaling(transforms_ ? hn::Mul(g, LogitSlope(step.Load(row.x, i))) : g);
  }

  void IndexGradient(RowAtHand& row) const {
    const std::int64_t y = row.targets.y();
    if (y >= 0) row.scaling.weight = w_.weight_of(y);
    const VectorScaling<T> scaling(row.scaling);
    const T at_target = accurate_target_gradient(row.sums);
    if (!transforms_ && scaling.IsOne()) return PlainGradient(row.r, row.e, row.sums.s, at_target);
    FillRow(w_.grad_row(row.r), w_.v, [&](const Step<T>& step, std::size_t i) XENT_INLINED {
      const V p = Probability(row, step, i);
      return Behind(scaling, row, step.Replaced(p, y, at_target, i), step, i);
    }, streamed_);
  }

  void PlainGradient(std::int64_t r, const T* e, T s, T at_target) const {
    const V sum = hn::Set(Tag<T>(), s);
    const std::int64_t y = w_.scored_class(r);
    FillRow(w_.grad_row(r), w_.v, [=](const Step<T>& step, std::size_t i) XENT_INLINED {
      return step.Replaced(hn::Div(step.Load(e, i), sum), y, at_target, i);
    }, streamed_);
  }

  void GeneralGradient(const RowAtHand& row) const {
    const Tag<T> d;
    const VectorScaling<T> scaling(row.scaling);
    const V a = hn::Set(d, TotalMass(row));
    const T at_target = accurate_target_gradient(row.sums);
    const T z_factor = T(2) * w_.z_loss * Lse(row.sums);
    FillRow(w_.grad_row(row.r), w_.v, [&](const Step<T>& step, std::size_t i) XENT_INLINED {
      const V p = Probability(row, step, i);
      V g = mixture_ ? hn::Sub(hn::Mul(a, p), row.targets.Mass(step, i))
                     : hn::Mul(a, step.Replaced(p, row.targets.y(), at_target, i));
      if (w_.z_loss != T(0)) g = hn::Add(g, hn::Mul(hn::Set(d, z_factor), p));
      return Behind(scaling, row, g, step, i);
    }, streamed_);
  }

  void ProductWithHessian(const RowAtHand& row) const {
    const Tag<T> d;
    const VectorScaling<T> scaling(row.scaling);
    const T* const direction = w_.direction_row(row.r);
    const V a = hn::Set(d, TotalMass(row));
    const V lse = hn::Set(d, w_.z_loss == T(0) ? T(0) : Lse(row.sums));
    const V twice = hn::Set(d, T(2) * w_.z_loss);
    const V scale = hn::Set(d, w_.scale);
    const T sum = SumOver<T>(w_.v, [&](const Step<T>& step, std::size_t i) XENT_INLINED {
      return hn::Mul(step.Load(row.e, i), step.Load(direction, i));
    });
    const V q = hn::Set(d, sum / row.sums.s);
    FillRow(w_.grad_row(row.r), w_.v, [&](const Step<T>& step, std::size_t i) XENT_INLINED {
      const V p = Probability(row, step, i);
      const V gap = hn::Sub(step.Load(direction, i), q);
      V h = hn::Mul(hn::Mul(a, p), gap);
      if (w_.z_loss != T(0)) {
        h = hn::Add(h, hn::Mul(hn::Mul(twice, p), hn::Add(q, hn::Mul(lse, gap))));
      }
      return scaling(hn::Mul(hn::Mul(h, scale), scale));
    }, streamed_);
  }

  /// p_j - y_j; of a class index -t / s at the target.
  HWY_INLINE V Difference(const RowAtHand& row, V p, const Step<T>& step, std::size_t i) const {
    if (!row.targets.indexed()) return hn::Sub(p, row.targets.Target(step, i));
    return step.Replaced(p, row.targets.y(), accurate_target_gradient(row.sums), i);
  }

  void SquaredError(const RowAtHand& row) {
    VectorSum<T> squares;
    VectorSum<T> mean;
    ForRuns<T>(w_.v, [&](std::int64_t from, std::int64_t to) XENT_INLINED {
      ForSteps<T>(from, to, [&](const Step<T>& step) XENT_INLINED {
        for (std::size_t i = 0; i < Parts<T>(); ++i) {
          const V p = Probability(row, step, i);
          const V rest = Difference(row, p, step, i);
          squares.Add(step, i, hn::Mul(rest, rest));
          mean.Add(step, i, hn::Mul(p, rest));
        }
      });
      squares.EndRun();
      mean.EndRun();
    });
    losses_[row.r] = squares.Value();
    if (w_.grad == nullptr) return;
    const VectorScaling<T> scaling(row.scaling);
    const V center = hn::Set(Tag<T>(), mean.Value());
    FillRow(w_.grad_row(row.r), w_.v, [&](const Step<T>& step, std::size_t i) XENT_INLINED {
      const V p = Probability(row, step, i);
      const V rest = hn::Sub(Difference(row, p, step, i), center);
      return scaling(hn::Mul(hn::Mul(Fixed<T>(2), p), rest));
    }, streamed_);
  }

  const RowView<T>& w_;
  const Divisors<T>& divisors_;
  T* losses_;
  bool transforms_;  ///< scale or softcap
  bool mixture_;     ///< more than one class may have mass
  bool index_;       ///< class indices or none, no smoothing and no zloss
  bool streamed_;    ///< gradients are written past the caches
  Room<T> z_;
  Room<T> e_;
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
