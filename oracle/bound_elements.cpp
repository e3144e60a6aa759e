// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oracle/bound_elements.cpp"
#include "hwy/foreach_target.h"

#include <cmath>
#include <cstdint>

#include "hwy/highway.h"
#include "oracle/bound_elements.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<double, 8>;
using V = hn::Vec<D>;

/// A vector with the operators of a number, none of which is fused.
struct Number {
  V v;
  HWY_INLINE Number() : v(hn::Zero(D())) {}
  HWY_INLINE Number(V x) : v(x) {}
  HWY_INLINE Number(double x) : v(hn::Set(D(), x)) {}
};
HWY_INLINE Number operator+(Number a, Number b) { return hn::Add(a.v, b.v); }
HWY_INLINE Number operator-(Number a, Number b) { return hn::Sub(a.v, b.v); }
HWY_INLINE Number operator*(Number a, Number b) { return hn::Mul(a.v, b.v); }
HWY_INLINE Number Least(Number a, Number b) { return hn::Min(a.v, b.v); }
HWY_INLINE Number Most(Number a, Number b) { return hn::Max(a.v, b.v); }
HWY_INLINE Number Size(Number a) { return hn::Abs(a.v); }

/// 0 * inf = 0; neither is negative.
HWY_INLINE Number Times(Number x, Number y) {
  const auto none = hn::Eq(Least(x, y).v, hn::Zero(D()));
  return hn::IfThenZeroElse(none, hn::Mul(x.v, y.v));
}

/// A Rounded of each lane.
struct Pair {
  Number size, error;
  HWY_INLINE Pair(Number s, Number e) : size(s), error(e) {}
  HWY_INLINE Pair(const Rounded& x) : size(x.size), error(x.error) {}
};

/// Of a row, in the notation of bound_row.h.
class ElementBounds {
 public:
  explicit ElementBounds(const RowOfElements& row) : r_(row) {}

  /// Largest magnitude and error over the forms.
  HWY_INLINE Pair Largest(std::int64_t first, Number p, Number gap, Number number) const {
    Pair worst = Of(r_.form[0], first, p, gap, number);
    for (int i = 1; i < r_.forms; ++i) {
      const Pair other = Of(r_.form[i], first, p, gap, number);
      worst = {Most(worst.size, other.size), Most(worst.error, other.error)};
    }
    return worst;
  }

 private:
  HWY_INLINE Pair Product(Pair a, Pair b) const {
    const Number size = Times(a.size, b.size);
    const Number error =
        Times(a.size, b.error) + Times(b.size, a.error) + Times(a.error, b.error);
    const Number all = (error + r_.u * (size + error) + r_.omega) * kOutward;
    const auto none = hn::Eq((size + error).v, hn::Zero(D()));
    return {size * kOutward, hn::IfThenZeroElse(none, all.v)};
  }
  HWY_INLINE Pair Sum(Pair a, Pair b) const {
    const Number size = a.size + b.size, error = a.error + b.error;
    return {size * kOutward, (error + r_.u * (size + error)) * kOutward};
  }

  /// L7, L40.
  HWY_INLINE Pair Probability(const FormOfElements& f, Number p, Number gap) const {
    const Number live = Least(gap, r_.dead_gap);
    Number bracket;
    if (f.minus_target) {
      const Number away = Least(Size(gap - f.distance) + f.slack, f.farthest);
      bracket = p * (r_.exp_rel + r_.exp_slope * away + f.of_quotient);
    } else if (f.grad == GradForm::quotient) {
      bracket = p * (r_.exp_rel + r_.exp_slope * live + r_.sigma + 2.0);
    } else {
      const Number argument = Least(gap + r_.log_sum, r_.dead_gap);
      const Number rounding = f.grad == GradForm::difference ? Number(r_.lse) : live;
      bracket = p * (r_.exp_rel + r_.sigma + r_.log_error + r_.exp_slope * argument + rounding);
    }
    const Number error = f.factor * (r_.u * bracket + f.absolute) * kOutward + kLeast;
    return {p, r_.moved == 0 ? error : error + p * r_.moved};
  }

  /// L8: the target's own, elsewhere p_j.
  HWY_INLINE Pair Difference(const FormOfElements& f, std::int64_t first, Pair p) const {
    const D d;
    const std::int64_t place = r_.y - first;
    if (place < 0 || place >= static_cast<std::int64_t>(hn::Lanes(d))) return p;
    const auto is_target = hn::Eq(hn::Iota(d, 0), hn::Set(d, static_cast<double>(place)));
    const Number size = r_.target_size;
    Number error;
    if (f.naive) error = p.error + r_.u * (size + p.error);
    if (f.accurate) error = Most(error, f.accurate_error);
    return {hn::IfThenElse(is_target, size.v, p.size.v),
            hn::IfThenElse(is_target, error.v, p.error.v)};
  }

  /// d/dx_j of a row's loss: L13.
  HWY_INLINE Pair Gradient(const FormOfElements& f, std::int64_t first, Pair p, Number b) const {
    Pair g = p;
    if (r_.shape == RowOfElements::Shape::index) {
      g = Difference(f, first, p);
      if (r_.weighted) g = Product(r_.total, g);
    } else if (r_.shape == RowOfElements::Shape::mass) {
      Pair mass{b, r_.mass_underflow};
      if (r_.mass_gamma != 0) {
        mass.error = (mass.error + Times(r_.mass_gamma, b + mass.error)) * kOutward;
      }
      g = Sum(Product(r_.total, p), mass);
    }
    if (r_.z_loss != 0) g = Sum(g, Product(r_.z_times_lse, p));
    return r_.chained ? Product(g, r_.chain) : g;
  }

  /// L15.
  HWY_INLINE Pair Hessian(const FormOfElements& f, Pair p, Number v) const {
    const Pair total = r_.total, mean = f.mean;
    const Pair centred = Sum({v, 0.0}, mean);
    Pair h = Product(total, Product(p, centred));
    // In another order a product may fall below the normal range before a factor above 1 follows.
    h.error = h.error + r_.omega * (1.0 + centred.size + centred.error + total.size);
    if (r_.z_loss != 0) {
      const Pair inner = Sum(mean, Product(r_.lse_number, centred));
      h = Sum(h, Product(Product(r_.z_twice, p), inner));
      h.error = h.error + r_.omega * (1.0 + inner.size + inner.error + 2 * r_.z_loss);
    }
    return r_.chained ? Product(Product(h, r_.chain), r_.chain) : h;
  }

  /// L18.
  HWY_INLINE Pair Squared(const FormOfElements& f, std::int64_t first, Pair p, Number y) const {
    Pair d = p;
    if (r_.vector_targets) {
      d.size = hn::IfThenElse(hn::Lt(y.v, hn::Zero(D())), (p.size - y).v, Most(p.size, y).v);
      d.error = (p.error + r_.u * (d.size + p.error)) * kOutward;
    } else {
      d = Difference(f, first, p);
    }
    const Pair g = Product(p, Sum(d, f.mean));
    return {2.0 * g.size, 2.0 * g.error};
  }

  HWY_INLINE Pair Of(const FormOfElements& f, std::int64_t first, Number p, Number gap,
                     Number number) const {
    const Pair probability = Probability(f, p, gap);
    switch (r_.shape) {
      case RowOfElements::Shape::hessian: return Hessian(f, probability, number);
      case RowOfElements::Shape::squared: return Squared(f, first, probability, number);
      default: return Gradient(f, first, probability, number);
    }
  }

  const RowOfElements& r_;
};

void RowElements(const RowOfElements& row, std::int64_t first, std::int64_t count,
                 const Elements& e, const double* number, RoundedBlock& out) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const ElementBounds bounds(row);
  const Number extra = row.extra_gap, factor = row.gap_factor;
  for (std::int64_t i = 0; i < count; i += lanes) {
    const Number n = number == nullptr ? hn::Zero(d) : hn::LoadU(d, number + i);
    const Number gap = (Number(hn::Load(d, e.gap + i)) + extra) * factor;
    const Pair g = bounds.Largest(first + i, hn::Load(d, e.probability + i), gap, n);
    hn::Store(g.size.v, d, out.size + i);
    hn::Store(g.error.v, d, out.error + i);
  }
}

/// The upstream first: it and the divisor alone may leave the doubles.
HWY_INLINE Number ScaledUp(const OutputScaling& s, bool finite, Number x) {
  return finite ? x * s.upstream * s.share : Times(Times(x, s.upstream), s.share);
}

void ScaledBounds(const OutputScaling& s, const RoundedBlock& block, std::int64_t count,
                  double* HWY_RESTRICT bound) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto exponent = hn::BitCast(d, hn::Set(hn::RebindToUnsigned<D>(), 0x7ff0000000000000u));
  // Then 0 * inf does not occur: neither factor is 0.
  const bool finite = std::isfinite(s.upstream) && std::isfinite(s.share);
  for (std::int64_t i = 0; i < count; i += lanes) {
    const Number size = ScaledUp(s, finite, hn::Load(d, block.size + i));
    Number error = ScaledUp(s, finite, hn::Load(d, block.error + i));
    if (s.gamma != 0) error = (error + Times(s.gamma, size + error)) * kOutward;
    if (s.omega != 0) error = error + s.omega;
    if (s.narrows) {
      const Number binade = Most(hn::And((size + error).v, exponent), s.least_normal);
      error = error + binade * s.half_ulp;
    }
    const Number finished = error * kOutward + kLeast;
    const auto number = hn::Eq(finished.v, finished.v);
    hn::StoreU(hn::IfThenElse(number, finished.v, hn::Set(d, kNoBound)), d, bound + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xent {
HWY_EXPORT(RowElements);
HWY_EXPORT(ScaledBounds);

void row_elements(const RowOfElements& row, std::int64_t first, std::int64_t count,
                  const Elements& e, const double* number, RoundedBlock& out) {
  HWY_DYNAMIC_DISPATCH(RowElements)(row, first, count, e, number, out);
}

void scaled_bounds(const OutputScaling& s, const RoundedBlock& block, std::int64_t count,
                   double* bound) {
  HWY_DYNAMIC_DISPATCH(ScaledBounds)(s, block, count, bound);
}

}  // namespace xent
#endif
