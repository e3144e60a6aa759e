// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <initializer_list>
#include <limits>
#include <random>

#include "tests/dialect_cases.h"

namespace xent::dialect_tests {
namespace {

/// The same numbers on every platform: bits of mt19937_64 only.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : bits_(seed) {}
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(bits_() % static_cast<std::uint64_t>(n));
  }
  bool one_in(std::int64_t n) { return below(n) == 0; }
  double between(double low, double high) {
    return low + (high - low) * (static_cast<double>(bits_() >> 11) * 0x1p-53);
  }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[below(static_cast<std::int64_t>(values.size()))];
  }

 private:
  std::mt19937_64 bits_;
};

bool one_of(Op op, std::initializer_list<Op> ops) {
  for (const Op o : ops) {
    if (o == op) return true;
  }
  return false;
}

bool softmax_like(Op op) { return one_of(op, {Op::ce, Op::lse, Op::mse_softmax}); }
bool binary(Op op) { return one_of(op, {Op::bce_logits, Op::bce_prob, Op::mse_sigmoid}); }

void draw_shape(Dice& d, Problem& p) {
  p.t = d.one_of<std::int64_t>({1, 1, 2, 3});
  p.n = p.t * d.one_of<std::int64_t>({1, 2, 3});
  p.v = d.one_in(8) ? d.one_of<std::int64_t>({257, 1000}) : 1 + d.below(9);
  p.layout = d.one_of({Layout::nc, Layout::bct, Layout::btv});
  p.dir = Dir::fwdbwd;
  p.reduction = d.one_of({Reduction::none, Reduction::sum, Reduction::mean});
  p.upstream = d.one_of({Upstream::one, Upstream::scalar});
  if (p.reduction == Reduction::none && d.one_in(2)) p.upstream = Upstream::row;
}

Problem ordinary_problem(Dice& d) {
  Problem p;
  draw_shape(d, p);
  p.dialect = "pytorch";
  p.dtype = d.one_of({DType::f32, DType::f64});
  p.op = d.one_of({Op::ce, Op::ce, Op::ce, Op::ce, Op::ce, Op::nll, Op::nll, Op::bce_logits,
                   Op::bce_prob, Op::kl, Op::lse, Op::entropy, Op::cross_entropy});
  const bool vector = binary(p.op) || p.op == Op::kl || (p.op == Op::ce && d.one_in(3));
  p.targets = vector ? TargetKind::prob : TargetKind::index;
  p.weights = d.one_in(2) && (one_of(p.op, {Op::ce, Op::nll, Op::bce_logits, Op::bce_prob}));
  if (p.op == Op::ce && d.one_in(2)) p.smoothing = d.one_of({0.1, 0.5, 1.0});
  if (!vector && one_of(p.op, {Op::ce, Op::nll}) && d.one_in(2)) {
    p.ignore_index = d.one_of<std::int64_t>({-100, d.below(p.v)});
  }
  return p;
}

Problem composed_problem(Dice& d) {
  Problem p;
  draw_shape(d, p);
  p.op = d.one_of({Op::ce, Op::ce, Op::ce, Op::ce, Op::ce, Op::lse, Op::mse_softmax,
                   Op::mse_sigmoid});
  if (p.op == Op::mse_sigmoid || d.one_in(3)) p.targets = TargetKind::prob;
  if (p.op == Op::ce || p.op == Op::lse) {
    if (d.one_in(2)) p.scale = d.one_of({0.5, -1.25, 2.0});
    if (d.one_in(3)) p.softcap = d.one_of({1.5, 30.0});
  }
  if (p.op == Op::ce) {
    p.weights = d.one_in(3);
    if (d.one_in(3)) p.smoothing = 0.125;
    if (d.one_in(2)) p.z_loss = d.one_of({1e-4, 0.5});
    if (d.one_in(4)) p.dir = Dir::hvp;
  }
  if (p.is_mean()) {
    p.denominator = d.one_of({Denominator::valid, Denominator::rows, Denominator::sequence,
                              Denominator::number});
    if (p.denominator == Denominator::number) p.denominator_value = 12.5;
  }
  if (one_of(p.op, {Op::ce, Op::lse})) p.unit = d.one_of({Unit::nats, Unit::bits});
  if (p.op == Op::ce && p.targets == TargetKind::index) {
    p.shift = d.one_in(3);
    if (d.one_in(2)) p.ignore_index = -100;
    const bool plain = p.is_mean() && p.z_loss == 0 && d.one_in(2);
    if (plain) {
      p.unit = Unit::perplexity;
      p.dir = Dir::fwd;
      p.upstream = Upstream::one;
    }
  }
  return p;
}

/// Positive numbers that sum to nearly 1.
void draw_distribution(Dice& d, Numbers& to, std::int64_t v) {
  Numbers part(static_cast<std::size_t>(v));
  double total = 0;
  for (double& x : part) total += x = std::exp(d.between(-4, 0));
  for (const double x : part) to.push_back(x / total);
}

void draw_input(Dice& d, const Problem& p, Numbers& to) {
  const double spread = d.one_of({1.0, 4.0, 20.0});
  const double offset = softmax_like(p.op) && d.one_in(4) ? d.between(-50, 50) : 0;
  for (std::int64_t r = 0; r < p.n; ++r) {
    if (one_of(p.op, {Op::kl, Op::entropy, Op::cross_entropy})) {
      draw_distribution(d, to, p.v);
      continue;
    }
    for (std::int64_t j = 0; j < p.v; ++j) {
      if (p.op == Op::bce_prob) to.push_back(d.between(0.01, 0.99));
      else if (p.op == Op::nll) to.push_back(-d.between(0, spread));
      else to.push_back(offset + d.between(-spread, spread));
    }
  }
}

void draw_targets(Dice& d, const Problem& p, Numbers& to) {
  for (std::int64_t r = 0; r < p.n; ++r) {
    if (!has_vector_targets(p)) {
      const bool ignored = p.ignore_index && d.one_in(3);
      to.push_back(static_cast<double>(ignored ? *p.ignore_index : d.below(p.v)));
    } else if (binary(p.op)) {
      for (std::int64_t j = 0; j < p.v; ++j) to.push_back(d.one_of({0.0, 1.0, d.between(0, 1)}));
    } else if (p.op == Op::ce && d.one_in(3)) {
      for (std::int64_t j = 0; j < p.v; ++j) to.push_back(d.one_of({0.0, d.between(0, 2)}));
    } else {
      draw_distribution(d, to, p.v);
    }
  }
}

TestCase fill(Dice& d, const Problem& p) {
  Given g;
  g.problem = to_text(p);
  draw_input(d, p, g.input);
  if (p.takes_targets()) draw_targets(d, p, g.target);
  const bool negative = !p.is_mean() && d.one_in(3);
  for (std::int64_t j = 0; p.weights && j < p.v; ++j) {
    g.weight.push_back(d.between(negative ? -2 : 0.25, 3));
  }
  const std::int64_t upstreams = p.upstream == Upstream::row ? p.n : 1;
  for (std::int64_t i = 0; p.upstream != Upstream::one && i < upstreams; ++i) {
    g.upstream.push_back(d.between(-2, 2));
  }
  for (std::int64_t i = 0; p.dir == Dir::hvp && i < p.n * p.v; ++i) {
    g.direction.push_back(d.between(-1, 1));
  }
  return case_of(g);
}

template <class Drawn>
std::vector<TestCase> cases(int count, std::uint64_t seed, Drawn problem) {
  Dice d(seed);
  std::vector<TestCase> result;
  while (static_cast<int>(result.size()) < count) {
    const Problem p = problem(d);
    if (!meaningless(p)) result.push_back(fill(d, p));
  }
  return result;
}

}  // namespace

std::vector<TestCase> ordinary_cases(int count) { return cases(count, 21, ordinary_problem); }

std::vector<TestCase> composed_cases(int count) { return cases(count, 22, composed_problem); }

}  // namespace xent::dialect_tests
