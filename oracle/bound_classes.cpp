// SPDX-License-Identifier: Apache-2.0
// Operations whose classes do not interact: binary losses, entropies, log-probabilities.
#include <algorithm>
#include <cmath>

#include "oracle/bound_elements.h"

namespace xent {
namespace {

/// Terms added up in the order of the budget.
Rounded added(const Arithmetic& a, const ErrorBudget& b, const Problem& p, Rounded total) {
  double depth = addition_depth(b.order, p.v, b.lanes, b.block);
  if (b.order == SumOrder::compensated) depth += 4 * static_cast<double>(p.v) * a.u();
  return a.rounded(total, depth);
}

void add_to(Rounded& total, const Rounded& term) {
  total.size = (total.size + term.size) * kOutward;
  total.error = (total.error + term.error) * kOutward;
}

/// Errors of the elementary functions under a budget, relative and absolute.
class Functions {
 public:
  explicit Functions(const ErrorBudget& budget)
      : b(budget), a(budget), format_(format(budget.accumulate)) {}

  /// exp(-x), x >= 0.
  Rounded exp_minus(double x) const {
    const double value = std::exp(-x) * kOutward;
    return {value, times(value, a.gamma(b.exp_rel + b.exp_arg * live(x))) + least()};
  }
  /// log of an exact number x > 0.
  Rounded log(double x) const {
    const double value = std::fabs(std::log(x)) * kOutward;
    return {value, (a.u() * (b.log_rel * value + b.log_abs)) * kOutward + least()};
  }
  /// log(1 + q), q >= 0: log1p in the accurate form, else of the rounded 1 + q. An error x of q
  /// moves the result by at most x / (1 + q).
  Rounded log1p(Rounded q) const {
    const double value = std::log1p(q.size) * kOutward;
    const double moved = q.error / (1 + q.size) * (1 + q.error);
    const double naive = b.loss == LossForm::accurate ? 0 : 1 + b.log_abs;
    return {value, (moved + a.u() * (b.log_rel * (value + moved) + naive)) * kOutward + least()};
  }
  /// sigmoid(x) = 1 / (1 + exp(-x)) or exp(x) / (1 + exp(x)). Where the first overflows it is 0.
  Rounded sigmoid(double x) const {
    const double value = (x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)));
    const double relative = b.exp_rel + b.exp_arg * live(std::fabs(x)) + 3;
    const double lost = b.order == SumOrder::any && x < -(format_.emax - 1) * M_LN2
                            ? std::min(value, power_of_two_up(format_.emin))
                            : 0;
    return {value * kOutward, times(value, a.gamma(relative)) * kOutward + lost + 2 * least()};
  }

  const ErrorBudget& b;
  Arithmetic a;

 private:
  /// Beyond this argument exp(-x) is below every number of the format.
  double live(double x) const {
    return std::min(x, (format_.precision - format_.emin) * M_LN2);
  }
  /// Of a result below the normal range.
  double least() const {
    const double ulp = power_of_two_up(b.flush_to_zero ? format_.emin
                                                       : format_.emin - format_.precision + 1);
    return std::max({1.0, b.exp_rel, b.log_rel}) * ulp;
  }
  Format format_;
};

bool hard(double y) { return y == 0 || y == 1; }

double label(const TestCase& c, std::int64_t row, std::int64_t j) {
  return c.target.at(row * c.problem.v + j);
}

/// L16: max(x, 0) - x y + log(1 + exp(-|x|)); no rounding before the sum where y is 0 or 1.
Rounded logit_term(const Functions& f, double x, double y) {
  // Only where the label is right is the loss a number: 0.
  if (std::isinf(x)) return {};
  const Rounded tail = f.log1p(f.exp_minus(std::fabs(x)));
  const double linear = std::max(x, 0.0) - x * y;
  Rounded left{std::fabs(linear) * kOutward, 0};
  if (!hard(y)) {
    const Rounded product = f.a.product({std::fabs(x), 0}, {std::fabs(y), 0});
    left.error = product.error + f.a.u() * (left.size + product.error);
  }
  // The other stable form, y log(1 + e^-x) + (1 - y) log(1 + e^x), has terms of one sign.
  const double split = times(f.a.gamma(4), left.size + tail.size);
  Rounded whole{left.size + tail.size, left.error + tail.error + (hard(y) ? 0 : split)};
  whole.error += f.a.u() * (whole.size + whole.error);
  return whole;
}

/// -(y log x + (1 - y) log(1 - x)); a factor of 0 makes its term 0. A clamp moves no two numbers
/// apart; it makes log 0 its floor, a number where the dialect has one.
Rounded probability_term(const Functions& f, double x, double y, double floor) {
  Rounded total;
  const Rounded clamped{std::isfinite(floor) ? std::fabs(floor) : 0, 0};
  if (y != 0) add_to(total, f.a.product({std::fabs(y), 0}, x > 0 ? f.log(x) : clamped));
  const Rounded rest{std::fabs(1 - y) * kOutward, hard(y) ? 0 : f.a.u() * std::fabs(1 - y)};
  if (y != 1 && x == 1) add_to(total, f.a.product(rest, clamped));
  if (y != 1 && x < 1) {
    const double value = std::fabs(std::log1p(-x)) * kOutward;
    // log1p(-x), or the logarithm of the rounded 1 - x.
    const double naive = f.b.loss == LossForm::accurate ? 0 : 1 + f.b.log_abs;
    const Rounded log{value, f.a.u() * (f.b.log_rel * value + naive) * kOutward + f.a.omega()};
    add_to(total, f.a.product(rest, log));
  }
  return {total.size, total.error + f.a.u() * (total.size + total.error)};
}

/// sigma(x) - y; with a hard label and the accurate form sigma(x) or -sigma(-x), which is not the
/// better one everywhere.
Rounded residual(const Functions& f, double x, double y) {
  const Rounded p = f.sigmoid(x);
  const double size = std::fabs(p.size - y) + p.size * 0x1p-38;
  const Rounded naive{size, p.error + f.a.u() * (size + p.error)};
  if (!hard(y) || f.b.target == TargetForm::naive) return naive;
  const Rounded accurate = f.sigmoid(y == 0 ? x : -x);
  if (f.b.target == TargetForm::accurate) return accurate;
  return {std::max(size, accurate.size), std::max(naive.error, accurate.error)};
}

Rounded binary_term(const Functions& f, const TestCase& c, double log_floor, std::int64_t row,
                    std::int64_t j) {
  const double x = c.logit(row, j), y = label(c, row, j);
  switch (c.problem.op) {
    case Op::bce_logits: return logit_term(f, x, y);
    case Op::bce_prob: return probability_term(f, x, y, log_floor);
    default: {
      const Rounded d = residual(f, x, y);
      return f.a.product(d, d);
    }
  }
}

/// Of the loss the naive form is the worst: the logarithm of a rounded 1 + q.
ErrorBudget settled(ErrorBudget b) {
  if (b.loss == LossForm::any) b.loss = LossForm::shifted;
  return b;
}

}  // namespace

Rounded binary_loss(Reference& ref, const ErrorBudget& budget, std::int64_t row) {
  const TestCase& c = ref.test_case();
  const ErrorBudget b = settled(budget);
  const Functions f(b);
  const double floor = find_dialect(c.problem.dialect).conventions.log_floor;
  Rounded total;
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    Rounded term = binary_term(f, c, floor, row, j);
    if (c.problem.weights) term = f.a.product({std::fabs(c.weight_of(j)), 0}, term);
    add_to(total, term);
  }
  return added(f.a, b, c.problem, total);
}

namespace {

/// (1 - y) / (1 - x) - y / x, or (x - y) / (x (1 - x)): at most four roundings of each part.
Rounded probability_gradient(const Functions& f, double x, double y) {
  const double parts = (y == 1 ? 0 : std::fabs((1 - y) / (1 - x))) + std::fabs(times(y, 1 / x));
  return f.a.rounded({parts * kOutward, 2 * f.a.omega()}, 5);
}

Rounded squared_sigmoid_gradient(const Functions& f, double x, double y) {
  const Rounded p = f.sigmoid(x);
  // 1 - sigma, subtracted or as sigma(-x).
  Rounded rest = f.sigmoid(-x);
  if (f.b.target != TargetForm::accurate) rest.error += p.error + f.a.u();
  const Rounded g = f.a.product(f.a.product(residual(f, x, y), p), rest);
  return {2 * g.size, 2 * g.error};
}

Rounded binary_gradient(const Functions& f, const TestCase& c, std::int64_t row, std::int64_t j) {
  const double x = c.logit(row, j), y = label(c, row, j);
  const Op op = c.problem.op;
  const Rounded g = op == Op::bce_logits ? residual(f, x, y)
                    : op == Op::bce_prob ? probability_gradient(f, x, y)
                                         : squared_sigmoid_gradient(f, x, y);
  return c.problem.weights ? f.a.product({std::fabs(c.weight_of(j)), 0}, g) : g;
}

/// L9.
double information_error(const RowFacts& f, const Ground& g, Op op, KlForm form) {
  const ErrorBudget& b = g.budget;
  const double h = g.depth;
  const double logs = b.log_abs * f.mass;
  double bracket = (b.log_rel + 1 + h) * f.terms + logs;
  double products = 1;
  if (op == Op::kl && form == KlForm::difference) {
    bracket = b.log_rel * f.log_terms + 2 * logs + (2 + h) * f.terms;
  } else if (op == Op::kl && form == KlForm::quotient) {
    bracket += f.mass;
    // A subnormal p / q moves its term by at most 2 q omega_o, and q <= 1.
    products = 3;
  } else if (op == Op::kl) {
    // Of log1p at d >= -1/2 the condition number is at most 1/log 2 < 1.4428, and as much for
    // log(p/q) beyond a factor of 2. Far terms have two logarithms, of which |log| sums to > 1.
    bracket = (b.log_rel + 2.4428 + h) * f.terms + logs +
              (b.log_rel + b.log_abs) * f.far_log_terms;
    // Flushed to zero, p - q moves its term by at most 2 omega_o.
    products = 3;
  }
  return RowBound(f, g).rigorous(bracket, products * g.n * g.omega_of_product);
}

}  // namespace

Rounded information_loss(Reference& ref, const Ground& g, std::int64_t row) {
  const TestCase& c = ref.test_case();
  const Op op = c.problem.op;
  const RowFacts& f = ref.facts(row);
  if (op == Op::cross_entropy && !has_vector_targets(c.problem)) {
    return Functions(g.budget).log(c.logit(row, *c.scored_class(row)));
  }
  const auto error = [&](KlForm form) { return information_error(f, g, op, form); };
  if (g.budget.kl != KlForm::any) return {f.terms, error(g.budget.kl)};
  return {f.terms, std::max({error(KlForm::difference), error(KlForm::quotient),
                             error(KlForm::accurate)})};
}

namespace {

Rounded information_gradient(const Functions& f, const TestCase& c, std::int64_t row,
                             std::int64_t j) {
  const double x = c.logit(row, j);
  if (c.problem.op == Op::entropy) {
    const Rounded g = f.log(x);
    const double size = std::fabs(std::log(x) + 1) * kOutward + g.size * 0x1p-50;
    return {size, g.error + f.a.u() * (size + g.error)};
  }
  const bool indexed = !has_vector_targets(c.problem);
  const double p = indexed ? (c.scored_class(row) == j ? 1 : 0) : label(c, row, j);
  if (p == 0) return {};
  // A quotient, or a reciprocal and a product.
  return f.a.rounded({std::fabs(p / x) * kOutward, f.a.omega()}, 2);
}

}  // namespace

Rounded nll_loss(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  const TestCase& c = ref.test_case();
  const Problem& p = c.problem;
  const Arithmetic a(b);
  if (!has_vector_targets(p) && p.smoothing == 0) {
    const std::int64_t y = *c.scored_class(row);
    const Rounded x{std::fabs(c.logit(row, y)), 0};
    return p.weights ? a.product({std::fabs(c.weight_of(y)), 0}, x) : x;
  }
  const double size = ref.facts(row).mass_logit;
  double least = static_cast<double>(p.v) * a.omega();
  for_subnormal_masses(c, b, row, [&](std::int64_t j) {
    least += times(std::fabs(c.logit(row, j)), mass_underflow(p, a));
  });
  const Rounded terms = a.rounded({size, least}, mass_roundings(p) + 2);
  return added(a, b, p, terms);
}

void class_elements(Reference& ref, const ErrorBudget& budget, std::int64_t row,
                    std::int64_t first, std::int64_t count, RoundedBlock& out) {
  const TestCase& c = ref.test_case();
  const Op op = c.problem.op;
  const ErrorBudget b = settled(budget);
  const Functions f(b);
  if (op == Op::nll) masses_of(c, row, first, count, out.size);
  const double roundings = mass_roundings(c.problem);
  const double underflow = mass_underflow(c.problem, f.a);
  const bool binary = op == Op::bce_logits || op == Op::bce_prob || op == Op::mse_sigmoid;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t j = first + i;
    const Rounded g = op == Op::nll ? f.a.rounded({out.size[i], underflow}, roundings)
                      : binary      ? binary_gradient(f, c, row, j)
                                    : information_gradient(f, c, row, j);
    out.size[i] = g.size;
    out.error[i] = g.error;
  }
}

}  // namespace xent
