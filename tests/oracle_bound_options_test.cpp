// SPDX-License-Identifier: Apache-2.0
// The bounds of every operation and option against arithmetic that errs as much as it may.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "oracle/bound.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_noisy_kernel.h"
#include "tests/oracle_ratios.h"

namespace xent::oracle_tests {
namespace {

std::string option(Draw& draw, std::initializer_list<const char*> texts) {
  return std::string(" ") + draw.one_of(texts);
}

/// A problem of the op with random options, those that go together.
Problem random_problem(Draw& draw, const std::string& op) {
  for (;;) {
    std::string text = "op=" + op + " dtype=f32" + option(draw, {"dir=fwdbwd", "dir=fwdbwd"}) +
                       option(draw, {"targets=index", "targets=prob"}) +
                       option(draw, {"", "reduction=sum", "reduction=mean"}) +
                       option(draw, {"", "", "smoothing=0.1", "smoothing=0.9"}) +
                       option(draw, {"", "weights=on"}) + option(draw, {"", "", "zloss=0.003"}) +
                       option(draw, {"", "", "softcap=3.3"}) +
                       option(draw, {"", "", "scale=0.7", "scale=2"}) +
                       option(draw, {"", "", "unit=bits"}) +
                       option(draw, {"", "", "ignore=1"}) +
                       option(draw, {"", "denominator=sequence", "denominator=rows",
                                     "denominator=7.3"}) +
                       option(draw, {"", "upstream=scalar"}) + " n=4 t=2 v=" +
                       std::to_string(1 + draw.below(9));
    if (op == "ce" && draw.below(4) == 0) text.replace(text.find("fwdbwd"), 6, "hvp");
    const Problem p = parse_problem(text);
    if (!meaningless(p)) return p;
  }
}

double label(Draw& draw) {
  const double nearly = rounded_to(1 - 0x1p-20 * draw.uniform(), DType::f32);
  return draw.one_of({0.0, 1.0, draw.uniform(), nearly});
}

void fill(Tensor& t, const Problem& p, std::initializer_list<std::int64_t> shape,
          const auto& draw) {
  t = Tensor(p.dtype, shape);
  for (std::int64_t i = 0; i < t.size(); ++i) t.set(i, draw());
}

/// Ordinary numbers, some rows confident, some with a large offset: no row poses a question.
TestCase random_case(Draw& draw, const Problem& p) {
  TestCase c;
  c.problem = p;
  const double spread = draw.one_of({0.01, 1.0, 4.0, 12.0}), offset = draw.one_of({0.0, 0.0, 50.0});
  fill(c.input, p, {p.n, p.v}, [&] {
    if (p.op == Op::bce_prob) return std::clamp(draw.uniform(), 0x1p-30, 1 - 0x1p-22);
    if (p.op == Op::nll) return -0.1 - std::fabs(spread * draw.normal());
    return offset + spread * draw.normal();
  });
  const bool vectors = has_vector_targets(p);
  if (p.takes_targets() && vectors) fill(c.target, p, {p.n, p.v}, [&] { return label(draw); });
  if (p.takes_targets() && !vectors) {
    c.target = Tensor(DType::i64, {p.n});
    for (std::int64_t r = 0; r < p.n; ++r) c.target.set_integer(r, draw.below(p.v));
    if (p.ignore_index && *p.ignore_index >= p.v) c.problem.ignore_index = 0;
  }
  if (p.weights) fill(c.weight, p, {p.v}, [&] { return 0.05 + 2 * draw.uniform(); });
  if (p.dir == Dir::hvp) fill(c.direction, p, {p.n, p.v}, [&] { return draw.normal(); });
  if (p.upstream != Upstream::one) fill(c.upstream, p, {1}, [&] { return 3 * draw.normal(); });
  validate(c);
  return c;
}

ErrorBudget random_forms(Draw& draw) {
  ErrorBudget b;
  b.exp_rel = draw.one_of({1.0, 2.0, 4.0});
  b.exp_arg = draw.one_of({0.0, 0.0, 2.5});
  b.log_rel = draw.one_of({1.0, 4.0});
  b.log_abs = draw.one_of({0.0, 0.0, 8.0});
  b.order = b.rows = SumOrder::sequential;
  b.loss = draw.one_of({LossForm::shifted, LossForm::lse, LossForm::accurate});
  b.grad = draw.one_of({GradForm::quotient, GradForm::difference, GradForm::shifted});
  b.target = draw.one_of({TargetForm::naive, TargetForm::accurate});
  if (draw.below(3) == 0) b.shift = Shift::target;
  if (draw.below(3) == 0) b.shift_limit = 20;
  if (b.loss == LossForm::accurate) b.log_abs = 0;
  return b;
}

/// Level 1, because some losses are exact, and so is their bound.
void attack(Ratios& ratios, Draw& draw, const TestCase& c, const std::string& op) {
  Reference ref(c);
  const Problem& p = c.problem;
  const bool reduced = p.reduction != Reduction::none;
  for (int k = 0; k < 10; ++k) {
    const ErrorBudget b = random_forms(draw);
    const char* shift = op == "ce" && b.shift == Shift::target ? " minus target" : "";
    Noise noise(b, draw.bits(), draw.below(3) == 0);
    NoisyKernel kernel(c, b, noise);
    for (std::int64_t r = 0; r < (reduced ? 1 : p.n) && p.wants_loss(); ++r) {
      if (!ref.loss(r).is_number() || (!reduced && !counts(ref, r))) continue;
      ratios.see(op + shift + " loss", reduced ? kernel.loss() : kernel.row_loss(r), ref.loss(r, 1),
                 loss_bound(ref, b, r), b, to_text(p));
    }
    for (std::int64_t r = 0; r < p.n && p.wants_grad(); ++r) {
      const std::int64_t j = draw.below(p.v);
      if (!counts(ref, r) || !ref.grad(r, j).is_number()) {
        continue;
      }
      const std::string what = p.dir == Dir::hvp ? " hvp" : " grad";
      ratios.see(op + shift + what, kernel.grad(r, j), ref.grad(r, j, 1),
                 grad_bound(ref, b, r, j), b,
                 to_text(p) + " r=" + std::to_string(r) + " j=" + std::to_string(j));
    }
  }
}

TEST(BoundOfOptions, HoldsAndIsNearForEveryOperation) {
  Ratios ratios;
  Draw draw(2026);
  for (const std::string op : {"ce", "lse", "nll", "bce-logits", "bce-prob", "mse-softmax",
                               "mse-sigmoid"}) {
    const int cases = op == "ce" ? 700 : 150;
    for (int i = 0; i < cases; ++i) {
      attack(ratios, draw, random_case(draw, random_problem(draw, op)), op);
    }
  }
  EXPECT_EQ(ratios.first_violation(), "");
  EXPECT_GT(ratios.checks(), 20000);
  for (const auto& [form, worst] : ratios.worst()) EXPECT_GT(worst, 0.2) << form;
}

/// (A p_j) (v_j - q) in floats: A p_j is subnormal, and a direction above 1 magnifies its rounding.
TEST(BoundOfOptions, HoldsForHessianProductsThroughTheSubnormals) {
  Ratios ratios;
  Draw draw(3);
  for (int i = 0; i < 400; ++i) {
    TestCase c;
    c.problem = parse_problem("op=ce n=1 v=2 dtype=f32 dir=hvp targets=prob");
    const double gap = 85 + 4 * draw.uniform();
    c.input = Tensor(DType::f32, {1, 2});
    c.input.set(0, -gap);
    c.target = Tensor(DType::f32, {1, 2});
    c.target.set(0, 0x1p-8);
    c.direction = Tensor(DType::f32, {1, 2});
    c.direction.set(0, 90.5);
    Reference ref(c);
    ErrorBudget b = ErrorBudget::relative(c.problem);
    b.grad = GradForm::quotient;
    const float p = std::exp(static_cast<float>(c.input.at(0)));
    const float q = p * static_cast<float>(c.direction.at(0));
    const float h = (0x1p-8F * p) * (static_cast<float>(c.direction.at(0)) - q);
    ratios.see("subnormal", static_cast<double>(h), ref.grad(0, 0), grad_bound(ref, b, 0, 0), b,
               to_text(c.problem));
  }
  EXPECT_EQ(ratios.first_violation(), "");
  EXPECT_GT(ratios.worst().at("subnormal"), 0.2);
}

TEST(BoundOfOptions, HoldsForPerplexity) {
  Ratios ratios;
  Draw draw(11);
  for (int i = 0; i < 200; ++i) {
    const Problem p = parse_problem("op=ce n=4 v=5 dtype=f32 dir=fwd reduction=mean "
                                    "unit=perplexity");
    attack(ratios, draw, random_case(draw, p), "perplexity");
  }
  EXPECT_EQ(ratios.first_violation(), "");
  EXPECT_GT(ratios.worst().at("perplexity loss"), 0.2);
}

}  // namespace
}  // namespace xent::oracle_tests
