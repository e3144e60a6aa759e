// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle_cases.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace xent::oracle_tests {
namespace {

constexpr double kMasked = -std::numeric_limits<double>::infinity();

Problem problem_of(const std::string& op, std::size_t n, std::size_t v, const std::string& more) {
  return parse_problem("op=" + op + " n=" + std::to_string(n) + " v=" + std::to_string(v) + " " +
                       more);
}

Tensor tensor_of(const std::vector<Row>& rows, DType dtype) {
  const auto v = static_cast<std::int64_t>(rows.front().size());
  Tensor t(dtype, {static_cast<std::int64_t>(rows.size()), v});
  std::int64_t i = 0;
  for (const Row& row : rows) {
    for (const double x : row) t.set(i++, x);
  }
  return t;
}

double logit_of_kind(Draw& draw, int kind, std::int64_t j, std::int64_t v, double scale) {
  const double at = static_cast<double>(j) / static_cast<double>(v);
  switch (kind) {
    case 0: return scale * draw.normal();
    case 1: return 4 * draw.normal() + 1000 * scale;
    case 2: return j == 0 ? 5 + 8 * scale : draw.normal();
    case 3: return static_cast<double>(draw.below(3)) * scale;
    case 4: return scale;
    case 5: return draw.below(3) == 0 ? kMasked : scale * draw.normal();
    case 6: return j == 0 ? 0 : -80 - 26 * draw.uniform();
    case 7: return 30 * scale * at;
    case 8: return -30 * scale * at;
    case 9: return draw.below(2) == 0 ? 0 : -4 * scale;
    case 10: return j == 0 ? 0 : -16.6355 - 0.01 * draw.normal();
    case 11: return j == 0 ? 8 : draw.normal() - 20 * scale;
    default: return draw.normal() * 1e-30;
  }
}

}  // namespace

double rounded_to(double x, DType d) {
  std::array<std::byte, 8> bytes{};
  store(bytes.data(), d, x);
  return load(bytes.data(), d);
}

TestCase logits_case(const std::vector<Row>& rows, const std::vector<std::int64_t>& labels,
                     const std::string& more) {
  TestCase c;
  c.problem = problem_of("ce", rows.size(), rows.front().size(), more);
  c.input = tensor_of(rows, c.problem.dtype);
  c.target = Tensor(DType::i64, {c.problem.n});
  for (std::size_t r = 0; r < labels.size(); ++r) {
    c.target.set_integer(static_cast<std::int64_t>(r), labels[r]);
  }
  return c;
}

TestCase one_row(const Row& row, std::int64_t label, const std::string& more) {
  return logits_case({row}, {label}, more);
}

TestCase lse_case(const std::vector<Row>& rows, const std::string& more) {
  TestCase c;
  c.problem = problem_of("lse", rows.size(), rows.front().size(), more);
  c.input = tensor_of(rows, c.problem.dtype);
  return c;
}

TestCase probability_case(const std::string& op, const Row& p, const Row& q,
                          const std::string& more) {
  TestCase c;
  c.problem = problem_of(op, 1, p.size(), more);
  if (op != "entropy") c.problem.targets = TargetKind::prob;
  c.input = tensor_of({op == "entropy" ? p : q}, c.problem.dtype);
  if (op != "entropy") c.target = tensor_of({p}, c.problem.dtype);
  return c;
}

TestCase case_of(const std::string& problem, const Row& input, const Row& target,
                 const Row& weight, const Row& direction) {
  TestCase c;
  c.problem = parse_problem("dtype=f64 " + problem);
  const Problem& p = c.problem;
  const auto fill = [&](Tensor& t, std::vector<std::int64_t> shape, const Row& values, DType d) {
    t = Tensor(d, std::move(shape));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      if (d == DType::i64) t.set_integer(at, static_cast<std::int64_t>(values[i]));
      else t.set(at, values[i]);
    }
  };
  fill(c.input, {p.n, p.v}, input, p.dtype);
  if (has_vector_targets(p)) fill(c.target, {p.n, p.v}, target, p.dtype);
  else if (p.takes_targets()) fill(c.target, {p.n}, target, DType::i64);
  if (p.weights) fill(c.weight, {p.v}, weight, p.dtype);
  if (p.dir == Dir::hvp) fill(c.direction, {p.n, p.v}, direction, p.dtype);
  return c;
}

void set_upstream(TestCase& c, const std::vector<double>& values) {
  c.problem.upstream = values.size() == 1 ? Upstream::scalar : Upstream::row;
  c.upstream = Tensor(c.problem.dtype, {static_cast<std::int64_t>(values.size())});
  for (std::size_t i = 0; i < values.size(); ++i) {
    c.upstream.set(static_cast<std::int64_t>(i), values[i]);
  }
}

double Draw::normal() {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += uniform();
  return sum;
}

Row random_row(Draw& draw, int kind, std::int64_t v, DType dtype) {
  Row z;
  const double scale = draw.one_of({0.25, 1.0, 4.0, 10.0});
  for (std::int64_t j = 0; j < v; ++j) {
    z.push_back(rounded_to(logit_of_kind(draw, kind, j, v, scale), dtype));
  }
  if (draw.below(2) == 0) {
    std::swap(z[0], z[static_cast<std::size_t>(draw.below(v))]);
  }
  if (*std::max_element(z.begin(), z.end()) == kMasked) z[0] = 0;
  return z;
}

std::int64_t random_label(Draw& draw, const Row& z) {
  if (draw.below(2) == 0) return std::max_element(z.begin(), z.end()) - z.begin();
  for (;;) {
    const std::int64_t j = draw.below(static_cast<std::int64_t>(z.size()));
    if (z[static_cast<std::size_t>(j)] != kMasked) return j;
  }
}

Pair random_pair(Draw& draw, int kind, std::int64_t v, DType dtype) {
  const Format f = format(dtype);
  const double least = std::ldexp(1.0, f.emin - f.precision + 1);
  Pair pair;
  for (std::int64_t j = 0; j < v; ++j) {
    const double share = 2 / static_cast<double>(v);
    double p = share * draw.uniform() + 1e-6, q = share * draw.uniform() + 1e-6;
    if (kind == 1) p = j == 0 ? 0.999 : 0.001 * p;
    if (kind == 2) q = p * (1 + unit_roundoff(dtype) * static_cast<double>(draw.below(9) - 4) * 2);
    if (kind == 3 && draw.below(2) == 0) q = p;
    if (kind == 4) {
      const bool small_p = draw.below(2) == 0;
      p = (1 + p) * std::ldexp(1.0, small_p ? f.emin - 12 : -9);
      q = (1 + q) * std::ldexp(1.0, small_p ? -9 : f.emin - 12);
    }
    if (kind == 5) p = least * static_cast<double>(1 + draw.below(50));
    if (kind == 6 && draw.below(3) == 0) p = 0;
    if (kind == 7) {
      p = (2 - draw.uniform() / 8) * std::ldexp(1.0, f.emin);
      q = (1 + draw.uniform() / 8) * std::ldexp(1.0, f.emin);
    }
    pair.p.push_back(rounded_to(p, dtype));
    pair.q.push_back(std::max(least, rounded_to(q, dtype)));
  }
  return pair;
}

}  // namespace xent::oracle_tests
