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

#include "hwy/highway.h"
#include "impl/highway/exp-inl.h"
#include "impl/highway/log-inl.h"
#include "impl/highway/row_options-inl.h"
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
};

/// Part i of a step of a row.
template <class T>
struct RowPlace {
  const RowTargets<T>& targets;
  const Step<T>& step;
  std::size_t i;

  HWY_INLINE VecOf<T> Target() const { return targets.Target(step, i); }
  HWY_INLINE VecOf<T> Weight() const { return targets.Weight(step, i); }
  HWY_INLINE VecOf<T> Mass() const { return targets.Mass(step, i); }
};

/// The loss of a row, and its gradient. Terms have `TermAndSlope<T> operator()(x, place)`.
template <class Terms, class T>
T RowOf(const RowContext<T>& row, const Terms& terms) {
  const T* const x = row.w.input_row(row.r);
  T* const g = row.w.grad_row(row.r);
  return SumOver<T>(row.w.v, [&](const Step<T>& step, std::size_t i) HWY_ATTR {
    const auto term = terms(step.Load(x, i), RowPlace<T>{row.targets, step, i});
    if (g != nullptr) step.Store(row.scaling(term.slope), g, i);
    return term.loss;
  });
}

/// sigma(x) = 1 / (1 + e^-x) from e = e^-|x|: relative accuracy at both ends.
template <class V>
struct Sigmoid {
  V e;         ///< e^-|x|
  V of_x;      ///< sigma(x)
  V of_minus;  ///< sigma(-x)
};

template <class D>
HWY_INLINE Sigmoid<hn::Vec<D>> SigmoidOf(D d, hn::Vec<D> x) {
  const auto zero = hn::Zero(d);
  const auto one = hn::Set(d, hn::TFromD<D>(1));
  const auto e = Exp(d, hn::Neg(hn::Abs(x)));
  const auto sum = hn::Add(one, e);
  return {e, hn::Div(hn::IfThenElse(hn::Ge(x, zero), one, e), sum),
          hn::Div(hn::IfThenElse(hn::Le(x, zero), one, e), sum)};
}

/// sigma(x) - y; for the labels 0 and 1 without a subtraction: sigma(x) and -sigma(-x).
template <class D>
HWY_INLINE hn::Vec<D> SigmoidMinus(D d, const Sigmoid<hn::Vec<D>>& sigma, hn::Vec<D> y) {
  const auto is_one = hn::Eq(y, hn::Set(d, hn::TFromD<D>(1)));
  return hn::IfThenElse(is_one, hn::Neg(sigma.of_minus), hn::Sub(sigma.of_x, y));
}

/// max(x, 0) - x y + log(1 + e^-|x|), its linear part as x (1 - y) for x > 0 and -x y else.
template <class T>
struct BceLogitsVectors {
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> x, const RowPlace<T>& at) const {
    const Tag<T> d;
    const auto y = at.Target();
    const auto weight = at.Weight();
    const auto sigma = SigmoidOf(d, x);
    const auto above = hn::Gt(x, hn::Zero(d));
    const auto linear = Product(d, hn::IfThenElse(above, hn::Sub(Fixed<T>(1), y), y),
                                hn::IfThenElse(above, x, hn::Neg(x)));
    return {Product(d, weight, hn::Add(linear, Log1p(d, sigma.e))),
            hn::Mul(weight, SigmoidMinus(d, sigma, y))};
  }
};

/// -(y log x + (1 - y) log(1 - x)), the second logarithm as log1p(-x).
template <class T>
struct BceProbVectors {
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> x, const RowPlace<T>& at) const {
    const Tag<T> d;
    const auto y = at.Target();
    const auto weight = at.Weight();
    const auto other = hn::Sub(Fixed<T>(1), y);
    const auto has_one = hn::Ne(y, hn::Zero(d));
    const auto has_other = hn::Ne(y, Fixed<T>(1));
    const auto loss = hn::Add(
        hn::IfThenElseZero(has_one, hn::Mul(y, hn::Neg(Log(d, x)))),
        hn::IfThenElseZero(has_other, hn::Mul(other, hn::Neg(Log1p(d, hn::Neg(x))))));
    const auto slope = hn::Sub(
        hn::IfThenElseZero(has_other, hn::Div(other, hn::Sub(Fixed<T>(1), x))),
        hn::IfThenElseZero(has_one, hn::Div(y, x)));
    return {Product(d, weight, loss), hn::Mul(weight, slope)};
  }
};

/// (sigma(x) - y)^2, slope ((2 (sigma - y)) sigma(x)) sigma(-x).
template <class T>
struct MseSigmoidVectors {
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> x, const RowPlace<T>& at) const {
    const Tag<T> d;
    const auto y = at.Target();
    const auto sigma = SigmoidOf(d, x);
    const auto rest = SigmoidMinus(d, sigma, y);
    return {hn::Mul(rest, rest),
            hn::Mul(hn::Mul(hn::Mul(Fixed<T>(2), rest), sigma.of_x), sigma.of_minus)};
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

/// p log(p / q) as divergence_term has it, slope -p / q.
template <class T>
struct DivergenceVectors {
  HWY_INLINE TermAndSlope<T> operator()(VecOf<T> q, const RowPlace<T>& at) const {
    const Tag<T> d;
    using L = std::numeric_limits<T>;
    const auto p = at.Target();
    const auto ratio = hn::Div(p, q);
    const auto near = hn::And(hn::Ge(ratio, Fixed<T>(0.5)), hn::Le(ratio, Fixed<T>(2)));
    const auto in_range =
        hn::And(hn::Ge(ratio, Fixed<T>(L::min())), hn::Le(ratio, Fixed<T>(L::max())));
    auto log = hn::IfThenElse(near, Log1p(d, hn::Div(hn::Sub(p, q), q)), Log(d, ratio));
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
void Classes(const RowView<T>& w) {
  const Divisors<T> divisors(w);
  LossOutput<T> losses(w, divisors);
  for (std::int64_t r = 0; r < w.n; ++r) {
    if (w.ignored(r)) {
      losses.put_ignored(r);
      zero_gradient(w, r);
    } else {
      const VectorScaling<T> scaling(Scaling<T>(w, divisors, r));
      losses.put(r, LossOfRow<T>({w, r, RowTargets<T>(w, r), scaling}));
    }
  }
  losses.finish();
}

void ClassOps(void* out) {
  auto* const target = static_cast<HighwayTarget*>(out);
  target->classes_f32 = &Classes<float>;
  target->classes_f64 = &Classes<double>;
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
