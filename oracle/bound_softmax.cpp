// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "oracle/bound_row.h"

namespace xent {
namespace {

/// L14. In units of u |z|: what scale and softcap do to a logit. A power of two scales exactly.
double transform_roundings(const Problem& p, const ErrorBudget& b) {
  int exponent = 0;
  const bool exact = std::frexp(std::fabs(p.scale), &exponent) == 0.5;
  const double scaling = exact ? 0 : Arithmetic(b).holds(p.scale) ? 1 : 2;
  if (p.softcap == 0) return scaling;
  // The cap, the quotient (or a reciprocal and a product), tanh, whose condition number is at most
  // 1, the product with the cap and the cap again.
  return scaling + 3 + b.tanh_rel + 2;
}

double perturbation(const Problem& p, const ErrorBudget& b, const RowFacts& f) {
  const double count = transform_roundings(p, b);
  return count == 0 ? 0 : Arithmetic(b).gamma(count) * f.greatest;
}

/// Facts of logits that are moved by at most delta each: d_j by 2 delta, e_j by a factor of
/// exp(2 delta), p_j of exp(4 delta).
RowFacts moved(RowFacts f, double delta) {
  if (delta == 0) return f;
  const double e2 = std::exp(2 * delta) * kOutward, e4 = e2 * e2;
  f.mean_gap = (f.mean_gap + 2 * delta) * e4;
  f.rest_gap = (f.rest_gap + 2 * delta) * e4;
  f.greatest_gap += 2 * delta;
  f.sum *= e2;
  f.rest *= e2;
  f.below_max *= e2;
  f.log_sum += 2 * delta;
  f.lse += delta;
  f.mass_gap += 2 * delta * f.mass;
  f.mass_logit += delta * f.mass;
  f.direction_gap = (f.direction_gap + 2 * delta * f.direction) * e4;
  f.direction *= e4;
  return f;
}

/// L7: bracket and absolute part of p_j.
struct Error {
  double bracket;
  double absolute;
  double extra_tau = 0;
};

Error probability_error(const RowBound& r, const RowFacts& f, const ErrorBudget& b, double p,
                        double gap) {
  if (b.grad == GradForm::quotient) {
    return {p * (r.exp_error(gap) + r.sigma() + 2), r.omega() + r.omega_of_product()};
  }
  const double argument = gap + r.log_sum();  // |z_j - lse|
  const double common = b.exp_rel + r.sigma() + r.log_error();
  const double rounding = b.grad == GradForm::difference ? f.lse : r.live_gap(gap);
  const double exponent = (1 + b.exp_arg) * r.log_sum() + r.log_error();
  return {p * (common + (1 + b.exp_arg) * r.live_gap(argument) + rounding), r.omega(),
          exponent + (b.grad == GradForm::difference ? f.lse : 0)};
}

/// What the logits' own errors add to a loss with target mass `mass`: d(loss)/dz_j = A p_j - a_j,
/// and for one class 2 (1 - p_y) in all; on the way there p moves by exp(4 delta).
double moved_loss(const SoftmaxRow& s, double weight) {
  return 2 * s.delta * std::exp(4 * s.delta) * weight * kOutward;
}

/// L5, L6: -log p_y without a weight.
Rounded index_loss(const SoftmaxRow& s) {
  const RowBound& r = s.r;
  const RowFacts& f = s.f;
  const double gap = f.max - f.target + 2 * s.delta;
  const bool at_maximum = s.b.loss == LossForm::accurate && f.target_is_max;
  // Where the target is the maximum, log(1 + t) <= t keeps the digits.
  const double size = f.target_is_max ? std::min(r.log_sum(), f.rest) * kOutward
                                      : (gap + r.log_sum()) * kOutward;
  const double sums = r.sigma() + r.log_error();
  const double outside = std::min(1.0, f.rest / f.sum * std::exp(2 * s.delta) * kOutward);
  double error = 0;
  if (at_maximum) {
    // log1p is concave: a relative error x of t moves it by at most x log1p(t), and x t / (1 + t).
    const double slope = std::min(size, f.rest / (1 + f.rest) * kOutward);
    error = r.rigorous(slope * r.sigma_rest() + size * s.b.log_rel,
                       r.omega_of_rest() + r.omega_of_log());
  } else {
    // Magnitudes are multiplied by u one by one: their sum may overflow.
    const double shift = s.b.loss == LossForm::lse ? f.lse : gap;
    error = r.rigorous(sums, r.u() * shift + r.u() * size);
  }
  return {size, error + moved_loss(s, outside)};
}

/// L13: sum over classes of a_j (lse - z_j), in the form of the budget.
Rounded mass_loss(const SoftmaxRow& s) {
  const RowBound& r = s.r;
  const RowFacts& f = s.f;
  const double roundings = mass_roundings(s.ref.test_case().problem) + 3 + r.depth();
  const double size = (f.mass * r.log_sum() + f.mass_gap) * kOutward;
  const double least = r.omega_of_product() * static_cast<double>(s.ref.test_case().problem.v);
  double error = 0;
  if (s.b.loss == LossForm::accurate) {
    const double slope = std::min(r.log_sum(), r.below() / (1 + r.below()) * kOutward);
    const double log_error = times(slope, r.sigma_below()) + s.b.log_rel * r.log_sum();
    error = r.rigorous(f.mass * log_error + roundings * size,
                       f.mass * (r.omega_of_rest() + r.omega_of_log()) + least, roundings);
  } else {
    const double spread =
        s.b.loss == LossForm::lse ? f.mass * (r.u() * f.lse) + r.u() * f.mass_logit : r.u() * size;
    error = r.rigorous(f.mass * (r.sigma() + r.log_error()), roundings * spread + least, roundings);
  }
  return {size, error + lost_mass(s) + moved_loss(s, f.mass)};
}

bool one_class(const Problem& p) { return !has_vector_targets(p) && p.smoothing == 0; }

Rounded z_part(const SoftmaxRow& s, double z_loss) {
  const Rounded lse = s.lse();
  Rounded square = s.a.product(s.a.product(s.a.constant(z_loss), lse), lse);
  // In another order a product may fall below the normal range earlier.
  square.error += s.a.omega() * (1 + lse.size + z_loss);
  return square;
}

/// f'(x_j) = scale (1 - tanh^2): the square cancels, so the error is relative to scale.
Rounded chain_factor(const SoftmaxRow& s) {
  const Problem& p = s.ref.test_case().problem;
  const Rounded scale = s.a.constant(p.scale);
  if (p.softcap == 0) return scale;
  const double of_tanh = 2 + 3 + s.b.tanh_rel;
  return s.a.product(scale, {1, s.a.gamma(2 * of_tanh + 2)});
}

/// A = sum of a_j, as a kernel adds it up.
Rounded total_mass(const SoftmaxRow& s) {
  const Problem& p = s.ref.test_case().problem;
  const double lost = static_cast<double>(p.v) * mass_underflow(p, s.a);
  return s.a.rounded({s.f.mass, lost}, mass_roundings(p) + s.r.depth());
}

/// The target's own gradient before weights: p_y - 1 or -t / s (L8).
Rounded target_gradient(const SoftmaxRow& s, std::int64_t j) {
  const double g = s.f.rest / s.f.sum * kOutward;
  if (s.b.target == TargetForm::accurate) {
    const double error =
        s.r.rigorous(g * (s.r.sigma_rest() + s.r.sigma() + 2),
                     s.r.omega_of_rest() + s.r.omega_of_product());
    return {g, error + g * std::expm1(4 * s.delta)};
  }
  Rounded p = s.probability(j);
  p.error += s.a.u() * (g + p.error);
  return {g, p.error};
}

/// d/dz_j of a row's loss.
Rounded logit_gradient(const SoftmaxRow& s, std::int64_t j) {
  const TestCase& c = s.ref.test_case();
  const Problem& p = c.problem;
  if (p.op == Op::lse) return s.probability(j);
  Rounded g;
  if (one_class(p)) {
    const std::int64_t y = *c.scored_class(s.row);
    g = j == y ? target_gradient(s, j) : s.probability(j);
    if (p.weights) g = s.a.product({std::fabs(c.weight_of(y)), 0}, g);
  } else {
    const Rounded mass = s.a.rounded({mass_of(c, s.row, j), mass_underflow(p, s.a)},
                                      mass_roundings(p));
    g = s.a.sum(s.a.product(total_mass(s), s.probability(j)), mass);
  }
  if (p.z_loss == 0) return g;
  const Rounded z = s.a.product(s.a.product(s.a.constant(2 * p.z_loss), s.lse()), s.probability(j));
  return s.a.sum(g, z);
}

/// L15: (H v)_j, without softcap.
Rounded hessian_product(const SoftmaxRow& s, std::int64_t j) {
  const TestCase& c = s.ref.test_case();
  const Problem& p = c.problem;
  const RowFacts& f = s.f;
  // sum p_k |v_k| times the error of p_k, which is linear in the gap.
  Error e = probability_error(s.r, f, s.b, 1, 0);
  const double slope = 1 + s.b.exp_arg + (s.b.grad == GradForm::shifted ? 1 : 0);
  const double bracket = f.direction * e.bracket + slope * f.direction_gap;
  Rounded mean{f.direction, s.r.rigorous(bracket, e.absolute * f.direction_size, e.extra_tau)};
  mean.error += f.direction * std::expm1(4 * s.delta) +
                s.a.omega() * static_cast<double>(p.v);
  mean = s.a.rounded(mean, s.r.depth() + 1);
  const Rounded v{std::fabs(c.direction.at(s.row * p.v + j)), 0};
  const Rounded centred = s.a.sum(v, mean);
  const Rounded probability = s.probability(j);
  const Rounded total = one_class(p)
                            ? Rounded{std::fabs(c.weight_of(*c.scored_class(s.row))), 0}
                            : total_mass(s);
  Rounded h = s.a.product(total, s.a.product(probability, centred));
  // In another order a product may fall below the normal range before a factor above 1 follows.
  h.error += s.a.omega() * (1 + centred.size + centred.error + total.size);
  if (p.z_loss != 0) {
    const Rounded inner = s.a.sum(mean, s.a.product(s.lse(), centred));
    const Rounded outer = s.a.product(s.a.constant(2 * p.z_loss), probability);
    h = s.a.sum(h, s.a.product(outer, inner));
    h.error += s.a.omega() * (1 + inner.size + inner.error + 2 * p.z_loss);
  }
  const Rounded scale = s.a.constant(p.scale);
  return p.scale == 1 ? h : s.a.product(s.a.product(h, scale), scale);
}

Rounded gradient_of_form(Reference& ref, const ErrorBudget& b, std::int64_t row, std::int64_t j) {
  const SoftmaxRow s(ref, b, row);
  const Problem& p = ref.test_case().problem;
  if (!(s.delta <= 0x1p-4)) return {0, kNoBound};
  if (p.dir == Dir::hvp) return hessian_product(s, j);
  const Rounded g = logit_gradient(s, j);
  return p.scale == 1 && p.softcap == 0 ? g : s.a.product(g, chain_factor(s));
}

Rounded loss_of_form(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  const SoftmaxRow s(ref, b, row);
  const TestCase& c = ref.test_case();
  const Problem& p = c.problem;
  if (!(s.delta <= 0x1p-4)) return {0, kNoBound};
  if (p.op == Op::lse) return s.lse();
  Rounded loss;
  if (one_class(p)) {
    loss = index_loss(s);
    if (p.weights) loss = s.a.product({std::fabs(c.weight_of(*c.scored_class(row))), 0}, loss);
  } else {
    loss = mass_loss(s);
  }
  return p.z_loss == 0 ? loss : s.a.sum(loss, z_part(s, p.z_loss));
}

template <class Form>
Rounded widest(ErrorBudget b, Form ErrorBudget::*field, std::initializer_list<Form> forms,
               const auto& of) {
  Rounded worst;
  for (const Form form : forms) {
    b.*field = form;
    const Rounded one = of(b);
    worst = {std::max(worst.size, one.size), std::max(worst.error, one.error)};
  }
  return worst;
}

}  // namespace

SoftmaxRow::SoftmaxRow(Reference& reference, const ErrorBudget& budget, std::int64_t at)
    : ref(reference),
      b(budget),
      row(at),
      delta(perturbation(reference.test_case().problem, budget, reference.facts(at))),
      f(moved(reference.facts(at), delta)),
      r(f, budget, reference.test_case().problem.v, delta == 0),
      a(budget) {}

double SoftmaxRow::gap(std::int64_t j) const {
  const TestCase& c = ref.test_case();
  const Problem& p = c.problem;
  const double x = c.logit(row, j);
  if (p.scale == 1 && p.softcap == 0) return f.max - x;
  double z = p.scale * x;
  if (p.softcap != 0) z = p.softcap * std::tanh(z / p.softcap);
  // z and m as doubles, and what the kernel's own are off.
  return std::max(0.0, f.max - z) + 0x1p-48 * f.greatest + 2 * delta;
}

Rounded SoftmaxRow::probability(std::int64_t j) const {
  const double p = magnitude_upper(ref.probability(row, j));
  const Error e = probability_error(r, f, b, p, gap(j));
  return {p, r.rigorous(e.bracket, e.absolute, e.extra_tau) + p * std::expm1(2 * delta)};
}

Rounded SoftmaxRow::lse() const {
  const double sums = r.sigma() + r.log_error();
  return {f.lse, r.rigorous(sums, r.u() * f.lse) + delta};
}

Rounded softmax_loss(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  const auto of = [&](const ErrorBudget& c) { return loss_of_form(ref, c, row); };
  if (b.loss != LossForm::any) return of(b);
  return widest(b, &ErrorBudget::loss,
                {LossForm::shifted, LossForm::lse, LossForm::accurate}, of);
}

Rounded softmax_gradient(Reference& ref, const ErrorBudget& b, std::int64_t row, std::int64_t j) {
  if (b.grad == GradForm::any) {
    return widest(b, &ErrorBudget::grad, {GradForm::quotient, GradForm::shifted},
                  [&](const ErrorBudget& c) { return softmax_gradient(ref, c, row, j); });
  }
  const auto of = [&](const ErrorBudget& c) { return gradient_of_form(ref, c, row, j); };
  if (b.target != TargetForm::any) return of(b);
  return widest(b, &ErrorBudget::target, {TargetForm::naive, TargetForm::accurate}, of);
}

namespace {

/// y_k: an exact number of the case.
double label_of(const TestCase& c, std::int64_t row, std::int64_t j) {
  if (has_vector_targets(c.problem)) return c.target.at(row * c.problem.v + j);
  return c.scored_class(row) == j ? 1 : 0;
}

/// p_k - y_k; of a class index in the form of the budget, elsewhere p_k itself.
Rounded difference(const SoftmaxRow& s, std::int64_t k) {
  const TestCase& c = s.ref.test_case();
  const double y = label_of(c, s.row, k);
  if (!has_vector_targets(c.problem)) return y == 1 ? target_gradient(s, k) : s.probability(k);
  const Rounded p = s.probability(k);
  const double size = y < 0 ? p.size - y : std::max(p.size, y);
  return {size, (p.error + s.a.u() * (size + p.error)) * kOutward};
}

/// Errors of p_k, added up over all k, or over all but a class index.
double probability_errors(const SoftmaxRow& s, double weight, double mean_gap) {
  const Error e = probability_error(s.r, s.f, s.b, 1, 0);
  const double slope = 1 + s.b.exp_arg + (s.b.grad == GradForm::shifted ? 1 : 0);
  return s.r.rigorous(times(weight, e.bracket + slope * s.r.live_gap(mean_gap)),
                      e.absolute * static_cast<double>(s.ref.test_case().problem.v), e.extra_tau);
}

bool any_negative(const TestCase& c, std::int64_t row) {
  for (std::int64_t k = 0; k < c.problem.v; ++k) {
    if (label_of(c, row, k) < 0) return true;
  }
  return false;
}

/// L18: sum p_k (p_k - y_k): an error e_k of p_k moves it by at most e_k (|p_k - y_k| + p_k + e_k).
/// With a class index |p_y - 1| = t / s, and the others weigh t / s together.
Rounded mean_difference(const SoftmaxRow& s) {
  const Problem& p = s.ref.test_case().problem;
  const double products = s.a.omega() * static_cast<double>(p.v);
  Rounded mean;
  if (has_vector_targets(p)) {
    // |p_k - y_k| <= max(1, |y_k|) for y_k >= 0, else 1 + |y_k|.
    const bool negative = any_negative(s.ref.test_case(), s.row);
    const double most = negative ? 1 + s.f.mass : std::max(1.0, s.f.mass);
    const double errors = probability_errors(s, 1, s.f.mean_gap);
    mean = {most, errors * (most + 1 + errors) + products};
  } else {
    const std::int64_t y = *s.ref.test_case().scored_class(s.row);
    const double rest = s.f.rest / s.f.sum * kOutward;
    const double errors = probability_errors(s, rest, s.f.rest_gap);
    const Rounded own = s.a.product(s.probability(y), target_gradient(s, y));
    mean = {own.size + rest * rest, own.error + errors * (2 * rest + errors) + products};
  }
  return s.a.rounded(mean, s.r.depth() + 2);
}

Rounded squared_gradient_of(const SoftmaxRow& s, std::int64_t j) {
  const Rounded inner = s.a.sum(difference(s, j), mean_difference(s));
  const Rounded g = s.a.product(s.probability(j), inner);
  return {2 * g.size, 2 * g.error};
}

/// sum (p_k - y_k)^2.
Rounded squared_loss_of(const SoftmaxRow& s) {
  Rounded total;
  for (std::int64_t k = 0; k < s.ref.test_case().problem.v; ++k) {
    const Rounded d = difference(s, k);
    const Rounded term = s.a.product(d, d);
    total = {total.size + term.size, total.error + term.error};
  }
  return s.a.rounded(total, s.r.depth());
}

}  // namespace

/// Over the forms of p and of the target that the budget leaves open.
template <class Of>
Rounded squared_forms(ErrorBudget b, const Of& of) {
  const auto of_target = [&](const ErrorBudget& c) {
    if (c.target != TargetForm::any) return of(c);
    return widest(c, &ErrorBudget::target, {TargetForm::naive, TargetForm::accurate}, of);
  };
  if (b.grad != GradForm::any) return of_target(b);
  return widest(b, &ErrorBudget::grad, {GradForm::quotient, GradForm::shifted}, of_target);
}

Rounded squared_loss(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  return squared_forms(b, [&](const ErrorBudget& c) {
    return squared_loss_of(SoftmaxRow(ref, c, row));
  });
}

Rounded squared_gradient(Reference& ref, const ErrorBudget& b, std::int64_t row, std::int64_t j) {
  return squared_forms(b, [&](const ErrorBudget& c) {
    return squared_gradient_of(SoftmaxRow(ref, c, row), j);
  });
}

}  // namespace xent
