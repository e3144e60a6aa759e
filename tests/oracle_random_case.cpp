// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle_random_case.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace xent::oracle_tests {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

bool chance(Draw& draw, std::int64_t one_in) { return draw.below(one_in) == 0; }

bool is_binary(Op op) {
  return op == Op::bce_logits || op == Op::bce_prob || op == Op::mse_sigmoid;
}

Problem any_options(Draw& draw, Op op, std::int64_t most_classes) {
  Problem p;
  p.op = op;
  p.v = 1 + draw.below(most_classes);
  p.t = 1 + draw.below(2);
  p.n = p.t * (1 + draw.below(2));
  p.dtype = draw.one_of({DType::f32, DType::f64, DType::bf16, DType::f16});
  p.dir = draw.one_of({Dir::fwd, Dir::bwd, Dir::fwdbwd, Dir::hvp});
  p.targets = draw.one_of({TargetKind::index, TargetKind::prob});
  if (chance(draw, 3)) p.smoothing = draw.one_of({0.1, 0.5, 1.0, 1e-9});
  p.weights = chance(draw, 3);
  if (chance(draw, 4)) p.z_loss = draw.one_of({1e-4, 0.75});
  if (chance(draw, 3)) p.scale = draw.one_of({2.0, 0.1, -1.5});
  if (chance(draw, 4)) p.softcap = draw.one_of({30.0, 0.7, 5.0});
  if (chance(draw, 3)) p.ignore_index = chance(draw, 2) ? -100 : draw.below(p.v);
  p.shift = chance(draw, 4);
  p.reduction = draw.one_of({Reduction::none, Reduction::sum, Reduction::mean, Reduction::mean});
  p.denominator = draw.one_of({Denominator::valid, Denominator::valid, Denominator::rows,
                               Denominator::sequence, Denominator::number});
  if (p.denominator == Denominator::number) p.denominator_value = draw.one_of({7.0, 0.3, 1e6});
  p.upstream = draw.one_of({Upstream::one, Upstream::one, Upstream::scalar, Upstream::row});
  p.unit = draw.one_of({Unit::nats, Unit::nats, Unit::bits, Unit::perplexity});
  return p;
}

Problem any_problem(Draw& draw, Op op, std::int64_t most_classes) {
  for (;;) {
    const Problem p = any_options(draw, op, most_classes);
    if (!meaningless(p)) return p;
  }
}

void set_row(Tensor& t, std::int64_t row, const Row& values) {
  for (std::int64_t j = 0; j < std::ssize(values); ++j) {
    t.set(row * std::ssize(values) + j, values[static_cast<std::size_t>(j)]);
  }
}

Row log_probabilities(Draw& draw, const Problem& p) {
  Row x;
  for (std::int64_t j = 0; j < p.v; ++j) {
    x.push_back(-std::fabs(draw.normal()) * draw.one_of({1e-6, 1.0, 40.0}));
    if (chance(draw, 6)) x.back() = -kInf;
  }
  return x;
}

Row binary_logits(Draw& draw, const Problem& p) {
  Row x;
  for (std::int64_t j = 0; j < p.v; ++j) {
    x.push_back(draw.normal() * draw.one_of({1e-6, 1.0, 8.0, 100.0, 4000.0}));
    if (chance(draw, 12)) x.back() = draw.one_of({-kInf, kInf});
  }
  return x;
}

double edge(const Problem& p) { return std::ldexp(1.0, format(p.dtype).emin - 1); }

/// In [0, 1]; now and then at an end of it or next to one.
Row unit_row(Draw& draw, const Problem& p, bool ends) {
  Row x;
  for (std::int64_t j = 0; j < p.v; ++j) {
    x.push_back((1 + 6 * draw.uniform()) / 8);
    if (chance(draw, 6)) x.back() = edge(p);
    if (chance(draw, 6)) x.back() = 1 - 2 * unit_roundoff(p.dtype);
    if (ends && chance(draw, 3)) x.back() = draw.one_of({0.0, 1.0});
  }
  return x;
}

Row input_row(Draw& draw, const Problem& p) {
  if (p.op == Op::nll) return log_probabilities(draw, p);
  if (p.op == Op::bce_prob) return unit_row(draw, p, chance(draw, 4));
  if (is_binary(p.op)) return binary_logits(draw, p);
  if (p.op == Op::ce || p.op == Op::lse || p.op == Op::mse_softmax) {
    Row z = random_row(draw, static_cast<int>(draw.below(kRowKinds)), p.v, p.dtype);
    for (double& x : z) x = p.scale < 0 ? -x : x;
    return z;
  }
  return unit_row(draw, p, chance(draw, 6));
}

Row target_row(Draw& draw, const Problem& p, const Row& input) {
  const auto kind = static_cast<int>(draw.below(kPairKinds));
  const bool probabilities = p.op == Op::kl || p.op == Op::cross_entropy;
  if (is_binary(p.op)) return unit_row(draw, p, true);
  if (probabilities && chance(draw, 4)) return input;
  Row y = random_pair(draw, kind, p.v, p.dtype).p;
  for (std::size_t j = 0; j < y.size(); ++j) {
    if (input[j] == -kInf && chance(draw, 2)) y[j] = 0;
  }
  if (chance(draw, 4)) {
    std::fill(y.begin(), y.end(), 0);
    y[static_cast<std::size_t>(draw.below(p.v))] = 1;
  }
  return y;
}

void set_targets(Draw& draw, TestCase& c) {
  const Problem& p = c.problem;
  if (!p.takes_targets()) return;
  if (has_vector_targets(p)) {
    c.target = Tensor(p.dtype, {p.n, p.v});
    for (std::int64_t r = 0; r < p.n; ++r) {
      Row input;
      for (std::int64_t j = 0; j < p.v; ++j) input.push_back(c.logit(r, j));
      set_row(c.target, r, target_row(draw, p, input));
    }
    return;
  }
  c.target = Tensor(DType::i64, {p.n});
  for (std::int64_t r = 0; r < p.n; ++r) {
    const bool ignored = p.ignore_index && chance(draw, 3);
    c.target.set_integer(r, ignored ? *p.ignore_index : draw.below(p.v));
  }
}

double any_weight(Draw& draw, bool negative) {
  const double w = draw.one_of({0.0, 1.0, 0.25, 1e-3}) + (chance(draw, 2) ? draw.uniform() : 0);
  return negative && chance(draw, 3) ? -w : w;
}

void set_rest(Draw& draw, TestCase& c) {
  const Problem& p = c.problem;
  if (p.weights) {
    const bool negative = chance(draw, 8);
    c.weight = Tensor(p.dtype, {p.v});
    for (std::int64_t j = 0; j < p.v; ++j) c.weight.set(j, any_weight(draw, negative));
  }
  if (p.dir == Dir::hvp) {
    c.direction = Tensor(p.dtype, {p.n, p.v});
    const bool constant = chance(draw, 5);
    for (std::int64_t i = 0; i < p.n * p.v; ++i) {
      c.direction.set(i, constant ? 0.7 : draw.normal());
    }
  }
  if (p.upstream == Upstream::one) return;
  const int most = format(p.dtype).emax / 4;
  c.upstream = Tensor(p.dtype, {p.upstream == Upstream::row ? p.n : 1});
  for (std::int64_t i = 0; i < c.upstream.size(); ++i) {
    const auto exponent = static_cast<int>(draw.below(2 * most + 1)) - most;
    c.upstream.set(i, std::ldexp(draw.normal(), exponent));
  }
}

}  // namespace

TestCase random_case(Draw& draw, Op op, std::int64_t most_classes) {
  TestCase c;
  c.problem = any_problem(draw, op, most_classes);
  c.input = Tensor(c.problem.dtype, {c.problem.n, c.problem.v});
  for (std::int64_t r = 0; r < c.problem.n; ++r) set_row(c.input, r, input_row(draw, c.problem));
  set_targets(draw, c);
  set_rest(draw, c);
  validate(c);
  return c;
}

}  // namespace xent::oracle_tests
