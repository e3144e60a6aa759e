// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "oracle/bound.h"
#include "tests/oracle_ratios.h"
#include "tests/oracle_simulated_kernel.h"

namespace xent {
namespace {

using namespace oracle_tests;

ErrorBudget random_budget(Draw& draw, DType accumulate) {
  ErrorBudget b;
  b.exp_rel = draw.one_of({1.0, 1.5, 4.0});
  b.exp_arg = draw.one_of({0.0, 0.0, 1.0, 2.5});
  b.log_rel = draw.one_of({1.0, 2.0, 6.0});
  b.log_abs = draw.one_of({0.0, 0.0, 8.0});
  b.order = draw.one_of({SumOrder::any, SumOrder::sequential, SumOrder::lanes, SumOrder::blocked,
                         SumOrder::pairwise, SumOrder::compensated});
  b.rows = b.order;
  b.lanes = draw.one_of<std::int64_t>({1, 4, 16});
  b.block = draw.one_of<std::int64_t>({1, 4, 64});
  b.online = draw.below(3) == 0;
  if (b.online) b.order = draw.one_of({SumOrder::sequential, SumOrder::lanes});
  b.loss = draw.one_of({LossForm::shifted, LossForm::lse, LossForm::accurate});
  b.grad = draw.one_of({GradForm::quotient, GradForm::difference, GradForm::shifted});
  b.target = draw.one_of({TargetForm::naive, TargetForm::accurate});
  b.kl = draw.one_of({KlForm::difference, KlForm::quotient, KlForm::accurate});
  b.accumulate = b.output = accumulate;
  b.flush_to_zero = draw.below(4) == 0;
  if (draw.below(6) == 0) b.exp_cutoff = draw.one_of({-20.0, -87.25, -103.5});
  if (draw.below(4) == 0) b.output = draw.one_of({DType::bf16, DType::f16, DType::f32});
  return b;
}

/// Absolute terms dominate where a budget has them: kept apart, they don't hide a slack bracket.
std::string kind_name(const ErrorBudget& b) {
  if (b.output != b.accumulate) return ", rounded out";
  return b.exp_cutoff > -200 ? ", cutoff" : b.flush_to_zero ? ", flushing" : "";
}

std::uint64_t random_signs(Draw& draw) {
  constexpr std::uint64_t kAll = (1u << static_cast<unsigned>(Part::count)) - 1;
  const auto which = draw.below(8);
  return which == 0 ? kAll : which == 1 ? 0 : draw.bits() & kAll;
}

std::string loss_name(const ErrorBudget& b, bool target_is_max) {
  const bool relative = b.loss == LossForm::accurate && target_is_max;
  return "loss " + std::string(relative ? "accurate" : b.loss == LossForm::lse ? "lse" : "shifted");
}

std::string grad_name(const ErrorBudget& b, bool is_target) {
  if (is_target && b.target == TargetForm::accurate) return "target accurate";
  const char* form = b.grad == GradForm::quotient     ? "quotient"
                     : b.grad == GradForm::difference ? "difference"
                                                      : "shifted";
  return (is_target ? "target naive, " : "gradient ") + std::string(form);
}

/// exp(0) = 1 matters to online sums, to log1p(t / 1) and to the integers of tied maxima.
bool exp_of_zero_may_err(const ErrorBudget& b, const RowFacts& f) {
  return !b.online && b.loss != LossForm::accurate && f.ties == 1;
}

void search_row(Ratios& ratios, Draw& draw, const Row& z, std::int64_t y, DType accumulate) {
  const TestCase c = one_row(z, y);
  Reference ref(c);
  const double m = *std::max_element(z.begin(), z.end());
  const auto top = std::max_element(z.begin(), z.end()) - z.begin();
  for (int i = 0; i < 24; ++i) {
    const ErrorBudget b = random_budget(draw, accumulate);
    const SimulatedKernel kernel(b, draw.below(3) != 0, random_signs(draw),
                                 exp_of_zero_may_err(b, ref.facts(0)) && draw.below(2) == 0);
    const auto out = [&](double x) { return b.output == accumulate ? x : rounded_to(x, b.output); };
    const std::string where = text_of(z, y);
    ratios.see(loss_name(b, z[static_cast<std::size_t>(y)] == m) + kind_name(b),
               out(kernel.loss(z, y)), ref.loss(0), loss_bound(ref, b, 0), b, where);
    for (const std::int64_t j : {y, top, draw.below(c.problem.v)}) {
      ratios.see(grad_name(b, j == y) + kind_name(b), out(kernel.gradient(z, y, j)),
                 ref.grad(0, j), grad_bound(ref, b, 0, j), b, where + " j=" + std::to_string(j));
    }
  }
}

Ratios search(DType accumulate, int rows, std::int64_t most_classes) {
  Ratios ratios;
  Draw draw(20240607);
  for (int i = 0; i < rows; ++i) {
    const std::int64_t v = draw.below(8) == 0 ? 1 + draw.below(most_classes) : 1 + draw.below(20);
    const Row z = random_row(draw, i % kRowKinds, v, DType::f32);
    search_row(ratios, draw, z, random_label(draw, z), accumulate);
  }
  return ratios;
}

TEST(Bound, HoldsForF32KernelsAtTheirWorstAndIsNotSilly) {
  const Ratios r = search(DType::f32, 1300, 600);
  EXPECT_EQ(r.first_violation(), "");
  EXPECT_GT(r.checks(), 100000);
  for (const auto& [form, worst] : r.worst()) EXPECT_GT(worst, 0.5) << form;
}

TEST(Bound, HoldsInF16ArithmeticWhereSecondOrderTermsShow) {
  const Ratios r = search(DType::f16, 900, 100);
  EXPECT_EQ(r.first_violation(), "");
  for (const auto& [form, worst] : r.worst()) EXPECT_GT(worst, 0.5) << form;
}

TEST(Bound, HoldsInBf16Arithmetic) {
  const Ratios r = search(DType::bf16, 600, 30);
  EXPECT_EQ(r.first_violation(), "");
  EXPECT_GT(r.checks(), 10000);
}

TEST(Bound, IsNoneWherePrecisionCannotCarryTheSum) {
  const TestCase c = one_row(Row(200, 0.5), 0, "dtype=bf16 acc=bf16 dir=fwdbwd");
  Reference ref(c);
  ErrorBudget b;
  b.accumulate = b.output = DType::bf16;
  EXPECT_TRUE(std::isinf(loss_bound(ref, b, 0)));
  EXPECT_TRUE(std::isinf(grad_bound(ref, b, 0, 3)));
  b.order = SumOrder::pairwise;
  EXPECT_TRUE(std::isfinite(loss_bound(ref, b, 0)));
}

TEST(Bound, OfAnyFormIsTheLargest) {
  const TestCase c = one_row({3, 1, -2, 3.5}, 0);
  Reference ref(c);
  ErrorBudget any = ErrorBudget::standard(c.problem);
  for (const LossForm form : {LossForm::shifted, LossForm::lse, LossForm::accurate}) {
    ErrorBudget one = any;
    one.loss = form;
    EXPECT_GE(loss_bound(ref, any, 0), loss_bound(ref, one, 0));
  }
  for (const GradForm form : {GradForm::quotient, GradForm::shifted}) {
    for (const TargetForm target : {TargetForm::naive, TargetForm::accurate}) {
      ErrorBudget one = any;
      one.grad = form;
      one.target = target;
      for (const std::int64_t j : {0, 1}) {
        EXPECT_GE(grad_bound(ref, any, 0, j), grad_bound(ref, one, 0, j));
      }
    }
  }
}

// A kernel of unknown order may fuse the shift, and then exp(0) is 1 only at 0 and powers of two.
TEST(Bound, HasNoSummationTermWherePartialSumsAreIntegers) {
  const auto bound = [](double c, SumOrder order) {
    const TestCase row = one_row(Row(1000, c), 0, "dtype=f32 dir=fwd");
    Reference ref(row);
    ErrorBudget b = ErrorBudget::standard(row.problem);
    b.order = order;
    b.loss = LossForm::shifted;
    return loss_bound(ref, b, 0) / unit_roundoff(DType::f32);
  };
  EXPECT_LT(bound(0, SumOrder::any), 999);
  EXPECT_LT(bound(-8, SumOrder::any), 999);
  EXPECT_LT(bound(3.7, SumOrder::sequential), 999);
  EXPECT_GT(bound(3.7, SumOrder::any), 999);
}

// lse has either sign, so it is the op whose reduced losses cancel.
TEST(Bound, HoldsForLogSumExpAndItsReductions) {
  Ratios ratios;
  Draw draw(7);
  for (int i = 0; i < 400; ++i) {
    const std::int64_t v = 1 + draw.below(12), n = 1 + draw.below(9);
    std::vector<Row> rows;
    for (std::int64_t r = 0; r < n; ++r) {
      rows.push_back(random_row(draw, static_cast<int>(draw.below(kRowKinds)), v, DType::f32));
    }
    const char* reduction = draw.one_of({"none", "sum", "mean"});
    const TestCase c = lse_case(rows, "dtype=f32 reduction=" + std::string(reduction));
    Reference ref(c);
    for (int k = 0; k < 12; ++k) {
      const ErrorBudget b = random_budget(draw, DType::f32);
      if (b.output != DType::f32) continue;
      const SimulatedKernel kernel(b, draw.below(3) != 0, random_signs(draw));
      std::vector<double> values;
      for (const Row& z : rows) values.push_back(kernel.lse(z));
      const bool none = c.problem.reduction == Reduction::none;
      ratios.see(std::string("lse ") + reduction,
                 none ? values[0] : kernel.reduced(values, c.problem.reduction), ref.loss(0),
                 loss_bound(ref, b, 0), b, text_of(rows[0], -1));
    }
  }
  EXPECT_EQ(ratios.first_violation(), "");
  for (const auto& [form, worst] : ratios.worst()) EXPECT_GT(worst, 0.5) << form;
}

TEST(Bound, HoldsForReducedLosses) {
  Ratios ratios;
  Draw draw(8);
  for (int i = 0; i < 400; ++i) {
    const std::int64_t v = 1 + draw.below(12), n = 1 + draw.below(40);
    std::vector<Row> rows;
    std::vector<std::int64_t> labels;
    for (std::int64_t r = 0; r < n; ++r) {
      // Rows of one kind: losses of one size, so that the mean of tiny ones is tiny.
      rows.push_back(random_row(draw, i % kRowKinds, v, DType::f32));
      const Row& z = rows.back();
      labels.push_back(i % 2 == 0 ? std::max_element(z.begin(), z.end()) - z.begin()
                                  : random_label(draw, z));
    }
    const char* reduction = draw.one_of({"sum", "mean"});
    const TestCase c =
        logits_case(rows, labels, "dtype=f32 dir=fwd reduction=" + std::string(reduction));
    Reference ref(c);
    for (int k = 0; k < 12; ++k) {
      const ErrorBudget b = random_budget(draw, DType::f32);
      const SimulatedKernel kernel(b, draw.below(3) != 0, random_signs(draw));
      std::vector<double> values;
      for (std::size_t r = 0; r < rows.size(); ++r) {
        values.push_back(kernel.loss(rows[r], labels[r]));
      }
      const double value = kernel.reduced(values, c.problem.reduction);
      ratios.see(std::string("loss ") + reduction,
                 b.output == DType::f32 ? value : rounded_to(value, b.output), ref.loss(0),
                 loss_bound(ref, b, 0), b, text_of(rows[0], labels[0]));
    }
  }
  EXPECT_EQ(ratios.first_violation(), "");
  for (const auto& [form, worst] : ratios.worst()) EXPECT_GT(worst, 0.5) << form;
}

// All errors upwards, the division's too.
TEST(Bound, HoldsForAMeanOfSubnormalLosses) {
  const std::vector<Row> rows(3, Row{0, -100.25});
  const TestCase c = logits_case(rows, {0, 0, 0}, "dtype=f32 dir=fwd reduction=mean");
  Reference ref(c);
  ErrorBudget b = ErrorBudget::relative(c.problem);
  b.exp_rel = b.log_rel = 1;
  const SimulatedKernel kernel(b, true, ~0u);
  Ratios ratios;
  ratios.see("mean", kernel.reduced(std::vector<double>(3, kernel.loss(rows[0], 0)),
                                    Reduction::mean),
             ref.loss(0), loss_bound(ref, b, 0), b, "");
  EXPECT_EQ(ratios.first_violation(), "");
  EXPECT_GT(ratios.worst().at("mean"), 0.5);
}

TEST(Bound, HoldsForScaledGradientsFromTheSubnormalsToHugeFactors) {
  Ratios ratios;
  Draw draw(9);
  for (int i = 0; i < 600; ++i) {
    const Row z = random_row(draw, i % kRowKinds, 1 + draw.below(12), DType::f32);
    const std::int64_t y = random_label(draw, z);
    const auto n = static_cast<std::size_t>(1 + draw.below(7));
    const std::string more = draw.below(2) == 0 ? " reduction=mean" : "";
    TestCase c = logits_case(std::vector<Row>(n, z), std::vector<std::int64_t>(n, y),
                             "dtype=f32 dir=bwd" + more);
    if (draw.below(4) != 0) {
      set_upstream(c, {draw.one_of({0.75, -3.0, 1e-39, 1.1e-43, 1e30, 0.0}) * draw.uniform()});
    }
    Reference ref(c);
    for (int k = 0; k < 12; ++k) {
      const ErrorBudget b = random_budget(draw, DType::f32);
      if (b.output != DType::f32) continue;
      const SimulatedKernel kernel(b, draw.below(3) != 0, random_signs(draw),
                                   exp_of_zero_may_err(b, ref.facts(0)));
      const std::int64_t j = draw.below(3) == 0 ? y : draw.below(c.problem.v);
      const double g = kernel.scaled(kernel.gradient(z, y, j), c.problem, c.upstream_of(0));
      ratios.see("scaled" + kind_name(b), g, ref.grad(0, j), grad_bound(ref, b, 0, j), b,
                 text_of(z, y) + " j=" + std::to_string(j) + " " + to_text(c.problem));
    }
  }
  EXPECT_EQ(ratios.first_violation(), "");
  for (const auto& [form, worst] : ratios.worst()) EXPECT_GT(worst, 0.5) << form;
}

void search_pair(Ratios& ratios, Draw& draw, const std::string& op, const Pair& pair) {
  const TestCase c = probability_case(op, pair.p, pair.q);
  Reference ref(c);
  for (int k = 0; k < 12; ++k) {
    const ErrorBudget b = random_budget(draw, DType::f32);
    if (b.output != DType::f32 || b.online) continue;
    const SimulatedKernel kernel(b, draw.below(3) != 0, random_signs(draw));
    const double value = kernel.information(c.problem.op, pair.p, pair.q);
    // A quotient outside the range is that form's own defect, and judged as one.
    if (!std::isfinite(value)) continue;
    const char* form = b.kl == KlForm::difference ? " difference"
                       : b.kl == KlForm::quotient ? " quotient"
                                                  : " accurate";
    ratios.see(op + (op == "kl" ? form : ""), value, ref.loss(0), loss_bound(ref, b, 0), b,
               text_of(pair.p, 0) + " q " + text_of(pair.q, 0));
  }
}

TEST(Bound, HoldsForEntropiesAndDivergence) {
  Ratios ratios;
  Draw draw(10);
  for (int i = 0; i < 1500; ++i) {
    const std::int64_t v = 1 + draw.below(1 + draw.below(20));
    const Pair pair = random_pair(draw, i % kPairKinds, v, DType::f32);
    search_pair(ratios, draw, draw.one_of({"entropy", "cross-entropy", "kl", "kl"}), pair);
  }
  EXPECT_EQ(ratios.first_violation(), "");
  EXPECT_GT(ratios.checks(), 5000);
  for (const auto& [form, worst] : ratios.worst()) EXPECT_GT(worst, 0.5) << form;
}

}  // namespace
}  // namespace xent
