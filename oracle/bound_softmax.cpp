// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "oracle/bound_row.h"
#include "oracle/bound_target.h"

namespace xent {
namespace {

/// L14. In units of u |z|: what scale and softcap do to a logit. A power of two scales exactly.
double transform_roundings(const Problem& p, const Ground& g) {
  int exponent = 0;
  const bool exact = p.scale == 1 || std::frexp(std::fabs(p.scale), &exponent) == 0.5;
  const double scaling = exact ? 0 : g.a.holds(p.scale) ? 1 : 2;
  if (p.softcap == 0) return scaling;
  // The cap, the quotient (or a reciprocal and a product), tanh, whose condition number is at most
  // 1, the product with the cap and the cap again.
  return scaling + 3 + g.budget.tanh_rel + 2;
}

double perturbation(const Problem& p, const Ground& g, const RowFacts& f) {
  const double count = transform_roundings(p, g);
  return count == 0 ? 0 : g.a.gamma(count) * f.greatest;
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

/// What the logits' own errors add to a loss with target mass `mass`: d(loss)/dz_j = A p_j - a_j,
/// and for one class 2 (1 - p_y) in all; on the way there p moves by exp(4 delta).
double moved_loss(const RowOfLogits& s, double weight) {
  return 2 * s.delta * std::exp(4 * s.delta) * weight * kOutward;
}

/// m - z_y.
double target_gap(const RowOfLogits& s) { return s.f.max - s.f.target + 2 * s.delta; }

/// Of -log p_y. Where the target is the maximum, log(1 + t) <= t keeps the digits.
double index_loss_size(const RowOfLogits& s) {
  if (s.f.target_is_max) return std::min(s.r.log_sum(), s.f.rest) * kOutward;
  return (target_gap(s) + s.r.log_sum()) * kOutward;
}

/// L5, L6: of -log p_y, the maximum subtracted.
double index_loss_error(const RowOfLogits& s, LossForm form, double size) {
  const RowBound& r = s.r;
  const RowFacts& f = s.f;
  const bool at_maximum = form == LossForm::accurate && f.target_is_max;
  if (at_maximum) {
    // log1p is concave: a relative error x of t moves it by at most x log1p(t), and x t / (1 + t).
    const double slope = std::min(size, f.rest / (1 + f.rest) * kOutward);
    return r.rigorous(slope * r.sigma_rest() + size * s.b.log_rel,
                      r.omega_of_rest() + s.g.omega_of_log);
  }
  // Magnitudes are multiplied by u one by one: their sum may overflow.
  const double shift = form == LossForm::lse ? f.lse : target_gap(s);
  return r.rigorous(r.sigma() + r.log_error(), r.u() * shift + r.u() * size);
}

/// -log p_y without a weight.
Rounded index_loss(const RowOfLogits& s, LossForm form) {
  const TargetShift t(s);
  const double size = index_loss_size(s);
  double error = t.certain() ? 0 : index_loss_error(s, form, size);
  if (t.possible()) error = std::max(error, t.loss_error(size, 0));
  const double outside = std::min(1.0, s.f.rest / s.f.sum * std::exp(2 * s.delta) * kOutward);
  return {size, error + moved_loss(s, outside)};
}

/// L13: sum over classes of a_j (lse - z_j), in the form of the budget.
Rounded mass_loss(const RowOfLogits& s, LossForm form) {
  const RowBound& r = s.r;
  const RowFacts& f = s.f;
  const double roundings = mass_roundings(s.ref.test_case().problem) + 3 + s.g.depth;
  const double size = (f.mass * r.log_sum() + f.mass_gap) * kOutward;
  const double least = s.g.omega_of_product * static_cast<double>(s.ref.test_case().problem.v);
  double error = 0;
  if (form == LossForm::accurate) {
    const double slope = std::min(r.log_sum(), r.below() / (1 + r.below()) * kOutward);
    const double log_error = times(slope, r.sigma_below()) + s.b.log_rel * r.log_sum();
    error = r.rigorous(f.mass * log_error + roundings * size,
                       f.mass * (r.omega_of_rest() + s.g.omega_of_log) + least, roundings);
  } else {
    const double spread =
        form == LossForm::lse ? f.mass * (r.u() * f.lse) + r.u() * f.mass_logit : r.u() * size;
    error = r.rigorous(f.mass * (r.sigma() + r.log_error()), roundings * spread + least, roundings);
  }
  return {size, error + lost_mass(s) + moved_loss(s, f.mass)};
}

Rounded z_part(const RowOfLogits& s, double z_loss) {
  const Rounded lse = s.lse();
  Rounded square = s.a.product(s.a.product(s.a.constant(z_loss), lse), lse);
  // In another order a product may fall below the normal range earlier.
  square.error += s.a.omega() * (1 + lse.size + z_loss);
  return square;
}

Rounded loss_of_form(const RowOfLogits& s, LossForm form) {
  const TestCase& c = s.ref.test_case();
  const Problem& p = c.problem;
  Rounded loss;
  if (one_class(p)) {
    loss = index_loss(s, form);
    if (p.weights) loss = s.a.product({std::fabs(c.weight_of(*c.scored_class(s.row))), 0}, loss);
  } else {
    loss = mass_loss(s, form);
  }
  return p.z_loss == 0 ? loss : s.a.sum(loss, z_part(s, p.z_loss));
}

}  // namespace

bool one_class(const Problem& p) { return !has_vector_targets(p) && p.smoothing == 0; }

Rounded larger(const Rounded& a, const Rounded& b) {
  return {std::max(a.size, b.size), std::max(a.error, b.error)};
}

ProbabilityError probability_error(const RowOfLogits& s, GradForm form, double p, double gap) {
  const RowBound& r = s.r;
  if (form == GradForm::quotient) {
    return {p * (r.exp_error(gap) + r.sigma() + 2), s.g.omega + s.g.omega_of_product};
  }
  const double argument = gap + r.log_sum();  // |z_j - lse|
  const double common = s.b.exp_rel + r.sigma() + r.log_error();
  const bool difference = form == GradForm::difference;
  const double rounding = difference ? s.f.lse : r.live_gap(gap);
  const double exponent = s.g.exp_slope * r.log_sum() + r.log_error();
  return {p * (common + s.g.exp_slope * r.live_gap(argument) + rounding), s.g.omega,
          exponent + (difference ? s.f.lse : 0)};
}

RowOfLogits::RowOfLogits(Reference& reference, const Ground& ground, std::int64_t at)
    : RowOfLogits(reference, ground, at, reference.facts(at)) {}

RowOfLogits::RowOfLogits(Reference& reference, const Ground& ground, std::int64_t at,
                       const RowFacts& facts)
    : ref(reference),
      g(ground),
      b(ground.budget),
      a(ground.a),
      row(at),
      delta(perturbation(reference.test_case().problem, ground, facts)),
      f(moved(facts, delta)),
      r(f, ground, delta == 0) {}

double RowOfLogits::extra_gap() const {
  const Problem& p = ref.test_case().problem;
  // z and m as doubles, and what the kernel's own are off.
  return p.scale == 1 && p.softcap == 0 ? 0 : 0x1p-48 * f.greatest + 2 * delta;
}

double plain_gap(Reference& ref, std::int64_t row, std::int64_t j) {
  const Problem& p = ref.test_case().problem;
  const double m = ref.facts(row).max;
  const double x = ref.test_case().logit(row, j);
  if (p.scale == 1 && p.softcap == 0) return m - x;
  double z = p.scale * x;
  if (p.softcap != 0) z = p.softcap * std::tanh(z / p.softcap);
  return std::max(0.0, m - z);
}

double RowOfLogits::gap(std::int64_t j) const {
  const double extra = extra_gap();
  return (plain_gap(ref, row, j) + extra) * (extra == 0 ? 1 : kOutward);
}

Rounded RowOfLogits::probability(GradForm form, double p, double gap_of_j) const {
  const ProbabilityError e = probability_error(*this, form, p, gap_of_j);
  return {p, r.rigorous(e.bracket, e.absolute, e.extra_tau) + p * std::expm1(2 * delta)};
}

Rounded RowOfLogits::lse() const {
  const TargetShift t(*this);
  double error = t.certain() ? 0 : r.rigorous(r.sigma() + r.log_error(), r.u() * f.lse);
  if (t.possible()) error = std::max(error, t.loss_error(index_loss_size(*this), f.lse));
  return {f.lse, error + delta};
}

Rounded softmax_loss(Reference& ref, const Ground& g, std::int64_t row) {
  const RowOfLogits s(ref, g, row);
  const ErrorBudget& b = g.budget;
  if (!s.bounded()) return {0, kNoBound};
  if (ref.test_case().problem.op == Op::lse) return s.lse();
  if (b.loss != LossForm::any) return loss_of_form(s, b.loss);
  return larger(larger(loss_of_form(s, LossForm::shifted), loss_of_form(s, LossForm::lse)),
                loss_of_form(s, LossForm::accurate));
}

}  // namespace xent
