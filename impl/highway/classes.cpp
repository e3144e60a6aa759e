// SPDX-License-Identifier: Apache-2.0
// Formula: those of scalar/binary.h and scalar/information.h, with exponential and logarithms of
// our own: operations whose loss is a sum over classes of terms that know their own class alone.
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "impl/highway/classes.cpp"
#include "hwy/foreach_target.h"

#include <cstddef>
#include <cstdint>
#include <limits>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "impl/highway/exp-inl.h"
#include "impl/highway/log-inl.h"
#include "impl/highway/row_options-inl.h"
#include "impl/highway/safe_loop-inl.h"
#include "impl/highway/steps-inl.h"
#include "impl/highway/targets.h"
#include "impl/row_output.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// A vector of terms and of their derivatives in x.
template <class T>
struct TermAndSlope {
  VecOf<T> loss;
  VecOf<T> slope;
};

/// What a row is made of besides its input.
template <class T>
struct RowContext {
  const RowView<T>& w;
  std::int64_t r;
  RowTargets<T> targets;
  VectorScaling<T> scaling;
  bool streamed;
};

/// Part i of a step of a row.
template <class T>
struct RowPlace {
  const RowTargets<T>& targets;
  const Step<T>& step;
  std::size_t i;

  HWY_INLINE VecOf<T> Target() const { return targets.Target(step, i); }
  HWY_INLINE VecOf<T> Weighted(VecOf<T> x) const {
    return targets.weighted() ? hn::Mul(targets.Weight(step, i), x) : x;
  }
  /// 0 times infinity is 0.
  HWY_INLINE VecOf<T> WeightedLoss(VecOf<T> x) const {
    return targets.weighted() ? Product(Tag<T>(), targets.Weight(step, i), x) : x;
  }
  HWY_INLINE VecOf<T> Mass() const { return targets.Mass(step, i); }
};

/// The loss of a row, and its gradient. Terms have `TermAndSlope<T> operator()(x, place)`.
template <class Terms, class T>
T RowOf(const RowContext<T>& row, const Terms& terms) {
  const T* const x = row.w.input_row(row.r);
  T* const g = row.w.grad_row(row.r);
  return SumOver<T>(row.w.v, [&](const Step<T>& step, std::size_t i) XENT_INLINED {
    const auto term = terms(step.Load(x, i), RowPlace<T>{row.targets, step, i});
    if (g != nullptr) step.Put(row.scaling(term.slope), g, i, row.streamed);
    return term.loss;
  });
}

/// sigma(x) = 1 / (1 + e^-x) from e = e^-|x|: relative accuracy at both ends.
template <class D>
struct Sigmoid {
  using V = hn::Vec<D>;
  V e;      ///< e^-|x|
  V sum;    ///< 1 + e
  V upper;  ///< sum sigma(x)
  V lower;  ///< sum sigma(-x)

  HWY_INLINE Sigmoid(D d, V x) {
    const V zero = hn::Zero(d), one = hn::Set(d, hn::TFromD<D>(1));
    e = Exp(d, hn::Neg(hn::Abs(x)));
    sum = hn::Add(one, e);
    upper = hn::IfThenElse(hn::Ge(x, zero), one, e);
    lower = hn::IfThenElse(hn::Le(x, zero), one, e);
  }
  /// sigma(x) - y; for the labels 0 and 1 without a subtraction: sigma(x) and -sigma(-x).
  HWY_INLINE V Minus(D d, V y) const {
    const auto is_one = hn::Eq(y, hn::Set(d, hn::TFromD<D>(1)));
    const V sigma = hn::Div(hn::IfThenElse(is_one, lower, upper), sum);
    return hn::IfThenElse(is_one, hn::Neg(sigma), hn::Sub(sigma, y));
  }
};

/// Log1p for 0 <= x <= 1, with its bits: 1 + x is split at 3/2.
template <class D>
HWY_INLINE hn::Vec<D> Log1pOfUnit(D d, hn::Vec<D> x) {
  using T = hn::TFromD<D>;
  const auto one = hn::Set(d, T(1)), half = hn::Set(d, T(0.5));
  const auto above = hn::Ge(hn::Add(one, x), hn::Set(d, T(1.5)));
  const auto f = hn::IfThenElse(above, hn::Sub(hn::Mul(x, half), half), x);
  return LogOfSplit(d, hn::IfThenElseZero(above, one), f);
}

/// max(x, 0) - x y + log(1 + e^-|x|), its linear part as x (1 - y) for x > 0 and -x y else.
template <class T>
struct BceLogitsVectors {
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> x, const RowPlace<T>& at) const {
    const Tag<T> d;
    const auto y = at.Target();
    const Sigmoid<Tag<T>> sigma(d, x);
    const auto above = hn::Gt(x, hn::Zero(d));
    const auto linear = Product(d, hn::IfThenElse(above, hn::Sub(Fixed<T>(1), y), y),
                                hn::IfThenElse(above, x, hn::Neg(x)));
    return {at.WeightedLoss(hn::Add(linear, Log1pOfUnit(d, sigma.e))),
            at.Weighted(sigma.Minus(d, y))};
  }
};

/// -(y log x + (1 - y) log(1 - x)), the second logarithm as log1p(-x).
template <class T>
struct BceProbVectors {
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> x, const RowPlace<T>& at) const {
    const Tag<T> d;
    const auto y = at.Target();
    const auto other = hn::Sub(Fixed<T>(1), y);
    const auto has_one = hn::Ne(y, hn::Zero(d));
    const auto has_other = hn::Ne(y, Fixed<T>(1));
    const auto loss = hn::Add(
        hn::IfThenElseZero(has_one, hn::Mul(y, hn::Neg(Log(d, x)))),
        hn::IfThenElseZero(has_other, hn::Mul(other, hn::Neg(Log1p(d, hn::Neg(x))))));
    const auto slope = hn::Sub(
        hn::IfThenElseZero(has_other, hn::Div(other, hn::Sub(Fixed<T>(1), x))),
        hn::IfThenElseZero(has_one, hn::Div(y, x)));
    return {at.WeightedLoss(loss), at.Weighted(slope)};
  }
};

/// (sigma(x) - y)^2, slope ((2 (sigma - y)) sigma(x)) sigma(-x).
template <class T>
struct MseSigmoidVectors {
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> x, const RowPlace<T>& at) const {
    const Tag<T> d;
    const auto y = at.Target();
    const Sigmoid<Tag<T>> sigma(d, x);
    const auto rest = sigma.Minus(d, y);
    const auto slope = hn::Mul(hn::Mul(Fixed<T>(2), rest), hn::Div(sigma.upper, sigma.sum));
    return {hn::Mul(rest, rest), hn::Mul(slope, hn::Div(sigma.lower, sigma.sum))};
  }
};

/// f where p is not 0 or q is no number >= 0; elsewhere 0.
template <class D>
HWY_INLINE hn::Vec<D> UnlessAbsent(D d, hn::Vec<D> p, hn::Vec<D> q, hn::Vec<D> f) {
  const auto zero = hn::Zero(d);
  return hn::IfThenElse(hn::And(hn::Eq(p, zero), hn::Ge(q, zero)), zero, f);
}

/// -p log p; the input is p itself.
template <class T>
struct EntropyVectors {
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> p, const RowPlace<T>&) const {
    const Tag<T> d;
    const auto log = Log(d, p);
    return {UnlessAbsent(d, p, p, hn::Neg(hn::Mul(p, log))),
            hn::Neg(hn::Add(log, Fixed<T>(1)))};
  }
};

/// -p log q and -p / q. Against a class index (`sparse`) the other classes' q count for nothing,
/// whatever they are.
template <class T>
struct CrossEntropyVectors {
  bool sparse = false;
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> q, const RowPlace<T>& at) const {
    const Tag<T> d;
    const auto p = at.Target();
    const auto counts = hn::Ne(p, hn::Zero(d));
    if (sparse && hn::AllFalse(d, counts)) return {hn::Zero(d), hn::Zero(d)};
    const auto loss = UnlessAbsent(d, p, q, hn::Neg(hn::Mul(p, Log(d, q))));
    const auto slope = UnlessAbsent(d, p, q, hn::Neg(hn::Div(p, q)));
    if (!sparse) return {loss, slope};
    return {hn::IfThenElseZero(counts, loss), hn::IfThenElseZero(counts, slope)};
  }
};

/// log(p / q) for a normal ratio p / q, with the bits of Log1p((p - q) / q) from 1/2 to 2 and of
/// Log(p / q) elsewhere.
template <class D>
HWY_INLINE hn::Vec<D> LogOfRatio(D d, hn::Vec<D> p, hn::Vec<D> q, hn::Vec<D> ratio) {
  using T = hn::TFromD<D>;
  const auto one = hn::Set(d, T(1)), root_half = hn::Set(d, LogConstants<T>::root_half);
  const auto near = hn::And(hn::Ge(ratio, hn::Set(d, T(0.5))), hn::Le(ratio, hn::Set(d, T(2))));
  const auto gap = hn::Div(hn::Sub(p, q), q);
  const auto from_3_4 = hn::And(near, hn::Ge(gap, hn::Zero(d)));
  const LogSplit<D> split(d, hn::IfThenElse(near, hn::Add(one, gap), ratio),
                          hn::IfThenElse(from_3_4, hn::Set(d, T(0.75)), root_half));
  const auto f = hn::IfThenElse(near, split.Minus1(d, gap), hn::Sub(split.m, one));
  return LogOfSplit(d, split.e, f);
}

/// p log(p / q) as divergence_term has it, slope -p / q.
template <class T>
struct DivergenceVectors {
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> q, const RowPlace<T>& at) const {
    const Tag<T> d;
    using L = std::numeric_limits<T>;
    const auto p = at.Target();
    const auto ratio = hn::Div(p, q);
    const auto in_range =
        hn::And(hn::Ge(ratio, Fixed<T>(L::min())), hn::Le(ratio, Fixed<T>(L::max())));
    auto log = LogOfRatio(d, p, q, ratio);
    if (!hn::AllTrue(d, in_range)) {
      log = hn::IfThenElse(in_range, log, hn::Sub(Log(d, p), Log(d, q)));
    }
    return {UnlessAbsent(d, p, q, hn::Mul(p, log)), UnlessAbsent(d, p, q, hn::Neg(ratio))};
  }
};

/// -a_j x_j of log-probabilities x. A class index without smoothing (`sparse`) looks at its own
/// weight alone.
template <class T>
struct NllVectors {
  bool sparse = false;
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> x, const RowPlace<T>& at) const {
    const Tag<T> d;
    auto mass = at.Mass();
    if (sparse) mass = hn::IfThenElseZero(hn::Ne(at.Target(), hn::Zero(d)), mass);
    return {hn::Neg(Product(d, mass, x)), hn::Neg(mass)};
  }
};

template <class T>
T LossOfRow(const RowContext<T>& row) {
  const bool indexed = row.targets.indexed();
  switch (row.w.op) {
    case Op::bce_logits: return RowOf(row, BceLogitsVectors<T>{});
    case Op::bce_prob: return RowOf(row, BceProbVectors<T>{});
    case Op::mse_sigmoid: return RowOf(row, MseSigmoidVectors<T>{});
    case Op::entropy: return RowOf(row, EntropyVectors<T>{});
    case Op::kl: return RowOf(row, DivergenceVectors<T>{});
    case Op::nll: return RowOf(row, NllVectors<T>{indexed && row.w.smoothing == T(0)});
    default: return RowOf(row, CrossEntropyVectors<T>{indexed});
  }
}

template <class T>
class ClassRows {
 public:
  /// Of one thread.
  ClassRows(const RowView<T>& w, const Divisors<T>& divisors, T* losses)
      : w_(w), divisors_(divisors), losses_(losses), streamed_(PastTheCaches(w)) {}
  ~ClassRows() { hwy::FlushStream(); }
  ClassRows(const ClassRows&) = delete;
  ClassRows& operator=(const ClassRows&) = delete;

  void Run(std::int64_t r) {
    if (w_.ignored(r)) {
      losses_[r] = T(0);
      return zero_gradient(w_, r);
    }
    const VectorScaling<T> scaling(Scaling<T>(w_, divisors_, r));
    losses_[r] = LossOfRow<T>({w_, r, RowTargets<T>(w_, r), scaling, streamed_});
  }

 private:
  const RowView<T>& w_;
  const Divisors<T>& divisors_;
  T* losses_;
  bool streamed_;
};

void ClassOps(void* out) {
  auto* const target = static_cast<HighwayTarget*>(out);
  target->classes_f32 = &RunRows<ClassRows<float>, float>;
  target->classes_f64 = &RunRows<ClassRows<double>, double>;
  target->classes_native = &RunWidenedRows<ClassRows<float>>;
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xent {
namespace {
HWY_EXPORT(ClassOps);
}  // namespace

void add_class_bodies(HighwayTarget& target) { HWY_DYNAMIC_DISPATCH(ClassOps)(&target); }

}  // namespace xent
#endif
