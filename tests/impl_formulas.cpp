// SPDX-License-Identifier: Apache-2.0
#include "tests/impl_formulas.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>

namespace xent {
namespace {

using Number = long double;

/// One row of a case, in the notation of core/OPTIONS.md.
class Row {
 public:
  Row(const TestCase& c, std::int64_t r) : c_(c), p_(c.problem), r_(r) {}

  Number x(std::int64_t j) const { return c_.logit(r_, j); }
  Number v(std::int64_t j) const { return c_.direction.at(r_ * p_.v + j); }
  Number w(std::int64_t j) const { return c_.weight_of(j); }
  Number y(std::int64_t j) const {
    if (!p_.takes_targets()) return 0;
    if (has_vector_targets(p_)) return c_.target.at(r_ * p_.v + j);
    return c_.scored_class(r_) == j ? 1 : 0;
  }
  Number a(std::int64_t j) const {
    return w(j) * ((1 - Number(p_.smoothing)) * y(j) + p_.smoothing / Number(p_.v));
  }
  Number tanh(std::int64_t j) const { return std::tanh(p_.scale * x(j) / p_.softcap); }
  Number z(std::int64_t j) const {
    return p_.softcap == 0 ? p_.scale * x(j) : p_.softcap * tanh(j);
  }
  Number slope(std::int64_t j) const {
    return p_.softcap == 0 ? p_.scale : p_.scale * (1 - tanh(j) * tanh(j));
  }
  Number sum(const std::function<Number(std::int64_t)>& term) const {
    Number total = 0;
    for (std::int64_t j = 0; j < p_.v; ++j) total += term(j);
    return total;
  }
  Number lse() const {
    return std::log(sum([this](std::int64_t j) { return std::exp(z(j)); }));
  }
  Number p(std::int64_t j) const { return std::exp(z(j) - lse()); }
  Number sigma(std::int64_t j) const { return 1 / (1 + std::exp(-x(j))); }

  Number loss() const {
    const Number l = p_.op == Op::ce ? lse() : 0;
    if (p_.op == Op::lse) return lse();
    return p_.z_loss * l * l + sum([this, l](std::int64_t j) { return term(j, l); });
  }
  Number grad(std::int64_t j) const;
  Number hessian_times_direction(std::int64_t j) const;

 private:
  Number term(std::int64_t j, Number l) const;

  const TestCase& c_;
  const Problem& p_;
  std::int64_t r_;
};

Number square(Number d) { return d * d; }

/// y log x with 0 log x = 0.
Number y_log(Number y, Number x) { return y == 0 ? 0 : y * std::log(x); }

Number Row::term(std::int64_t j, Number l) const {
  switch (p_.op) {
    case Op::ce: return a(j) * (l - z(j));
    case Op::nll: return -a(j) * x(j);
    case Op::entropy: return -y_log(x(j), x(j));
    case Op::cross_entropy: return -y_log(y(j), x(j));
    case Op::kl: return y_log(y(j), y(j) / x(j));
    case Op::bce_logits:
      return w(j) * (std::max<Number>(x(j), 0) - x(j) * y(j) +
                     std::log(1 + std::exp(-std::abs(x(j)))));
    case Op::bce_prob: return -w(j) * (y_log(y(j), x(j)) + y_log(1 - y(j), 1 - x(j)));
    case Op::mse_softmax: return square(p(j) - y(j));
    case Op::mse_sigmoid: return square(sigma(j) - y(j));
    case Op::lse: break;
  }
  return 0;
}

Number Row::grad(std::int64_t j) const {
  switch (p_.op) {
    case Op::ce: {
      const Number mass = sum([this](std::int64_t k) { return a(k); });
      return (mass * p(j) - a(j) + 2 * p_.z_loss * lse() * p(j)) * slope(j);
    }
    case Op::lse: return p(j) * slope(j);
    case Op::nll: return -a(j);
    case Op::entropy: return -(std::log(x(j)) + 1);
    case Op::cross_entropy:
    case Op::kl: return -y(j) / x(j);
    case Op::bce_logits: return w(j) * (sigma(j) - y(j));
    case Op::bce_prob: return w(j) * ((1 - y(j)) / (1 - x(j)) - y(j) / x(j));
    case Op::mse_softmax:
      return 2 * p(j) *
             ((p(j) - y(j)) - sum([this](std::int64_t k) { return p(k) * (p(k) - y(k)); }));
    case Op::mse_sigmoid: return 2 * (sigma(j) - y(j)) * sigma(j) * (1 - sigma(j));
  }
  return 0;
}

Number Row::hessian_times_direction(std::int64_t j) const {
  const Number mass = sum([this](std::int64_t k) { return a(k); });
  const Number q = sum([this](std::int64_t k) { return p(k) * v(k); });
  const Number d = v(j) - q;
  return square(p_.scale) * (mass * p(j) * d + 2 * p_.z_loss * p(j) * (q + lse() * d));
}

/// D over the rows [from, to), as `valid` says; 0: none is valid.
Number size(const TestCase& c, std::int64_t from, std::int64_t to) {
  const Problem& p = c.problem;
  if (!p.takes_targets() || has_vector_targets(p)) return static_cast<Number>(to - from);
  Number total = 0;
  for (std::int64_t r = from; r < to; ++r) {
    if (const auto y = c.scored_class(r)) total += c.weight_of(*y);
  }
  return total;
}

/// What row r's loss is divided by in the reduced loss.
Number divisor(const TestCase& c, std::int64_t r) {
  const Problem& p = c.problem;
  if (!p.is_mean()) return 1;
  if (p.denominator == Denominator::rows) return static_cast<Number>(p.n);
  if (p.denominator == Denominator::number) return p.denominator_value;
  if (p.denominator == Denominator::valid) return size(c, 0, p.n);
  Number sequences = 0;
  for (std::int64_t b = 0; b < p.n; b += p.t) sequences += size(c, b, b + p.t) != 0 ? 1 : 0;
  const std::int64_t b = r - r % p.t;
  return size(c, b, b + p.t) * sequences;
}

bool ignored(const TestCase& c, std::int64_t r) {
  return c.problem.takes_targets() && !has_vector_targets(c.problem) && !c.scored_class(r);
}

}  // namespace

Formulas formulas(const TestCase& c) {
  const Problem& p = c.problem;
  const Number unit = p.unit == Unit::bits ? std::numbers::ln2_v<Number> : 1;
  Formulas f;
  Number total = 0;
  for (std::int64_t r = 0; r < p.n; ++r) {
    const Row row(c, r);
    const bool skip = ignored(c, r);
    const Number divided = skip ? 1 : unit * divisor(c, r);
    const Number loss = skip || !p.wants_loss() ? 0 : row.loss() / divided;
    total += loss;
    if (p.reduction == Reduction::none) f.loss.push_back(loss);
    for (std::int64_t j = 0; p.wants_grad() && j < p.v; ++j) {
      const Number g = p.dir == Dir::hvp ? row.hessian_times_direction(j) : row.grad(j);
      f.grad.push_back(skip ? 0 : c.upstream_of(r) * g / divided);
    }
  }
  if (p.reduction != Reduction::none) {
    f.loss.push_back(p.unit == Unit::perplexity ? std::exp(total) : total);
  }
  return f;
}

}  // namespace xent
