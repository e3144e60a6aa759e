// SPDX-License-Identifier: Apache-2.0
// Which question a row poses, and what becomes of it; and the facts of rows with options.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "oracle/reference.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_random_case.h"

namespace xent {
namespace {

using namespace oracle_tests;
using Kind = Enclosure::Kind;
using Q = Question;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::optional<Question> asked(const std::string& problem, const Row& input, const Row& target = {},
                              const Row& weight = {}) {
  return Reference(case_of("n=1 v=" + std::to_string(input.size()) + " " + problem, input, target,
                           weight)).question(0);
}

TEST(Questions, OfLogits) {
  EXPECT_EQ(asked("op=ce", {1, -kInf}, {0}), Q::masked_class);
  EXPECT_EQ(asked("op=ce", {1, -kInf}, {1}), Q::masked_target);
  EXPECT_EQ(asked("op=ce weights=on", {1, -kInf}, {1}, {1, 0}), Q::zero_weight_masked_target);
  EXPECT_EQ(asked("op=ce smoothing=0.1", {1, -kInf}, {0}), Q::smoothed_masked_class);
  EXPECT_EQ(asked("op=ce smoothing=0.1", {1, -kInf}, {1}), Q::masked_target);
  EXPECT_EQ(asked("op=ce smoothing=0.1 weights=on", {1, -kInf}, {0}, {1, 0}), Q::masked_class);
  EXPECT_EQ(asked("op=ce targets=prob", {1, -kInf}, {1, 0}), Q::zero_target_masked_class);
  EXPECT_EQ(asked("op=ce targets=prob", {1, -kInf}, {1, 1e-9}), Q::masked_target);
  EXPECT_EQ(asked("op=ce targets=prob", {1, 2}, {1, kNaN}), Q::nan_logit);
  EXPECT_EQ(asked("op=ce scale=-1", {1, kInf}, {0}), Q::masked_class);
  EXPECT_EQ(asked("op=ce scale=-1", {1, -kInf}, {0}), Q::plus_inf_logit);
  EXPECT_EQ(asked("op=ce softcap=1", {kInf, -kInf}, {0}), std::nullopt);
  EXPECT_EQ(asked("op=ce ignore=7", {1, -kInf}, {7}), Q::ignored_row);
  EXPECT_EQ(asked("op=ce ignore=7", {-kInf, -kInf}, {7}), Q::ignored_row_nan);
  EXPECT_EQ(asked("op=ce", {3}, {0}), Q::single_class);
  EXPECT_EQ(asked("op=lse", {3, -kInf}), Q::masked_class);
  EXPECT_EQ(asked("op=mse-softmax", {3, -kInf}, {1}), Q::masked_class);
  EXPECT_EQ(asked("op=nll", {-kInf, -kInf}, {1}), Q::masked_target);
  EXPECT_EQ(asked("op=nll", {-1}, {0}), std::nullopt);
}

TEST(Questions, OfProbabilities) {
  const std::string kl = "op=kl targets=prob";
  EXPECT_EQ(asked(kl, {0.5, 0.5}, {1, 0}), Q::zero_prob_target);
  EXPECT_EQ(asked(kl, {1, 0}, {1, 0}), Q::zero_both);
  EXPECT_EQ(asked(kl, {1, 0, 0}, {1, 0, 1}), Q::zero_prob_model);
  EXPECT_EQ(asked(kl, {1, -1, 0}, {1, 0, 1}), Q::negative_prob);
  EXPECT_EQ(asked("op=cross-entropy", {0, 1}, {0}), Q::zero_prob_model);
  EXPECT_EQ(asked("op=bce-prob targets=prob", {0, 0}, {0, 0.1}), Q::log_of_zero_wrong);
  EXPECT_EQ(asked("op=bce-prob targets=prob weights=on", {0, 0}, {0, 0.1}, {1, 0}),
            Q::log_of_zero_right);
  EXPECT_EQ(asked("op=bce-logits targets=prob", {kInf, kNaN}, {1, 0}), Q::nan_logit);
}

Kind loss_kind(const std::string& problem, const Row& input, const Row& target,
               const Row& weight = {}) {
  return Reference(case_of("n=1 v=" + std::to_string(input.size()) + " " + problem, input, target,
                           weight)).loss(0).kind;
}

TEST(Questions, AreAnsweredByTheDialect) {
  EXPECT_EQ(loss_kind("op=ce smoothing=0.1", {1, -kInf}, {0}), Kind::plus_inf);
  EXPECT_EQ(loss_kind("op=ce weights=on", {1, -kInf}, {1}, {1, 0}), Kind::number);
  EXPECT_EQ(loss_kind("op=ce weights=on dialect=pytorch", {1, -kInf}, {1}, {1, 0}), Kind::nan);
  EXPECT_EQ(loss_kind("op=ce dialect=pytorch", {-kInf, -kInf}, {1}), Kind::nan);
  // -inf: a question with an answer for positive mass only.
  EXPECT_EQ(loss_kind("op=ce weights=on", {1, -kInf}, {1}, {1, -1}), Kind::undefined);
  // A smoothed masked class and a masked target leave the gradient A p_j - a_j.
  Reference ref(case_of("op=ce n=1 v=2 smoothing=0.5 dir=fwdbwd", {1, -kInf}, {0}));
  EXPECT_EQ(ref.grad(0, 0).hi, 0.25);
  EXPECT_EQ(ref.grad(0, 1).hi, -0.25);
}

/// inf + 0 * inf: NaN where the product is.
TEST(Questions, OfTwoMaskedClassesAreLeftOpenWhereDialectsMultiply) {
  const auto kind = [](const std::string& dialect) {
    const std::string problem = "n=1 v=3 op=ce targets=prob dialect=" + dialect;
    return Reference(case_of(problem, {1, -kInf, -kInf}, {0, 1, 0})).loss(0).kind;
  };
  EXPECT_EQ(kind("math"), Kind::plus_inf);
  EXPECT_EQ(kind("pytorch"), Kind::undefined);
}

TEST(Questions, OfTheReductionAreAnsweredByTheDialect) {
  const TestCase c = case_of("op=ce n=1 v=2 ignore=-1 reduction=mean dir=fwdbwd dialect=pytorch",
                             {1, 2}, {-1});
  Reference ref(c);
  EXPECT_EQ(ref.loss(0).kind, Kind::nan);
  EXPECT_EQ(ref.grad(0, 0).hi, 0);
  EXPECT_TRUE(ref.grad(0, 0).is_number());
}

TEST(Questions, OfTheUpstreamNeedNoName) {
  TestCase c = case_of("op=ce n=2 v=2 dir=bwd ignore=-1", {1, 2, 3, 4}, {0, -1});
  set_upstream(c, {kNaN, kNaN});
  EXPECT_EQ(Reference(c).grad(0, 0).kind, Kind::nan);
  EXPECT_EQ(Reference(c).grad(1, 0).hi, 0);
  set_upstream(c, {kInf, 1});
  EXPECT_EQ(Reference(c).grad(0, 0).kind, Kind::undefined);
}

void put_strangers(Draw& draw, Tensor& t) {
  for (std::int64_t i = 0; is_float(t.dtype) && i < t.size(); ++i) {
    if (draw.below(9) == 0) t.set(i, draw.one_of({kNaN, kInf, -kInf, -0.0, -1.0, 0.0, 1.0}));
  }
}

bool obeys(const Enclosure& e, Answer a) {
  switch (a) {
    case Answer::zero: return e.is_number() && e.hi == 0 && e.lo == 0 && e.rad == 0;
    case Answer::plus_inf: return e.kind == Kind::plus_inf || e.kind == Kind::undefined;
    case Answer::nan: return e.kind == Kind::nan || e.kind == Kind::undefined;
    case Answer::value:
    case Answer::clamped: return !e.is_number() || (std::isfinite(e.hi) && e.rad >= 0);
    default: return e.kind == Kind::undefined;
  }
}

// Whatever the tensors hold, a row has the answer of the question it poses, or none.
TEST(Questions, AreAnsweredWhateverTheTensorsHold) {
  Draw draw(5);
  int posed[kQuestions] = {};
  const Op ops[] = {Op::ce, Op::bce_logits, Op::bce_prob, Op::entropy, Op::cross_entropy, Op::kl,
                    Op::lse, Op::nll, Op::mse_softmax, Op::mse_sigmoid};
  for (int i = 0; i < 4000; ++i) {
    TestCase c = random_case(draw, ops[i % 10]);
    const Dialect& dialect = dialects()[static_cast<std::size_t>(draw.below(4))];
    c.problem.dialect = dialect.name;
    for (Tensor* t : {&c.input, &c.target, &c.weight, &c.direction}) put_strangers(draw, *t);
    Reference ref(c);
    for (std::int64_t r = 0; r < c.problem.n; ++r) {
      const auto q = ref.question(r);
      if (q) ++posed[static_cast<int>(*q)];
      const DialectEntry ordinary{{}, Answer::value, Answer::value, {}, {}};
      const DialectEntry& entry = q ? dialect.at(*q) : ordinary;
      EXPECT_TRUE(obeys(ref.row_loss(r), entry.loss)) << to_text(c.problem);
      ref.facts(r);
      if (!c.problem.wants_grad() || ref.reduction_question()) continue;
      for (std::int64_t j = 0; j < c.problem.v; ++j) {
        EXPECT_TRUE(obeys(ref.grad(r, j), entry.grad)) << to_text(c.problem);
      }
    }
    ref.loss(0);
  }
  for (int q = 0; q <= static_cast<int>(Q::infinite_wrong); ++q) {
    EXPECT_GT(posed[q], 0) << name(static_cast<Question>(q));
  }
}

/// An upper bound, and a close one: facts are within 2^-38.
bool tight(double upper, double x) {
  const double near = 1 + 0x1p-38;
  return upper <= x * near && upper * near >= x;
}

TEST(Facts, OfTargetMass) {
  Reference ref(case_of("op=ce n=1 v=4 smoothing=0.4 weights=on dir=fwdbwd", {2, 5, -1, -kInf},
                        {0}, {1, 2, -3, 0}));
  const RowFacts& f = ref.facts(0);
  // b = (1 + 0.1, 0.2, 0.3, 0): the class without weight counts in no sum.
  EXPECT_TRUE(tight(f.mass, 1.6));
  EXPECT_TRUE(tight(f.mass_gap, 1.1 * 3 + 0.3 * 6));
  EXPECT_TRUE(tight(f.mass_logit, 1.1 * 2 + 0.2 * 5 + 0.3));
  EXPECT_TRUE(tight(f.greatest, 5));
  EXPECT_EQ(f.live, 3);
}

TEST(Facts, OfOneClass) {
  Reference ref(case_of("op=ce n=1 v=3 dir=fwdbwd", {2, 5, -1}, {2}));
  EXPECT_TRUE(tight(ref.facts(0).mass, 1));
  EXPECT_TRUE(tight(ref.facts(0).mass_gap, 6));
  EXPECT_TRUE(tight(ref.facts(0).mass_logit, 1));
}

TEST(Facts, OfLogProbabilities) {
  Reference ref(case_of("op=nll n=1 v=3 targets=prob unit=bits", {-2, -kInf, -4}, {0.5, 0, 0.25}));
  const RowFacts& f = ref.facts(0);
  EXPECT_TRUE(tight(f.mass, 0.75));
  EXPECT_TRUE(tight(f.mass_logit, 2));
  EXPECT_TRUE(tight(f.loss, 2 / M_LN2));
  EXPECT_TRUE(tight(f.condition, 4 / M_LN2));
}

TEST(Facts, OfDirections) {
  Reference ref(case_of("op=ce n=1 v=3 dir=hvp", {1, 1, -kInf}, {0}, {}, {4, -2, 9}));
  EXPECT_TRUE(tight(ref.facts(0).direction, 3));
  EXPECT_EQ(ref.facts(0).direction_gap, 0);
  EXPECT_TRUE(tight(ref.facts(0).direction_size, 6));
}

TEST(Facts, OfBinaryRows) {
  Reference ref(case_of("op=bce-logits n=1 v=2 targets=prob dir=fwdbwd", {0, -3}, {1, 0}));
  const double sigma = 1 / (1 + std::exp(3.0));
  EXPECT_TRUE(tight(ref.facts(0).loss, M_LN2 + std::log1p(std::exp(-3.0))));
  EXPECT_TRUE(tight(ref.facts(0).condition, M_LN2 + std::log1p(std::exp(-3.0)) + 3 * sigma));
  EXPECT_TRUE(tight(ref.facts(0).greatest, 3));
}

// The condition is of z: with a cap, of the capped logits.
TEST(Facts, OfCappedRows) {
  Reference ref(case_of("op=ce n=1 v=2 softcap=2 dir=fwdbwd", {kInf, -kInf}, {1}));
  const RowFacts& f = ref.facts(0);
  EXPECT_EQ(f.max, 2);
  EXPECT_EQ(f.target, -2);
  EXPECT_TRUE(tight(f.greatest_gap, 4));
  EXPECT_TRUE(tight(f.loss, 4 + std::log1p(std::exp(-4.0))));
  EXPECT_TRUE(tight(f.condition, f.loss + 4 / (1 + std::exp(-4.0))));
}

}  // namespace
}  // namespace xent
