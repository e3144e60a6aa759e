// SPDX-License-Identifier: Apache-2.0
// What all gradient elements of a row of logits have in common.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "oracle/bound_elements.h"
#include "oracle/bound_target.h"

namespace xent {
namespace {

/// f'(x_j) = scale (1 - tanh^2): the square cancels, so the error is relative to scale.
Rounded chain_factor(const RowOfLogits& s) {
  const Problem& p = s.ref.test_case().problem;
  const Rounded scale = s.a.constant(p.scale);
  if (p.softcap == 0) return scale;
  const double of_tanh = 2 + 3 + s.b.tanh_rel;
  return s.a.product(scale, {1, s.a.gamma(2 * of_tanh + 2)});
}

/// L15: sum p_k v_k, without softcap.
Rounded mean_direction(const RowOfLogits& s, GradForm form) {
  const RowFacts& f = s.f;
  // sum p_k |v_k| times the error of p_k, which is linear in the gap.
  const ProbabilityError e = probability_error(s, form, 1, 0);
  const double slope = s.g.exp_slope + (form == GradForm::shifted ? 1 : 0);
  const double bracket = f.direction * e.bracket + slope * f.direction_gap;
  Rounded mean{f.direction, s.r.rigorous(bracket, e.absolute * f.direction_size, e.extra_tau)};
  mean.error += f.direction * std::expm1(4 * s.delta) +
                s.a.omega() * s.g.n;
  return s.a.rounded(mean, s.g.depth + 1);
}

FormOfElements form_of(const RowOfLogits& s, GradForm form, double accurate_error) {
  const bool difference = form == GradForm::difference;
  const bool quotient = form == GradForm::quotient;
  FormOfElements f;
  f.grad = form;
  f.absolute = quotient ? s.g.omega + s.g.omega_of_product : s.g.omega;
  const double exponent = s.g.exp_slope * s.r.log_sum() + s.r.log_error();
  f.factor = s.r.all_orders(quotient ? 0 : exponent + (difference ? s.f.lse : 0));
  f.naive = s.b.target != TargetForm::accurate;
  f.accurate = s.b.target != TargetForm::naive;
  f.accurate_error = accurate_error;
  return f;
}

FormOfElements minus_target(const TargetShift& t) {
  FormOfElements f;
  f.minus_target = f.accurate = true;
  f.distance = t.distance();
  f.slack = t.slack();
  f.farthest = t.farthest();
  f.of_quotient = t.of_quotient();
  f.absolute = t.absolute();
  f.factor = t.factor();
  f.accurate_error = t.target_error();
  return f;
}

RowOfElements::Shape shape_of(const Problem& p) {
  using Shape = RowOfElements::Shape;
  if (p.op == Op::mse_softmax) return Shape::squared;
  if (p.dir == Dir::hvp) return Shape::hessian;
  if (p.op == Op::lse) return Shape::probability;
  return one_class(p) ? Shape::index : Shape::mass;
}

void put_mass(const RowOfLogits& s, RowOfElements& row) {
  const TestCase& c = s.ref.test_case();
  const Problem& p = c.problem;
  if (p.op != Op::ce) return;
  row.weighted = p.weights;
  row.total = one_class(p) ? Rounded{std::fabs(c.weight_of(*c.scored_class(s.row))), 0}
                           : total_mass(s);
  row.mass_gamma = s.a.gamma(mass_roundings(p));
  row.mass_underflow = mass_underflow(p, s.a);
}

void put_z_loss(const RowOfLogits& s, RowOfElements& row) {
  row.z_loss = s.ref.test_case().problem.z_loss;
  if (row.z_loss == 0) return;
  row.lse_number = s.lse();
  row.z_twice = s.a.constant(2 * row.z_loss);
  row.z_times_lse = s.a.product(row.z_twice, row.lse_number);
}

void put_forms(const RowOfLogits& s, RowOfElements& row) {
  const bool squared = row.shape == RowOfElements::Shape::squared;
  row.forms = open_forms(s, squared, row.form);
  for (FormOfElements& f : std::span(row.form, static_cast<std::size_t>(row.forms))) {
    if (row.shape == RowOfElements::Shape::hessian) f.mean = mean_direction(s, f.grad);
    if (squared) f.mean = mean_difference(s, f);
  }
}

}  // namespace

double target_size(const RowOfLogits& s) { return s.f.rest / s.f.sum * kOutward; }

Rounded total_mass(const RowOfLogits& s) {
  const Problem& p = s.ref.test_case().problem;
  const double lost = static_cast<double>(p.v) * mass_underflow(p, s.a);
  return s.a.rounded({s.f.mass, lost}, mass_roundings(p) + s.g.depth);
}

int open_forms(const RowOfLogits& s, bool targets_apart, FormOfElements* out) {
  const TargetShift t(s);
  int count = 0;
  if (t.possible()) out[count++] = minus_target(t);
  if (t.certain()) return count;
  const double g = target_size(s);
  const double accurate = s.r.rigorous(g * (s.r.sigma_rest() + s.r.sigma() + 2),
                                       s.r.omega_of_rest() + s.g.omega_of_product) +
                          g * std::expm1(4 * s.delta);
  const auto put = [&](FormOfElements f, bool of_naive, bool of_accurate) {
    f.naive = of_naive;
    f.accurate = of_accurate;
    out[count++] = f;
  };
  const auto put_targets = [&](const FormOfElements& f) {
    const bool apart = targets_apart && f.naive && f.accurate;
    put(f, f.naive, f.accurate && !apart);
    if (apart) put(f, false, true);
  };
  if (s.b.grad != GradForm::any) {
    put_targets(form_of(s, s.b.grad, accurate));
  } else {
    put_targets(form_of(s, GradForm::quotient, accurate));
    put_targets(form_of(s, GradForm::shifted, accurate));
  }
  return count;
}

RowOfElements row_of_elements(Reference& ref, const Ground& ground, std::int64_t at) {
  const RowOfLogits s(ref, ground, at);
  const TestCase& c = ref.test_case();
  const Problem& p = c.problem;
  RowOfElements row;
  if (!s.bounded()) return row;
  row.shape = shape_of(p);
  if (p.takes_targets() && !has_vector_targets(p)) row.y = *c.scored_class(at);
  row.vector_targets = has_vector_targets(p);
  row.u = s.a.u();
  row.omega = s.a.omega();
  row.exp_rel = s.b.exp_rel;
  row.exp_slope = s.g.exp_slope;
  row.sigma = s.r.sigma();
  row.dead_gap = s.g.dead_gap;
  row.log_sum = s.r.log_sum();
  row.log_error = s.r.log_error();
  row.lse = s.f.lse;
  row.extra_gap = s.extra_gap();
  row.gap_factor = row.extra_gap == 0 ? 1 : kOutward;
  row.moved = std::expm1(2 * s.delta);
  row.target_size = target_size(s);
  put_mass(s, row);
  put_z_loss(s, row);
  row.chained = p.scale != 1 || p.softcap != 0;
  if (row.chained) row.chain = chain_factor(s);
  put_forms(s, row);
  return row;
}

}  // namespace xent
