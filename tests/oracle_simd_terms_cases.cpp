// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle_simd_terms_cases.h"

#include <cmath>
#include <utility>
#include <vector>

#include "oracle/reference_questions.h"

namespace xent::oracle_tests {
namespace {

/// Numbers in (0, 1]: ordinary, next to 1, powers of two, the least ones of the format.
double odd_probability(Draw& draw, DType dtype) {
  const Format f = format(dtype);
  const double u = unit_roundoff(dtype);
  switch (draw.below(10)) {
    case 0: return 1 - static_cast<double>(1 + draw.below(3)) * 2 * u;
    case 1: return 1;
    case 2: return std::ldexp(1.0, -static_cast<int>(draw.below(-f.emin + f.precision)));
    case 3: return std::ldexp(draw.uniform() + 1, f.emin - 2) + std::ldexp(1.0, f.emin - 2);
    case 4: return std::ldexp(static_cast<double>(1 + draw.below(9)), f.emin - f.precision + 1);
    case 5: return std::ldexp(1 + draw.uniform(), f.emin);
    case 6: return std::ldexp(1 + draw.uniform(), -static_cast<int>(draw.below(-f.emin)) - 1);
    default: return 0x1p-20 + draw.uniform() * (1 - 0x1p-20);
  }
}

/// A partner for p: unrelated, equal, next to it, a factor of about 2, the least number.
double partner(Draw& draw, double p, DType dtype) {
  const double u = 2 * unit_roundoff(dtype);
  switch (draw.below(8)) {
    case 0: return p;
    case 1: return p * (1 + u);
    case 2: return p * (1 - u);
    case 3: return p * (1 + draw.normal() * 0x1p-9);
    case 4: return p * draw.one_of({0.5, 0.75, 1.5, 2.0, 0.75 - 0.5 * u, 1.5 + u, 3.0});
    default: return odd_probability(draw, dtype);
  }
}

double odd_logit(Draw& draw, DType dtype) {
  const double x = draw.normal() * draw.one_of({0x1p-60, 1e-6, 1.0, 8.0, 100.0, 800.0, 4000.0});
  switch (draw.below(12)) {
    case 0: return 0;
    case 1: return std::ldexp(x, format(dtype).emin);
    case 2: return x < 0 ? -rounded_to(0x1p15, dtype) : rounded_to(0x1p15, dtype);
    default: return x;
  }
}

double odd_label(Draw& draw, DType dtype) {
  return draw.below(2) == 0 ? static_cast<double>(draw.below(2)) : odd_probability(draw, dtype);
}

/// A least number for what the format rounds to 0.
double not_zero(double x, DType dtype) {
  const Format f = format(dtype);
  return rounded_to(x, dtype) == 0 ? std::ldexp(1.0, f.emin - f.precision + 1) : x;
}

Tensor tensor_of(DType d, std::vector<std::int64_t> shape, const Row& values) {
  Tensor t(d, std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i) t.set(static_cast<std::int64_t>(i), values[i]);
  return t;
}

TestCase case_of(const Problem& p, const Row& x, const Row& y, const Row& w) {
  TestCase c;
  c.problem = p;
  c.input = tensor_of(p.dtype, {p.n, p.v}, x);
  if (has_vector_targets(p)) c.target = tensor_of(p.dtype, {p.n, p.v}, y);
  if (p.weights) c.weight = tensor_of(p.dtype, {p.v}, w);
  return c;
}

struct Class {
  double x, y;
};

/// Of bce-prob x >= least.
Class odd_class(Draw& draw, Op op, DType d, double least) {
  const double p = not_zero(odd_probability(draw, d), d);
  const double mass = draw.below(6) == 0 ? 0 : p;
  switch (op) {
    case Op::nll: return {-std::fabs(odd_logit(draw, d)), mass};
    case Op::bce_prob:
      return {rounded_to(p, d) == 1 || p < least ? 0.5 : p,
              draw.below(3) == 0 ? p : odd_label(draw, d)};
    case Op::bce_logits:
    case Op::mse_sigmoid: return {odd_logit(draw, d), odd_label(draw, d)};
    case Op::entropy: return {p, 0};
    default: return {not_zero(partner(draw, p, d), d), mass};
  }
}

}  // namespace

TestCase odd_case(Draw& draw, Op op, DType d, std::int64_t v, const std::string& more) {
  // Below it the derivative is beyond doubles, or the logarithm clamped.
  const double least = more.find("pytorch") == std::string::npos ? 0x1p-1022 : 0x1p-140;
  Row x, y, w;
  for (std::int64_t j = 0; j < v; ++j) {
    const Class c = odd_class(draw, op, d, least);
    x.push_back(c.x);
    y.push_back(c.y);
    w.push_back(draw.below(5) == 0 ? 0 : draw.uniform());
  }
  Problem p;
  p.op = op;
  p.v = v;
  p.dtype = d;
  p.dir = Dir::fwdbwd;
  if (op != Op::entropy && !is_binary(op)) p.targets = TargetKind::prob;
  return case_of(parse_problem(to_text(p) + more), x, y, w);
}

std::string any_words(Draw& draw, Op op) {
  std::string words;
  const bool classes = op == Op::nll, binary = op == Op::bce_logits || op == Op::bce_prob;
  if (op != Op::mse_sigmoid && draw.below(4) == 0) words += " unit=bits";
  if ((classes || binary) && draw.below(2) == 0) words += " weights=on";
  if (classes && draw.below(2) == 0) words += draw.one_of({" smoothing=0.1", " smoothing=1"});
  if (op == Op::bce_prob && draw.below(2) == 0) words += " dialect=pytorch";
  return words;
}

TestCase one(const std::string& problem, const Row& x, const Row& y, const Row& w) {
  Problem p = parse_problem("n=1 dir=fwdbwd " + problem);
  p.v = std::ssize(x);
  TestCase c = case_of(p, x, y, w);
  if (!has_vector_targets(p) && p.takes_targets()) {
    c.target = Tensor(DType::i64, {1});
    c.target.set_integer(0, static_cast<std::int64_t>(y[0]));
  }
  return c;
}

}  // namespace xent::oracle_tests
