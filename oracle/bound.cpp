// SPDX-License-Identifier: Apache-2.0
#include "oracle/bound.h"

#include <algorithm>
#include <cmath>

#include "oracle/bound_row.h"

namespace xent {
namespace {

enum class Family { softmax, squared, binary, information, nll };

Family family(Op op) {
  switch (op) {
    case Op::ce:
    case Op::lse: return Family::softmax;
    case Op::mse_softmax: return Family::squared;
    case Op::bce_logits:
    case Op::bce_prob:
    case Op::mse_sigmoid: return Family::binary;
    case Op::nll: return Family::nll;
    case Op::entropy:
    case Op::cross_entropy:
    case Op::kl: break;
  }
  return Family::information;
}

/// A row's loss in nats.
Rounded loss_in_nats(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  switch (family(ref.test_case().problem.op)) {
    case Family::softmax: return softmax_loss(ref, b, row);
    case Family::squared: return squared_loss(ref, b, row);
    case Family::binary: return binary_loss(ref, b, row);
    case Family::nll: return nll_loss(ref, b, row);
    case Family::information: break;
  }
  return information_loss(ref, b, row);
}

Rounded gradient_in_nats(Reference& ref, const ErrorBudget& b, std::int64_t row, std::int64_t j) {
  switch (family(ref.test_case().problem.op)) {
    case Family::softmax: return softmax_gradient(ref, b, row, j);
    case Family::squared: return squared_gradient(ref, b, row, j);
    case Family::binary: return binary_gradient(ref, b, row, j);
    case Family::nll: return nll_gradient(ref, b, row, j);
    case Family::information: break;
  }
  return information_gradient(ref, b, row, j);
}

constexpr double kLog2E = 0x1.71547652b82fep+0;

/// Factor of the unit, and the roundings it costs: the constant's and the product's.
double unit_factor(const Problem& p) { return p.unit == Unit::bits ? kLog2E * kOutward : 1; }
double unit_roundings(const Problem& p) { return p.unit == Unit::bits ? 2 : 0; }

/// A row's loss in the problem's unit; its size is the exact loss's where that is smaller.
Rounded row_loss(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  const Problem& p = ref.test_case().problem;
  const Arithmetic a(b);
  const Rounded nats = loss_in_nats(ref, b, row);
  Rounded loss{times(nats.size, unit_factor(p)), times(nats.error, unit_factor(p))};
  loss.size = std::min(loss.size, ref.facts(row).loss);
  loss = a.rounded(loss, unit_roundings(p));
  if (unit_roundings(p) > 0) loss.error += a.omega();
  return loss;
}

double half_ulp_of_output(double magnitude, const ErrorBudget& b) {
  const Format out = format(b.output);
  const Format in = format(b.accumulate);
  if (out.precision >= in.precision && out.emin <= in.emin) return 0;
  return ulp(magnitude, b.output) / 2;
}

/// The bound as it is handed out: with the output's rounding, and that of the bound itself.
/// No bound where the bound's own arithmetic overflows.
double finished(const Rounded& x, const ErrorBudget& b) {
  const double bound = (x.error + half_ulp_of_output(x.size + x.error, b)) * kOutward + kLeast;
  return std::isnan(bound) ? kNoBound : bound;
}

/// Rows [first, last) whose losses are averaged together before anything else.
struct Group {
  std::int64_t first;
  std::int64_t last;
};

Group group_of(const Problem& p, std::int64_t row) {
  if (p.denominator != Denominator::sequence) return {0, p.n};
  const std::int64_t first = row / p.t * p.t;
  return {first, first + p.t};
}

/// |w_y| summed over the group, over |sum w_y|: how much larger the errors of D are than D's own
/// roundings.
double weight_condition(const TestCase& c, const Group& g) {
  double sum = 0, size = 0;
  for (std::int64_t r = g.first; r < g.last; ++r) {
    const auto y = c.scored_class(r);
    if (!y) continue;
    sum += c.weight_of(*y);
    size += std::fabs(c.weight_of(*y));
  }
  return sum == 0 ? kNoBound : std::fabs(size / sum) * kOutward;
}

/// L17: roundings in a mean's division: a quotient, or a reciprocal and a product, for each of its
/// divisors, and those in the divisors themselves.
double division_roundings(const TestCase& c, const ErrorBudget& b, std::int64_t row) {
  const Problem& p = c.problem;
  if (!p.is_mean()) return 0;
  const Group g = group_of(p, row);
  double count = p.denominator == Denominator::sequence ? 4 : 2;
  const auto rows = static_cast<double>(p.n);
  if (!Arithmetic(b).holds(rows)) count += 2;
  if (p.denominator == Denominator::number && !Arithmetic(b).holds(p.denominator_value)) ++count;
  const bool of_scored =
      p.denominator == Denominator::valid || p.denominator == Denominator::sequence;
  if (p.weights && of_scored && p.takes_targets() && !has_vector_targets(p)) {
    count += addition_depth(b.rows, g.last - g.first, b.lanes, b.block) * weight_condition(c, g);
  }
  return count;
}

/// Additions of a reduced loss.
double reduction_depth(const Problem& p, const ErrorBudget& b) {
  const auto depth = [&](std::int64_t n) { return addition_depth(b.rows, n, b.lanes, b.block); };
  const bool twice = p.is_mean() && p.denominator == Denominator::sequence;
  return twice ? depth(p.t) + depth(p.n / p.t) : depth(p.n);
}

double lower_divisor(Reference& ref, std::int64_t row) {
  return ref.test_case().problem.is_mean() ? magnitude_lower(ref.divisor(row)) : 1;
}

/// Sum or mean of the rows' losses; perplexity is taken of it afterwards.
Rounded reduced_loss(Reference& ref, const ErrorBudget& b) {
  const Problem& p = ref.test_case().problem;
  const Arithmetic a(b);
  Rounded total;
  double amplified = 1;
  for (std::int64_t r = 0; r < p.n; ++r) {
    const double divisor = lower_divisor(ref, r);
    if (!counts(ref, r) || divisor == 0) continue;
    Rounded loss = row_loss(ref, b, r);
    const double size = loss.size;
    loss = a.rounded(loss, reduction_depth(p, b) + division_roundings(ref.test_case(), b, r));
    total.size += times(size, 1 / divisor);
    total.error += times(loss.error, 1 / divisor);
    amplified = std::max(amplified, 1 / divisor);
  }
  const double outward = kOutward + static_cast<double>(p.n) * 0x1p-51;
  total = {total.size * outward, total.error * outward};
  if (p.is_mean()) total.error += 4 * a.omega() * amplified;
  return total;
}

/// exp of a mean: exp(M + E) - exp(M) <= exp(M) E (1 + E) for E <= 1.
double perplexity_bound(const Rounded& mean, const ErrorBudget& b) {
  const Arithmetic a(b);
  if (!(mean.error <= 0.125)) return kNoBound;
  const double value = std::exp(mean.size) * kOutward;
  const double relative = mean.error * (1 + mean.error);
  const double of_exp = a.gamma(b.exp_rel + b.exp_arg * mean.size);
  const double bound = value * (relative + of_exp * (1 + relative)) * kOutward;
  return finished({value, bound}, b);
}

}  // namespace

bool counts(Reference& ref, std::int64_t row) {
  const TestCase& c = ref.test_case();
  const bool indexed = c.problem.takes_targets() && !has_vector_targets(c.problem);
  return !indexed || c.scored_class(row).has_value();
}

double unscaled_loss(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  if (!counts(ref, row)) return 0;
  const double size = loss_in_nats(ref, b, row).size;
  const bool gaps = family(ref.test_case().problem.op) == Family::softmax;
  return gaps ? std::max(size, ref.facts(row).greatest_gap) : size;
}

double unscaled_grad(Reference& ref, const ErrorBudget& b, std::int64_t row, std::int64_t j) {
  return counts(ref, row) ? gradient_in_nats(ref, b, row, j).size : 0;
}

double ulp(double x, DType d) {
  const Format f = format(d);
  int e = f.emin;
  if (x != 0 && std::isfinite(x)) e = std::max(std::ilogb(x), f.emin);
  return std::ldexp(1.0, e - f.precision + 1);
}

double row_loss_bound(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  return counts(ref, row) ? row_loss(ref, b, row).error : 0;
}

/// L10, as is grad_bound.
double loss_bound(Reference& ref, const ErrorBudget& b, std::int64_t i) {
  const Problem& p = ref.test_case().problem;
  Rounded loss;
  if (p.reduction != Reduction::none) loss = reduced_loss(ref, b);
  else if (counts(ref, i)) loss = row_loss(ref, b, i);
  else return 0;
  if (p.unit == Unit::perplexity) return perplexity_bound(loss, b);
  return finished(loss, b);
}

double grad_bound(Reference& ref, const ErrorBudget& b, std::int64_t row, std::int64_t j) {
  const TestCase& c = ref.test_case();
  const Problem& p = c.problem;
  const double upstream = std::fabs(c.upstream_of(row));
  const double divisor = counts(ref, row) ? lower_divisor(ref, row) : 0;
  if (upstream == 0 || divisor == 0) return 0;
  const Arithmetic a(b);
  const Rounded nats = gradient_in_nats(ref, b, row, j);
  const bool scaled = p.upstream != Upstream::one;
  const double roundings =
      unit_roundings(p) + (scaled ? 1 : 0) + division_roundings(c, b, row);
  // The upstream first: it and the divisor alone may leave the doubles.
  const auto scaled_up = [&](double x) {
    return times(times(x, upstream), unit_factor(p) / divisor * kOutward);
  };
  Rounded g = a.rounded({scaled_up(nats.size), scaled_up(nats.error)}, roundings);
  // A scaling's result may be subnormal, and the next one magnifies that.
  const double magnified =
      std::max(1.0, upstream) * std::max(1.0, 1 / divisor) * std::max(1.0, unit_factor(p));
  g.error += std::min(roundings, 8.0) * magnified * a.omega();
  return finished(g, b);
}

}  // namespace xent
