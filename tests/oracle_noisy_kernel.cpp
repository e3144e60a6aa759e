// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle_noisy_kernel.h"

#include <algorithm>
#include <cmath>

namespace xent::oracle_tests {

double Noise::sign(unsigned role) {
  if (!random_) return signs_ >> role & 1 ? 1 : -1;
  state_ = state_ * 6364136223846793005u + 1442695040888963407u;
  return state_ >> 40 & 1 ? 1 : -1;
}

double Noise::exp(double x) {
  if (x == 0) return 1;
  return moved(std::exp(x), u() * (b_.exp_rel + b_.exp_arg * std::fabs(x)), 5);
}

double Noise::log(double x) {
  const double value = std::log(x);
  return value + sign(6) * u() * (b_.log_rel * std::fabs(value) + b_.log_abs);
}

double Noise::log1p(double x) { return moved(std::log1p(x), u() * b_.log_rel, 7); }
double Noise::tanh(double x) { return moved(std::tanh(x), u() * b_.tanh_rel, 8); }

double NoisyKernel::label(std::int64_t row, std::int64_t j) const {
  if (has_vector_targets(c_.problem)) return c_.target.at(row * c_.problem.v + j);
  return c_.scored_class(row) == j ? 1 : 0;
}

/// a_j = ((1 - eps) y_j + eps / V) w_j, as far as there is an option to compute.
std::vector<double> NoisyKernel::masses(std::int64_t row) {
  const Problem& p = c_.problem;
  std::vector<double> a;
  const double eps = n_.constant(p.smoothing);
  for (std::int64_t j = 0; j < p.v; ++j) {
    double x = label(row, j);
    if (p.smoothing != 0) {
      x = n_.add(n_.mul(n_.sub(1, eps), x), n_.div(eps, static_cast<double>(p.v)));
    }
    a.push_back(p.weights ? n_.mul(x, c_.weight_of(j)) : x);
  }
  return a;
}

/// Shift::target, where the sum of the others is in its range.
void NoisyKernel::subtract_target(Softmax& s) {
  const double z_y = s.z[static_cast<std::size_t>(s.y)];
  double rest = 0;
  std::vector<double> e;
  for (std::size_t j = 0; j < s.z.size(); ++j) {
    e.push_back(n_.exp(n_.sub(s.z[j], z_y)));
    if (static_cast<std::int64_t>(j) != s.y) rest = rest == 0 ? e.back() : n_.add(rest, e.back());
  }
  s.by_target = rest < b_.shift_limit && rest > 0;
  if (!s.by_target) return;
  s.e = e;
  s.m = z_y;
  s.rest = rest;
  s.s = n_.add(1, rest);
  s.lse = n_.add(z_y, n_.log1p(rest));
}

NoisyKernel::Softmax NoisyKernel::softmax(std::int64_t row) {
  const Problem& p = c_.problem;
  Softmax s;
  for (std::int64_t j = 0; j < p.v; ++j) {
    double z = c_.logit(row, j);
    if (p.scale != 1) z = n_.mul(z, n_.constant(p.scale));
    if (p.softcap != 0) {
      s.t.push_back(n_.tanh(n_.div(z, n_.constant(p.softcap))));
      z = n_.mul(n_.constant(p.softcap), s.t.back());
    }
    s.z.push_back(z);
  }
  const auto top = std::max_element(s.z.begin(), s.z.end());
  s.m = *top;
  if (p.takes_targets() && !has_vector_targets(p)) s.y = c_.scored_class(row).value_or(-1);
  bool first = true, first_rest = true, first_below = true;
  const auto sum = [&](double& total, double x, bool& fresh) {
    total = fresh ? x : n_.add(total, x);
    fresh = false;
  };
  for (std::int64_t j = 0; j < p.v; ++j) {
    const double e = n_.exp(n_.sub(s.z[static_cast<std::size_t>(j)], s.m));
    s.e.push_back(e);
    sum(s.s, e, first);
    if (j != s.y) sum(s.rest, e, first_rest);
    if (j != top - s.z.begin()) sum(s.below, e, first_below);
  }
  s.lse = n_.add(s.m, n_.log(s.s));
  if (p.takes_targets() && p.op != Op::mse_softmax) s.a = masses(row);
  for (const double a : s.a) s.mass = n_.add(s.mass, a);
  const bool one_class = p.op == Op::ce && s.y >= 0 && p.smoothing == 0 && p.dir != Dir::hvp;
  if (b_.shift == Shift::target && one_class) subtract_target(s);
  return s;
}

double NoisyKernel::probability(const Softmax& s, std::int64_t j) {
  const auto k = static_cast<std::size_t>(j);
  if (s.by_target) return n_.mul(s.e[k], n_.div(1, s.s));
  if (b_.grad == GradForm::difference) return n_.exp(n_.sub(s.z[k], s.lse));
  if (b_.grad == GradForm::shifted) {
    return n_.exp(n_.sub(n_.sub(s.z[k], s.m), n_.log(s.s)));
  }
  return n_.mul(s.e[k], n_.div(1, s.s));
}

double NoisyKernel::softmax_loss(std::int64_t row) {
  const Problem& p = c_.problem;
  const Softmax s = softmax(row);
  if (p.op == Op::lse) return s.lse;
  const bool indexed = s.y >= 0 && p.smoothing == 0;
  const double log_s = b_.loss == LossForm::accurate ? n_.log1p(s.below) : n_.log(s.s);
  double loss = 0;
  if (indexed) {
    const double z = s.z[static_cast<std::size_t>(s.y)];
    if (s.by_target) loss = n_.log1p(s.rest);
    else if (b_.loss == LossForm::lse) loss = n_.sub(s.lse, z);
    else if (b_.loss == LossForm::accurate && z == s.m) loss = n_.log1p(s.rest);
    else loss = n_.add(n_.sub(s.m, z), n_.log(s.s));
    if (p.weights) loss = n_.mul(c_.weight_of(s.y), loss);
  } else if (b_.loss == LossForm::lse) {
    double total = 0;
    for (std::size_t j = 0; j < s.a.size(); ++j) total = n_.add(total, n_.mul(s.a[j], s.z[j]));
    loss = n_.sub(n_.mul(s.mass, s.lse), total);
  } else {
    for (std::size_t j = 0; j < s.a.size(); ++j) {
      loss = n_.add(loss, n_.mul(s.a[j], n_.add(log_s, n_.sub(s.m, s.z[j]))));
    }
  }
  if (p.z_loss == 0) return loss;
  return n_.add(loss, n_.mul(n_.mul(n_.constant(p.z_loss), s.lse), s.lse));
}

double NoisyKernel::logit_gradient(const Softmax& s, std::int64_t j) {
  const Problem& p = c_.problem;
  if (p.op == Op::lse) return probability(s, j);
  double g = 0;
  if (s.y >= 0 && p.smoothing == 0) {
    if (j != s.y) g = probability(s, j);
    else if (!s.by_target && b_.target == TargetForm::naive) g = n_.sub(probability(s, j), 1);
    else g = -n_.mul(s.rest, n_.div(1, s.s));
    if (p.weights) g = n_.mul(c_.weight_of(s.y), g);
  } else {
    g = n_.sub(n_.mul(s.mass, probability(s, j)), s.a[static_cast<std::size_t>(j)]);
  }
  if (p.z_loss == 0) return g;
  return n_.add(g, n_.mul(n_.mul(n_.constant(2 * p.z_loss), s.lse), probability(s, j)));
}

double NoisyKernel::hessian_product(const Softmax& s, std::int64_t row, std::int64_t j) {
  const Problem& p = c_.problem;
  double mean = 0;
  for (std::int64_t k = 0; k < p.v; ++k) {
    mean = n_.add(mean, n_.mul(probability(s, k), c_.direction.at(row * p.v + k)));
  }
  const double centred = n_.sub(c_.direction.at(row * p.v + j), mean);
  const double q = probability(s, j);
  double h = n_.mul(s.mass, n_.mul(q, centred));
  if (p.z_loss != 0) {
    const double inner = n_.add(mean, n_.mul(s.lse, centred));
    h = n_.add(h, n_.mul(n_.mul(n_.constant(2 * p.z_loss), q), inner));
  }
  const double scale = n_.constant(p.scale);
  return p.scale == 1 ? h : n_.mul(n_.mul(h, scale), scale);
}

double NoisyKernel::softmax_gradient(std::int64_t row, std::int64_t j) {
  const Problem& p = c_.problem;
  const Softmax s = softmax(row);
  if (p.dir == Dir::hvp) return hessian_product(s, row, j);
  double g = logit_gradient(s, j);
  if (p.softcap != 0) {
    const double t = s.t[static_cast<std::size_t>(j)];
    g = n_.mul(g, n_.sub(1, n_.mul(t, t)));
  }
  return p.scale == 1 ? g : n_.mul(g, n_.constant(p.scale));
}

double NoisyKernel::squared(std::int64_t row, std::int64_t j, bool gradient) {
  const Softmax s = softmax(row);
  double loss = 0, mean = 0;
  const auto difference = [&](std::int64_t k) {
    const bool whole = k == s.y && b_.target == TargetForm::accurate;
    return whole ? -n_.mul(s.rest, n_.div(1, s.s)) : n_.sub(probability(s, k), label(row, k));
  };
  for (std::int64_t k = 0; k < c_.problem.v; ++k) {
    const double p = probability(s, k), d = difference(k);
    loss = n_.add(loss, n_.mul(d, d));
    mean = n_.add(mean, n_.mul(p, d));
  }
  if (!gradient) return loss;
  const double p = probability(s, j);
  return n_.mul(2 * p, n_.sub(difference(j), mean));
}

double NoisyKernel::sigmoid(double x) {
  const double q = n_.exp(-std::fabs(x));
  return x >= 0 ? n_.div(1, n_.add(1, q)) : n_.div(q, n_.add(1, q));
}

/// sigma(x) - y, without a subtraction for hard labels where the form is accurate.
double NoisyKernel::residual(double x, double y) {
  if (b_.target == TargetForm::accurate && y == 0) return sigmoid(x);
  if (b_.target == TargetForm::accurate && y == 1) return -sigmoid(-x);
  return n_.sub(sigmoid(x), y);
}

double NoisyKernel::binary(std::int64_t row, std::int64_t j, bool gradient) {
  const Problem& p = c_.problem;
  const double x = c_.logit(row, j), y = label(row, j);
  const bool hard = y == 0 || y == 1;
  const bool accurate = b_.loss == LossForm::accurate;
  double value = 0;
  if (p.op == Op::mse_sigmoid) {
    const double q = sigmoid(x), d = residual(x, y);
    const double rest = b_.target == TargetForm::accurate ? sigmoid(-x) : n_.sub(1, q);
    value = gradient ? n_.mul(n_.mul(2 * d, q), rest) : n_.mul(d, d);
  } else if (p.op == Op::bce_logits && gradient) {
    value = residual(x, y);
  } else if (p.op == Op::bce_logits) {
    const double q = n_.exp(-std::fabs(x));
    const double tail = accurate ? n_.log1p(q) : n_.log(n_.add(1, q));
    const double linear = hard ? std::max(x, 0.0) - x * y : n_.sub(std::max(x, 0.0), n_.mul(x, y));
    value = n_.add(linear, tail);
  } else if (gradient) {
    value = n_.sub(n_.div(n_.sub(1, y), n_.sub(1, x)), n_.div(y, x));
  } else {
    const double other = accurate ? n_.log1p(-x) : n_.log(n_.sub(1, x));
    value = -n_.add(n_.mul(y, n_.log(x)), n_.mul(hard ? 1 - y : n_.sub(1, y), other));
  }
  return p.weights ? n_.mul(c_.weight_of(j), value) : value;
}

double NoisyKernel::nll(std::int64_t row, std::int64_t j, bool gradient) {
  const Problem& p = c_.problem;
  if (!has_vector_targets(p) && p.smoothing == 0) {
    const std::int64_t y = *c_.scored_class(row);
    if (gradient) return j == y ? -c_.weight_of(y) : 0;
    return p.weights ? n_.mul(c_.weight_of(y), -c_.logit(row, y)) : -c_.logit(row, y);
  }
  const std::vector<double> a = masses(row);
  if (gradient) return -a[static_cast<std::size_t>(j)];
  double loss = 0;
  for (std::int64_t k = 0; k < p.v; ++k) {
    loss = n_.add(loss, n_.mul(a[static_cast<std::size_t>(k)], -c_.logit(row, k)));
  }
  return loss;
}

double NoisyKernel::in_unit(double x) {
  return c_.problem.unit == Unit::bits ? n_.mul(x, n_.constant(M_LOG2E)) : x;
}

double NoisyKernel::row_loss(std::int64_t row) {
  const Op op = c_.problem.op;
  double loss = 0;
  if (op == Op::ce || op == Op::lse) loss = softmax_loss(row);
  else if (op == Op::mse_softmax) loss = squared(row, 0, false);
  else if (op == Op::nll) loss = nll(row, 0, false);
  else for (std::int64_t j = 0; j < c_.problem.v; ++j) loss = n_.add(loss, binary(row, j, false));
  return in_unit(loss);
}

/// D of the row's group, added up.
double NoisyKernel::divisor(std::int64_t row) {
  const Problem& p = c_.problem;
  if (!p.is_mean()) return 1;
  if (p.denominator == Denominator::number) return n_.constant(p.denominator_value);
  const bool indexed = p.takes_targets() && !has_vector_targets(p);
  if (p.denominator == Denominator::rows) return static_cast<double>(p.n);
  const bool sequence = p.denominator == Denominator::sequence;
  const std::int64_t first = sequence ? row / p.t * p.t : 0, last = sequence ? first + p.t : p.n;
  if (!indexed) return static_cast<double>(last - first);
  double d = 0;
  for (std::int64_t r = first; r < last; ++r) {
    if (const auto y = c_.scored_class(r)) d = p.weights ? n_.add(d, c_.weight_of(*y)) : d + 1;
  }
  return d;
}

double NoisyKernel::loss() {
  const Problem& p = c_.problem;
  const bool sequence = p.is_mean() && p.denominator == Denominator::sequence;
  double total = 0, part = 0, sequences = 0;
  for (std::int64_t r = 0; r < p.n; ++r) {
    const bool scored = !p.takes_targets() || has_vector_targets(p) || c_.scored_class(r);
    if (scored) part = n_.add(part, row_loss(r));
    const bool ends = sequence ? r % p.t == p.t - 1 : r == p.n - 1;
    if (!ends) continue;
    const double d = divisor(r);
    if (d != 0) total = n_.add(total, p.is_mean() ? n_.mul(part, n_.div(1, d)) : part);
    sequences += d != 0;
    part = 0;
  }
  if (sequence) total = n_.mul(total, n_.div(1, sequences));
  return p.unit == Unit::perplexity ? n_.exp(total) : total;
}

double NoisyKernel::grad(std::int64_t row, std::int64_t j) {
  const Problem& p = c_.problem;
  const Op op = p.op;
  double g = 0;
  if (op == Op::ce || op == Op::lse) g = softmax_gradient(row, j);
  else if (op == Op::mse_softmax) g = squared(row, j, true);
  else if (op == Op::nll) g = nll(row, j, true);
  else g = binary(row, j, true);
  g = in_unit(g);
  if (p.upstream != Upstream::one) g = n_.mul(g, c_.upstream_of(row));
  if (!p.is_mean()) return g;
  g = n_.mul(g, n_.div(1, divisor(row)));
  if (p.denominator != Denominator::sequence) return g;
  double sequences = 0;
  for (std::int64_t r = 0; r < p.n; r += p.t) sequences += divisor(r) != 0;
  return n_.mul(g, n_.div(1, sequences));
}

}  // namespace xent::oracle_tests
