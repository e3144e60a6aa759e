// SPDX-License-Identifier: Apache-2.0
// Cross-entropy beside squared error, and beside the chain rule taken factor by factor.
#include <algorithm>
#include <cmath>
#include <limits>

#include "oracle/bound.h"
#include "properties/evaluation.h"

namespace xent {
namespace {

constexpr double kOutward = 1 + 0x1p-40;

Problem as_squared_error(const Problem& p) {
  Problem q = with(p, Dir::bwd, Reduction::none);
  q.op = p.op == Op::ce ? Op::mse_softmax : Op::mse_sigmoid;
  return q;
}

TestCase as_squared_error(TestCase c) {
  c.problem = as_squared_error(c.problem);
  return c;
}

/// |x| of an output, as an interval: by the kernel within its bound, and by the oracle.
struct Size {
  double low, high;
  static Size kernel(const Value& v) {
    return {std::max(0.0, std::fabs(v.got) - v.bound), (std::fabs(v.got) + v.bound) * kOutward};
  }
  static Size oracle(const Value& v) {
    const Enclosure e = v.exact(0);
    return {magnitude_lower(e), magnitude_upper(e)};
  }
  Size operator*(const Size& o) const { return {low * o.low / kOutward, high * o.high * kOutward}; }
  bool meets(const Size& o) const { return low <= o.high && o.low <= high; }
};

/// Hard labels, all wrong or all right.
TestCase labelled(const TestCase& c, bool right) {
  TestCase out = c;
  for (std::int64_t i = 0; i < c.input.size(); ++i) {
    out.target.set(i, (c.input.at(i) > 0) == right ? 1 : 0);
  }
  return out;
}

/// With s = sigma(|z|), wrong by |z|: |CE'| = s >= 1/2 and |MSE'| = 2 s s (1 - s) <= 2 e^-|z|,
/// where 1 - s is |CE'| under the right label.
void check_saturated(Judgement& j, double z, const Value& wrong, const Value& right,
                     const Value& squared) {
  const double most = 2 * std::exp(-std::fabs(z)) * kOutward;
  for (const auto size : {Size::kernel, Size::oracle}) {
    const std::string who = size == Size::kernel ? "the kernel's " : "the oracle's ";
    j.check(size(wrong).high >= 0.5, who + wrong.what + " of CE is below 1/2");
    j.check(size(squared).low <= most, who + squared.what + " of MSE does not vanish");
    const Size product = Size{2, 2} * size(wrong) * size(wrong) * size(right);
    j.check(product.meets(size(squared)), who + squared.what + " of MSE is not 2 s^2 (1 - s)");
  }
}

/// From the least to the most wrong: |CE'| never falls, |MSE'| never rises beyond log 2.
void check_order(Judgement& j, const TestCase& c, const Evaluation& wrong,
                 const Evaluation& squared) {
  const std::int64_t v = c.problem.v;
  std::vector<std::int64_t> by_size;
  for (std::int64_t i = 0; i < c.input.size(); ++i) {
    if (std::fabs(c.input.at(i)) >= M_LN2 && std::isfinite(c.input.at(i))) by_size.push_back(i);
  }
  std::sort(by_size.begin(), by_size.end(), [&](std::int64_t a, std::int64_t b) {
    return std::fabs(c.input.at(a)) < std::fabs(c.input.at(b));
  });
  for (std::size_t i = 1; i < by_size.size(); ++i) {
    const std::int64_t a = by_size[i - 1], b = by_size[i];
    const Value near = wrong.grad(a / v, a % v), far = wrong.grad(b / v, b % v);
    const Value before = squared.grad(a / v, a % v), after = squared.grad(b / v, b % v);
    for (const auto size : {Size::kernel, Size::oracle}) {
      j.check(size(near).low <= size(far).high, far.what + " of CE falls while more wrong");
      j.check(size(after).low <= size(before).high, after.what + " of MSE rises");
    }
  }
}

Judgement sigmoid_saturation(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, 7, 65);
  Evaluation wrong, right, squared;
  if (!wrong.run(t, labelled(c, false), j) || !right.run(t, labelled(c, true), j) ||
      !squared.run(t, as_squared_error(labelled(c, false)), j)) {
    return j;
  }
  for (const Evaluation* e : {&wrong, &right, &squared}) e->judge(j);
  const std::int64_t v = c.problem.v;
  for (std::int64_t i = 0; i < c.input.size(); ++i) {
    if (!std::isfinite(c.input.at(i))) continue;
    check_saturated(j, c.input.at(i), wrong.grad(i / v, i % v), right.grad(i / v, i % v),
                    squared.grad(i / v, i % v));
  }
  check_order(j, c, wrong, squared);
  return j;
}

/// There is no wrong class.
bool is_single(const Trial& t, Judgement& j) {
  if (t.test_case.problem.v > 1) return false;
  ++j.excluded["single-class"];
  return true;
}

/// The greatest of a row's logits but one.
double greatest_but(const TestCase& c, std::int64_t row, std::int64_t one) {
  double m = -std::numeric_limits<double>::infinity();
  for (std::int64_t k = 0; k < c.problem.v; ++k) {
    if (k != one) m = std::max(m, c.logit(row, k));
  }
  return m;
}

/// Copies of a row in which a wrong class leads all others by more and more; false where it cannot:
/// all others are masks, or its logit leaves the format.
bool wrong_leads(const TestCase& c, std::int64_t row, TestCase& out, std::vector<double>& gaps) {
  const std::int64_t w = (c.label(row) + 1) % c.problem.v;
  const double rival = greatest_but(c, row, w);
  out = copies(c, row, 6);
  for (std::int64_t i = 0; i < 6; ++i) {
    out.input.set(i * c.problem.v + w, rival + std::ldexp(1.0, static_cast<int>(i)));
    gaps.push_back(out.logit(i, w) - rival);
    if (!std::isfinite(gaps.back())) return false;
  }
  return true;
}

/// A wrong class leads by a gap: 1 - p_w <= (V - 1) e^-gap, |CE'_y| = 1 - p_y >= 1/2, and each
/// component of MSE' is at most 4 (1 - p_w).
Judgement softmax_saturation(Trial& t) {
  Judgement j;
  if (is_single(t, j)) return j;
  const TestCase c = corner(t.test_case, 2, 65);
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    std::vector<double> gaps;
    TestCase climbing;
    Evaluation ce, mse;
    if (!wrong_leads(c, row, climbing, gaps)) {
      ++j.excluded["no-rival"];
      continue;
    }
    if (!ce.run(t, climbing, j) || !mse.run(t, as_squared_error(climbing), j)) continue;
    ce.judge(j);
    mse.judge(j);
    for (std::int64_t i = 0; i < climbing.problem.n; ++i) {
      const double most = 4 * static_cast<double>(c.problem.v - 1) *
                          std::exp(-gaps[static_cast<std::size_t>(i)]) * kOutward;
      const Value g = ce.grad(i, c.label(row));
      for (const auto size : {Size::kernel, Size::oracle}) {
        j.check(size(g).high >= 0.5, g.what + " of CE is below 1/2");
        for (std::int64_t k = 0; k < c.problem.v; ++k) {
          j.check(size(mse.grad(i, k)).low <= most, at("does not vanish: MSE's grad", i, k));
        }
      }
    }
  }
  return j;
}

Judgement no_saturation(Trial& t) {
  return t.test_case.problem.op == Op::ce ? softmax_saturation(t) : sigmoid_saturation(t);
}

/// The least and the greatest 2-norm of a row.
Size norm(const Evaluation& e, std::int64_t row, Size (*size)(const Value&)) {
  Size sum{0, 0};
  for (std::int64_t k = 0; k < e.test_case.problem.v; ++k) {
    const Size s = size(e.grad(row, k));
    sum.low += s.low * s.low;
    sum.high += s.high * s.high;
  }
  return {std::sqrt(sum.low) / kOutward, std::sqrt(sum.high) * kOutward};
}

/// Logits [0, 0, 8], target 0: at class 1 CE' = p_1 and MSE' = 2 p_1 (p_1 + p_0 - sum p^2), which
/// is nearly -2 p_1.
void component_witness(Judgement& j, Trial& t) {
  TestCase c;
  c.problem = with(t.test_case.problem, Dir::bwd, Reduction::none);
  c.problem.n = 1;
  c.problem.v = 3;
  c.problem.stride = 0;
  c.recipe = t.test_case.recipe;
  c.input = Tensor(c.problem.dtype, {1, 3});
  c.input.set(2, 8);
  c.target = Tensor(DType::i64, {1});
  Evaluation ce, mse;
  if (!ce.run(t, c, j) || !mse.run(t, as_squared_error(c), j)) return;
  const Value small = ce.grad(0, 1), large = mse.grad(0, 1);
  const double gap = Size::oracle(large).low - Size::oracle(small).high;
  j.check(gap > 0, "the oracle: |MSE'| > |CE'| at class 1 of [0, 0, 8]");
  if (gap <= small.bound + large.bound) {
    ++j.excluded["bounds-too-wide"];
    return;
  }
  j.check(std::fabs(large.got) > std::fabs(small.got), "|MSE'| > |CE'| at class 1 of [0, 0, 8]");
}

/// Sigmoid: |MSE'| = 2 |p - y| p (1 - p) <= |CE'| / 2, element by element. Softmax: MSE' = 2 J CE'
/// with J = diag(p) - p p^T, whose norm is at most 1/2.
Judgement size_beside_mse(Trial& t) {
  Judgement j;
  const bool softmax = t.test_case.problem.op == Op::ce;
  const TestCase c = corner(t.test_case, 7, 129);
  Evaluation ce, mse;
  if (!ce.run(t, c, j) || !mse.run(t, as_squared_error(c), j)) return j;
  ce.judge(j);
  mse.judge(j);
  for (const auto size : {Size::kernel, Size::oracle}) {
    for (std::int64_t row = 0; row < c.problem.n; ++row) {
      for (std::int64_t k = 0; !softmax && k < c.problem.v; ++k) {
        if (!ce.grad(row, k).exact(0).is_number()) continue;
        j.check(2 * size(mse.grad(row, k)).low <= size(ce.grad(row, k)).high,
                at("less than twice MSE's: grad", row, k));
      }
      if (!softmax || !ce.grad(row, 0).exact(0).is_number()) continue;
      j.check(norm(mse, row, size).low <= norm(ce, row, size).high,
              at("smaller than MSE's: norm of the gradient", row));
    }
  }
  if (softmax) component_witness(j, t);
  return j;
}

/// dL/dp_c * dp_c/dz_j = (-1 / p_c) (p_c ([c = j] - p_j)), every factor rounded to T.
template <class T>
T by_chain_rule(const TestCase& c, std::int64_t row, std::int64_t k) {
  T m = -std::numeric_limits<T>::infinity(), s = 0;
  for (std::int64_t i = 0; i < c.problem.v; ++i) {
    m = std::max(m, static_cast<T>(c.logit(row, i)));
  }
  const auto e = [&](std::int64_t i) { return std::exp(static_cast<T>(c.logit(row, i)) - m); };
  for (std::int64_t i = 0; i < c.problem.v; ++i) s += e(i);
  const std::int64_t y = c.label(row);
  const T p_y = e(y) / s, p_k = e(k) / s;
  const T inner = p_y * ((k == y ? T(1) : T(0)) - p_k);
  return (T(-1) / p_y) * inner;
}

/// The target trails by so much that p_c is 0 in the arithmetic of the route.
TestCase underflowing(const TestCase& c) {
  const Format f = format(c.problem.dtype == DType::f64 ? DType::f64 : DType::f32);
  const double gap = (f.precision - f.emin + 4) * M_LN2;
  TestCase out = c;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    const std::int64_t y = c.label(row);
    const double m = greatest_but(c, row, y);
    out.input.set(row * c.problem.v + y, m - gap - std::fabs(m) * 0x1p-6);
  }
  return out;
}

Judgement no_underflow(Trial& t) {
  Judgement j;
  if (is_single(t, j)) return j;
  const TestCase c = underflowing(corner(t.test_case, 33, 129));
  Evaluation e;
  if (!e.run(t, c, j)) return j;
  e.judge(j);
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    if (!std::isfinite(greatest_but(c, row, c.label(row)))) {
      ++j.excluded["no-rival"];
      continue;
    }
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      const bool wide = c.problem.dtype == DType::f64;
      const double route = wide ? by_chain_rule<double>(c, row, k)
                                : static_cast<double>(by_chain_rule<float>(c, row, k));
      j.check(std::isnan(route), at("the chain rule does not break down", row, k));
    }
    const Value g = e.grad(row, c.label(row));
    j.check(g.got <= -1 + g.bound + 0x1p-52, g.what + " is not -1");
  }
  return j;
}

std::vector<Problem> beside_mse(const Problem& p) { return {as_squared_error(p)}; }

const std::vector<std::string> kDTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> gradient_mse_properties() {
  return {
      {"grad.no-saturation", "CE's gradient does not vanish where the answer is wrong; MSE's does.",
       "Sigmoid, wrong by |z|: |CE'| >= 1/2 and never falls, |MSE'| <= 2 e^-|z|, never rises "
       "beyond log 2, and is CE'^2 times 2 (1 - p). Softmax, a wrong class ahead by a gap: "
       "|CE'_y| >= 1/2, each |MSE'_j| <= 4 (V - 1) e^-gap. Of the oracle, and of the kernel within "
       "its bounds.",
       {"op=bce-logits targets=prob dir=bwd", "op=ce dir=bwd"},
       {"gaussian", "ties", "dyadic", "binary-hard", "binary-soft", "binary-saturated", "iris"},
       "mutant/gradient-clipped", every_substitute(), 0.5, no_saturation, beside_mse,
       {kDTypes}},
      {"grad.ce-vs-mse-size", "CE's gradient is larger than MSE's.",
       "Sigmoid: at least twice, element by element. Softmax: in the 2-norm of a row; not "
       "component by component, of which [0, 0, 8] with target 0 is the witness.",
       {"op=bce-logits targets=prob dir=bwd", "op=ce dir=bwd"},
       {"gaussian", "confident", "wrong", "ties", "dyadic", "binary-hard", "binary-soft",
        "binary-saturated", "iris"},
       "mutant/gradient-clipped", every_substitute(), 0.5, size_beside_mse, beside_mse,
       {kDTypes}},
      {"grad.no-underflow", "p - y needs no product of small numbers, so nothing underflows.",
       "Where p_c underflows, (-1 / p_c) (p_c ([c = j] - p_j)) is NaN in binary32 (of f64, in "
       "binary64), and the kernel's p - y is within its bound, -1 at the target.",
       {"op=ce dir=bwd"}, {"gaussian", "wrong", "ties", "dyadic", "iris"},
       "mutant/gradient-by-chain-rule", every_substitute(), 0.5, no_underflow, {}, {kDTypes}},
  };
}

}  // namespace xent
