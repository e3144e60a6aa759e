// SPDX-License-Identifier: Apache-2.0
// Every operation and option of core/OPTIONS.md on cases small enough to be done by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "oracle/reference.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_exact.h"

namespace xent {
namespace {

using namespace oracle_tests;
using Kind = Enclosure::Kind;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Level 0 encloses; intervals of exact operations on small numbers are points.
bool is_exactly(const Enclosure& e, double x) {
  return e.is_number() && e.hi == x && e.lo == 0 && e.rad == 0;
}
bool holds(const Enclosure& e, const Exact& x) { return contains(e, x) && is_sharp(e); }
Exact ln(double x) { return log_of(Exact(x)); }

TEST(Options, SmoothingMixesTheLossesOfAllClasses) {
  const Row z = {0.5, -2, 3};
  Exact s(0);
  for (const double z_j : z) s += exp_of(Exact(z_j));
  const auto hard = [&](std::size_t j) { return Exact(log_of(s) - Exact(z[j])); };
  const Exact each = Exact(0.3) / Exact(3), kept = Exact(1) - Exact(0.3);
  Reference soft(case_of("op=ce n=1 v=3 smoothing=0.3 dir=fwdbwd", z, {1}));
  for (int level = 0; level < Reference::kLevels; ++level) {
    const Exact loss = kept * hard(1) + each * (hard(0) + hard(1) + hard(2));
    EXPECT_TRUE(contains(soft.loss(0, level), loss));
    EXPECT_TRUE(contains(soft.grad(0, 1, level), exp_of(Exact(z[1])) / s - kept - each));
    EXPECT_TRUE(contains(soft.grad(0, 2, level), exp_of(Exact(z[2])) / s - each));
  }
}

// Equal logits: log s = log V and every gap is 0, so that the loss is A log V.
TEST(Options, MassOfEqualLogitsIsWhatIsCounted) {
  const Row z = {2, 2};
  const auto loss = [&](const std::string& more, const Row& target, const Row& w = {}) {
    return Reference(case_of("op=ce n=1 v=2 " + more, z, target, w)).loss(0);
  };
  EXPECT_TRUE(holds(loss("smoothing=0.5", {0}), ln(2)));
  EXPECT_TRUE(holds(loss("weights=on", {1}, {3, 5}), Exact(5) * ln(2)));
  // 1/2 w_1 + 1/4 (w_0 + w_1)
  EXPECT_TRUE(holds(loss("weights=on smoothing=0.5", {1}, {4, 8}), Exact(7) * ln(2)));
  EXPECT_TRUE(holds(loss("targets=prob", {0.25, 3}), Exact(3.25) * ln(2)));
  // 4 (1/2 0.25 + 1/4) + 8 (1/2 3 + 1/4)
  EXPECT_TRUE(holds(loss("targets=prob weights=on smoothing=0.5", {0.25, 3}, {4, 8}),
                    Exact(15.5) * ln(2)));
}

TEST(Options, GradientIsMassTimesProbabilityLessMass) {
  Reference ref(case_of("op=ce n=1 v=2 dir=bwd targets=prob weights=on smoothing=0.5", {2, 2},
                        {0.25, 3}, {4, 8}));
  EXPECT_TRUE(is_exactly(ref.grad(0, 0, 1), 15.5 / 2 - 1.5));
  EXPECT_TRUE(is_exactly(ref.grad(0, 1, 1), 15.5 / 2 - 14));
}

TEST(Options, OneHotVectorsAreAsAccurateAsIndices) {
  for (const double gap : {1.0, 40.0, 700.0}) {
    Reference index(case_of("op=ce n=1 v=2 dir=fwdbwd", {0, -gap}, {0}));
    Reference vector(case_of("op=ce n=1 v=2 dir=fwdbwd targets=prob", {0, -gap}, {1, 0}));
    EXPECT_TRUE(intersects(index.loss(0), vector.loss(0)));
    for (const std::int64_t j : {0, 1}) {
      EXPECT_TRUE(intersects(index.grad(0, j), vector.grad(0, j)));
      EXPECT_TRUE(is_sharp(vector.grad(0, j))) << gap << " " << j;
    }
  }
}

TEST(Options, ZLossAddsTheSquareOfLse) {
  Reference ref(case_of("op=ce n=1 v=4 zloss=0.5 dir=fwdbwd weights=on", {3, 3, 3, 3}, {2},
                        {1, 1, 2, 1}));
  const Exact lse = Exact(3) + ln(4);
  EXPECT_TRUE(holds(ref.loss(0), Exact(2) * ln(4) + lse * lse / Exact(2)));
  EXPECT_TRUE(holds(ref.grad(0, 0), (Exact(2) + lse) / Exact(4)));
  EXPECT_TRUE(holds(ref.grad(0, 2), Exact(-1.5) + lse / Exact(4)));
}

TEST(Options, ScaleIsAnotherRowAndAFactorOfTheGradient) {
  for (const double scale : {2.0, -0.5}) {
    const std::string text = "op=ce n=1 v=3 dir=fwdbwd";
    const Row x = {1.25, -3, 0.5};
    Row z = x;
    for (double& z_j : z) z_j *= scale;
    Reference scaled(case_of(text + " scale=" + std::to_string(scale), x, {1}));
    TestCase plain = case_of(text + " upstream=scalar", z, {1});
    set_upstream(plain, {scale});
    Reference other(plain);
    EXPECT_TRUE(intersects(scaled.loss(0, 1), other.loss(0, 1)));
    EXPECT_TRUE(is_exactly(scaled.transformed(0, 1), z[1]));
    for (std::int64_t j = 0; j < 3; ++j) {
      EXPECT_TRUE(intersects(scaled.grad(0, j, 1), other.grad(0, j, 1)));
    }
  }
}

TEST(Options, SoftcapSaturates) {
  Reference ref(case_of("op=ce n=1 v=4 softcap=2 dir=fwdbwd", {kInf, -kInf, 1000, -1}, {1}));
  EXPECT_EQ(ref.question(0), std::nullopt);
  const Exact e2 = exp_of(Exact(-2)), th = expm1_of(Exact(-1)) / (Exact(2) + expm1_of(Exact(-1)));
  EXPECT_TRUE(is_exactly(ref.transformed(0, 0), 2));
  EXPECT_TRUE(is_exactly(ref.transformed(0, 1), -2));
  EXPECT_TRUE(contains(ref.transformed(0, 3), Exact(2) * th));
  const Exact s = Exact(2) + e2 * e2 + exp_of(Exact(Exact(2) * th - Exact(2)));
  EXPECT_TRUE(contains(ref.loss(0), Exact(4) + log_of(s)));
  EXPECT_TRUE(is_exactly(ref.grad(0, 1), 0));
  // 1 - tanh^2(500) = 4 e^-1000 (1 + ...)
  EXPECT_LE(magnitude_upper(ref.grad(0, 2)), 0x1p-1074);
  const Exact p = exp_of(Exact(Exact(2) * th - Exact(2))) / s;
  EXPECT_TRUE(contains(ref.grad(0, 3), p * (Exact(1) - th * th)));
}

TEST(Options, IgnoredRowsAreZeroWhateverTheyHold) {
  Reference ref(case_of("op=ce n=3 v=2 ignore=-100 dir=fwdbwd reduction=mean",
                        {1, 1, kNaN, kInf, 5, 6}, {1, -100, -100}));
  EXPECT_TRUE(holds(ref.loss(0), ln(2)));
  for (const std::int64_t r : {1, 2}) {
    EXPECT_TRUE(is_exactly(ref.row_loss(r), 0));
    EXPECT_TRUE(is_exactly(ref.grad(r, 0), 0));
    EXPECT_TRUE(is_exactly(ref.divisor(r), 0));
    EXPECT_EQ(ref.facts(r).live, 0);
  }
  EXPECT_EQ(ref.question(1), Question::ignored_row_nan);
  EXPECT_EQ(ref.question(2), Question::ignored_row);
  EXPECT_TRUE(is_exactly(ref.divisor(0), 1));
  EXPECT_TRUE(contains(ref.lse(2), Exact(6) + log1p_of(exp_of(Exact(-1)))));
  EXPECT_EQ(ref.lse(1).kind, Kind::undefined);
}

TEST(Options, AnIgnoredClassStaysInTheSoftmax) {
  Reference ref(case_of("op=ce n=2 v=2 ignore=1", {4, 4, 4, 4}, {0, 1}));
  EXPECT_TRUE(holds(ref.loss(0), ln(2)));
  EXPECT_TRUE(is_exactly(ref.loss(1), 0));
}

TEST(Options, ShiftScoresByTheNextLabel) {
  const TestCase c = case_of("op=ce n=6 v=3 t=3 shift=on dir=fwdbwd reduction=mean",
                             {1, 2, 3, 4, 0, 1, 2, 2, 9, 0, 1, 0, 3, 2, 1, 1, 1, 1},
                             {2, 1, 0, 2, 2, 1});
  Reference shifted(c), moved(unshifted(c));
  EXPECT_TRUE(is_exactly(shifted.divisor(0), 4));
  EXPECT_TRUE(is_exactly(shifted.row_loss(2), 0));
  EXPECT_TRUE(is_exactly(shifted.grad(5, 1), 0));
  EXPECT_TRUE(intersects(shifted.loss(0), moved.loss(0)));
  for (std::int64_t r = 0; r < 6; ++r) {
    for (std::int64_t j = 0; j < 3; ++j) {
      EXPECT_TRUE(intersects(shifted.grad(r, j), moved.grad(r, j)));
    }
  }
}

// Rows of equal logits cost w log 2 each.
TEST(Options, DenominatorsDivide) {
  const Row z(8, 1.0), labels = {0, -1, 1, 1}, w = {2, 3};
  const auto mean = [&](const std::string& more, const Row& weight = {}) {
    return Reference(case_of("op=ce n=4 v=2 t=2 ignore=-1 reduction=mean " + more, z, labels,
                             weight)).loss(0);
  };
  EXPECT_TRUE(holds(mean(""), ln(2)));
  EXPECT_TRUE(holds(mean("denominator=rows"), Exact(0.75) * ln(2)));
  EXPECT_TRUE(holds(mean("denominator=12"), Exact(0.25) * ln(2)));
  EXPECT_TRUE(holds(mean("weights=on", w), ln(2)));
  EXPECT_TRUE(holds(mean("weights=on denominator=rows", w), Exact(2) * ln(2)));
  EXPECT_TRUE(holds(mean("denominator=sequence"), ln(2)));
}

TEST(Options, SequencesWithoutAValidRowAreLeftOut) {
  Reference ref(case_of("op=ce n=6 v=2 t=2 ignore=-1 reduction=mean denominator=sequence "
                        "dir=fwdbwd weights=on",
                        {0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 0, 0}, {0, 1, -1, -1, 1, -1}, {1, 3}));
  EXPECT_TRUE(is_exactly(ref.divisor(0), 8));  // (1 + 3) times two sequences
  EXPECT_TRUE(is_exactly(ref.divisor(4), 6));
  EXPECT_TRUE(is_exactly(ref.divisor(2), 0));
  EXPECT_TRUE(holds(ref.loss(0), ln(2)));
  EXPECT_TRUE(is_exactly(ref.grad(0, 0, 1), -0.0625));
  EXPECT_TRUE(holds(ref.grad(4, 0), Exact(0.25)));
}

TEST(Options, AMeanOverNothingIsAQuestion) {
  const auto asked = [](const TestCase& c) { return Reference(c).reduction_question(); };
  const TestCase empty = case_of("op=ce n=0 v=2 reduction=mean", {});
  EXPECT_EQ(asked(empty), Question::none_valid_mean);
  EXPECT_EQ(Reference(empty).loss(0).kind, Kind::undefined);
  EXPECT_TRUE(is_exactly(Reference(case_of("op=ce n=0 v=2 reduction=sum", {})).loss(0), 0));
  const TestCase ignored = case_of("op=ce n=1 v=2 ignore=-1 reduction=mean dir=fwdbwd", {1, 2},
                                   {-1});
  EXPECT_EQ(asked(ignored), Question::none_valid_mean);
  EXPECT_TRUE(is_exactly(Reference(ignored).grad(0, 1), 0));
  const TestCase number = case_of("op=ce n=1 v=2 ignore=-1 reduction=mean denominator=5", {1, 2},
                                  {-1});
  EXPECT_EQ(asked(number), std::nullopt);
  EXPECT_TRUE(is_exactly(Reference(number).loss(0), 0));
  const TestCase weightless = case_of("op=ce n=2 v=2 weights=on reduction=mean dir=fwdbwd",
                                      {1, 2, 3, 4}, {0, 1}, {2, -2});
  EXPECT_EQ(asked(weightless), Question::zero_weight_mean);
  EXPECT_EQ(Reference(weightless).loss(0).kind, Kind::undefined);
  EXPECT_EQ(Reference(weightless).grad(0, 0).kind, Kind::undefined);
  EXPECT_EQ(asked(case_of("op=ce n=0 v=2", {})), std::nullopt);
}

TEST(Options, UnitsOfUniformRows) {
  const Row z(16, -3.0);
  const std::string text = "op=ce n=2 v=8 ";
  Reference bits(case_of(text + "unit=bits dir=fwdbwd", z, {0, 5}));
  EXPECT_TRUE(holds(bits.loss(1), Exact(3)));
  EXPECT_TRUE(holds(bits.grad(0, 1), Exact(0.125) / ln(2)));
  Reference perplexity(case_of(text + "unit=perplexity reduction=mean", z, {0, 5}));
  EXPECT_TRUE(holds(perplexity.loss(0), Exact(8)));
  EXPECT_TRUE(holds(perplexity.row_loss(0), ln(8)));
  Reference lse(case_of("op=lse n=1 v=8 unit=bits", Row(8, 0.0)));
  EXPECT_TRUE(holds(lse.loss(0), Exact(3)));
}

// p = 1/2: H = 1/4 [1 -1; -1 1], and with a z-loss 2 zeta p (q + lse (v - q)).
TEST(Options, HessianOfTwoEqualClasses) {
  Reference ref(case_of("op=ce n=1 v=2 dir=hvp scale=3", {7, 7}, {0}, {}, {5, 1}));
  EXPECT_TRUE(is_exactly(ref.grad(0, 0, 1), 9.0));
  EXPECT_TRUE(is_exactly(ref.grad(0, 1, 1), -9.0));
  Reference z_loss(case_of("op=ce n=1 v=2 dir=hvp zloss=0.5", {0, 0}, {0}, {}, {5, 1}));
  EXPECT_TRUE(holds(z_loss.grad(0, 0), Exact(2.5) + ln(2)));
  Reference constant(case_of("op=ce n=1 v=3 dir=hvp", {1, 2, 3}, {0}, {}, {0.1, 0.1, 0.1}));
  for (std::int64_t j = 0; j < 3; ++j) EXPECT_TRUE(is_exactly(constant.grad(0, j), 0));
}

TEST(Options, LogSumExpHasTheSoftmaxAsGradient) {
  Reference ref(case_of("op=lse n=1 v=3 dir=fwdbwd", {0, 0, -kInf}));
  EXPECT_TRUE(is_exactly(ref.grad(0, 0, 1), 0.5));
  EXPECT_TRUE(is_exactly(ref.grad(0, 2), 0));
}

TEST(Options, LogProbabilitiesAreGathered) {
  Reference ref(case_of("op=nll n=2 v=3 dir=fwdbwd weights=on", {-1, -kInf, -3, -kInf, -2, 0},
                        {2, 1}, {7, 0.5, 2}));
  EXPECT_TRUE(is_exactly(ref.loss(0, 1), 6));
  EXPECT_TRUE(is_exactly(ref.loss(1, 1), 1));
  EXPECT_TRUE(is_exactly(ref.grad(0, 2, 1), -2));
  EXPECT_TRUE(is_exactly(ref.grad(0, 1), 0));
  Reference lost(case_of("op=nll n=2 v=2", {kNaN, -1, -kInf, -1}, {1, 0}));
  EXPECT_EQ(lost.loss(0).kind, Kind::undefined);
  EXPECT_EQ(lost.loss(1).kind, Kind::plus_inf);
}

TEST(Options, BinaryLossesOfLogits) {
  Reference ref(case_of("op=bce-logits n=1 v=2 targets=prob dir=fwdbwd weights=on", {0, 0},
                        {0.25, 1}, {2, 3}));
  EXPECT_TRUE(holds(ref.loss(0), Exact(5) * ln(2)));
  EXPECT_TRUE(is_exactly(ref.grad(0, 0, 1), 0.5));
  EXPECT_TRUE(is_exactly(ref.grad(0, 1, 1), -1.5));
  const Exact e = exp_of(Exact(-800));
  Reference confident(case_of("op=bce-logits n=1 v=1 targets=prob dir=fwdbwd", {700}, {1}));
  EXPECT_TRUE(holds(confident.loss(0), log1p_of(exp_of(Exact(-700)))));
  EXPECT_TRUE(holds(confident.grad(0, 0), -Exact(1) / (Exact(1) + exp_of(Exact(700)))));
  Reference wrong(case_of("op=bce-logits n=1 v=1 targets=prob dir=fwdbwd", {-800}, {1}));
  EXPECT_TRUE(contains(wrong.loss(0), Exact(800) + log1p_of(e)));
}

TEST(Options, BinaryLossesAtInfinity) {
  const auto ref = [](double x, double y) {
    return std::make_unique<Reference>(
        case_of("op=bce-logits n=1 v=1 targets=prob dir=fwdbwd", {x}, {y}));
  };
  EXPECT_EQ(ref(kInf, 1)->question(0), Question::infinite_right);
  EXPECT_TRUE(is_exactly(ref(-kInf, 0)->loss(0), 0));
  EXPECT_TRUE(is_exactly(ref(kInf, 1)->grad(0, 0), 0));
  EXPECT_EQ(ref(kInf, 0.5)->question(0), Question::infinite_wrong);
  EXPECT_EQ(ref(kInf, 0.5)->loss(0).kind, Kind::plus_inf);
  EXPECT_TRUE(is_exactly(ref(kInf, 0.5)->grad(0, 0), 0.5));
}

TEST(Options, BinaryLossesOfProbabilities) {
  Reference ref(case_of("op=bce-prob n=1 v=2 targets=prob dir=fwdbwd", {0.5, 0.25}, {1, 0}));
  EXPECT_TRUE(holds(ref.loss(0), ln(2) - ln(0.75)));
  EXPECT_TRUE(is_exactly(ref.grad(0, 0, 1), -2));
  EXPECT_TRUE(holds(ref.grad(0, 1), Exact(4) / Exact(3)));
  const auto at = [](double x, double y, const std::string& dialect) {
    return std::make_unique<Reference>(case_of(
        "op=bce-prob n=1 v=1 targets=prob dir=fwdbwd dialect=" + dialect, {x}, {y}));
  };
  EXPECT_EQ(at(0, 0, "math")->question(0), Question::log_of_zero_right);
  EXPECT_TRUE(is_exactly(at(1, 1, "math")->loss(0), 0));
  EXPECT_EQ(at(1, 0.5, "math")->question(0), Question::log_of_zero_wrong);
  EXPECT_EQ(at(1, 0.5, "math")->loss(0).kind, Kind::plus_inf);
  EXPECT_TRUE(is_exactly(at(0, 0.5, "pytorch")->loss(0), 50));
  EXPECT_TRUE(contains(at(0x1p-200, 1, "pytorch")->loss(0), Exact(100)));
  EXPECT_EQ(at(-0.5, 1, "math")->question(0), Question::negative_prob);
  EXPECT_EQ(at(1.5, 1, "math")->question(0), Question::negative_prob);
}

TEST(Options, SquaredErrors) {
  Reference softmax(case_of("op=mse-softmax n=1 v=2 dir=fwdbwd", {3, 3}, {0}));
  EXPECT_TRUE(is_exactly(softmax.loss(0, 1), 0.5));
  // 2 p_0 (d_0 - (p_0 d_0 + p_1 d_1)) with d = (-1/2, 1/2)
  EXPECT_TRUE(is_exactly(softmax.grad(0, 0, 1), -0.5));
  Reference sigmoid(case_of("op=mse-sigmoid n=1 v=2 targets=prob dir=fwdbwd", {0, kInf}, {1, 0.5}));
  EXPECT_TRUE(is_exactly(sigmoid.loss(0, 1), 0.5));
  EXPECT_TRUE(is_exactly(sigmoid.grad(0, 0, 1), -0.25));
  EXPECT_TRUE(is_exactly(sigmoid.grad(0, 1), 0));
  // Saturated: p_y = 1 - t with t = e^-600; both derivatives are 4 t^2 (1 + ...), never 0.
  Reference far(case_of("op=mse-softmax n=1 v=2 dir=fwdbwd", {0, -300}, {0}));
  EXPECT_TRUE(is_sharp(far.grad(0, 0)) && far.grad(0, 0).hi < 0);
  EXPECT_TRUE(is_sharp(far.grad(0, 1)) && far.grad(0, 1).hi > 0);
}

TEST(Options, GradientsOfEntropies) {
  const std::string kl = " n=1 v=2 targets=prob dir=fwdbwd";
  EXPECT_TRUE(is_exactly(Reference(case_of("op=kl" + kl, {0.5, 0.5}, {0.25, 0.75})).grad(0, 0, 1),
                         -0.5));
  Reference entropy(case_of("op=entropy n=1 v=2 dir=fwdbwd", {0.5, 0.25}));
  EXPECT_TRUE(holds(entropy.grad(0, 1), ln(4) - Exact(1)));
  Reference self(case_of("op=cross-entropy n=1 v=2 dir=fwdbwd", {0.25, 0}, {0}));
  EXPECT_EQ(self.question(0), std::nullopt);
  EXPECT_TRUE(holds(self.loss(0), ln(4)));
  EXPECT_TRUE(is_exactly(self.grad(0, 0, 1), -4));
  EXPECT_TRUE(is_exactly(self.grad(0, 1), 0));
}

}  // namespace
}  // namespace xent
