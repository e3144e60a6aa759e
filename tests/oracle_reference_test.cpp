// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "oracle/quantities.h"
#include "oracle/reference.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_exact.h"

namespace xent {
namespace {

using namespace oracle_tests;
using Kind = Enclosure::Kind;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A second formula for each quantity: no maximum is taken, every sum is over differences z_j - z_y.
Exact unshifted_loss(const Row& z, std::int64_t y) {
  Exact s(0);
  for (const double x : z) {
    if (x != -kInf) s += exp_of(Exact(Exact(x) - Exact(z[static_cast<std::size_t>(y)])));
  }
  return log_of(s);
}

Exact unshifted_gradient(const Row& z, std::int64_t y, std::int64_t j) {
  if (z[static_cast<std::size_t>(j)] == -kInf) return Exact(0);
  const Exact p = exp_of(Exact(-unshifted_loss(z, j)));
  return j == y ? Exact(p - Exact(1)) : p;
}

TEST(Reference, AgreesWithTheUnshiftedFormulasAtEveryLevel) {
  Draw draw(1);
  for (int i = 0; i < 4 * kRowKinds; ++i) {
    const DType dtype = i % 2 == 0 ? DType::f32 : DType::f64;
    const Row z = random_row(draw, i % kRowKinds, 1 + draw.below(12), dtype);
    const std::int64_t y = random_label(draw, z);
    Reference ref(one_row(z, y, "dir=fwdbwd dtype=" + std::string(name(dtype))));
    for (int level = 0; level < Reference::kLevels; ++level) {
      EXPECT_TRUE(contains(ref.loss(0, level), unshifted_loss(z, y))) << i << " level " << level;
      for (std::int64_t j = 0; j < std::ssize(z); ++j) {
        EXPECT_TRUE(contains(ref.grad(0, j, level), unshifted_gradient(z, y, j))) << i << " " << j;
      }
    }
  }
}

Exact entropy_of(const Row& p) {
  Exact h(0);
  for (const double x : p) h += entropy_term<Exact>(x);
  return h;
}

// sum p log(1/p) = P sum (p/P) log(P/p) - P log P with P = sum p; KL = H(p,q) - H(p).
TEST(Reference, EntropiesAgreeWithSecondFormulas) {
  Draw draw(2);
  for (int i = 0; i < 8 * kPairKinds; ++i) {
    const Pair pair = random_pair(draw, i % kPairKinds, 1 + draw.below(12), DType::f32);
    Exact mass(0), normalised(0), cross(0);
    for (const double p : pair.p) mass += Exact(p);
    for (std::size_t j = 0; j < pair.p.size(); ++j) {
      if (pair.p[j] == 0) continue;
      const Exact p(pair.p[j]);
      normalised += p * log_of(Exact(mass / p));
      cross -= p * log_of(Exact(pair.q[j]));
    }
    Reference entropy(probability_case("entropy", pair.p, {}));
    Reference cross_entropy(probability_case("cross-entropy", pair.p, pair.q));
    Reference kl(probability_case("kl", pair.p, pair.q));
    for (int level = 0; level < Reference::kLevels; ++level) {
      EXPECT_TRUE(contains(entropy.loss(0, level), normalised - mass * log_of(mass))) << i;
      EXPECT_TRUE(contains(cross_entropy.loss(0, level), cross)) << i;
      EXPECT_TRUE(contains(kl.loss(0, level), cross - entropy_of(pair.p))) << i;
    }
  }
}

template <unsigned Digits>
Interval<Digits> loss_at(const Row& z, std::size_t y) {
  using I = Interval<Digits>;
  return index_loss(softmax_of<I>(z, Problem{}), y);
}

template <class I>
double diameter(const I& x) {
  mpfr_t w;
  mpfr_init2(w, 53);
  mpfi_diam_abs(w, raw(x));
  const double d = mpfr_get_d(w, MPFR_RNDU);
  mpfr_clear(w);
  return d;
}

TEST(Reference, LevelsNestAndNarrow) {
  Draw draw(3);
  for (int kind = 0; kind < kRowKinds; ++kind) {
    const Row z = random_row(draw, kind, 9, DType::f32);
    const auto y = static_cast<std::size_t>(random_label(draw, z));
    const auto a = loss_at<kDigits[0]>(z, y);
    const auto b = loss_at<kDigits[1]>(z, y);
    const auto c = loss_at<kDigits[2]>(z, y);
    const auto d = loss_at<kDigits[3]>(z, y);
    EXPECT_TRUE(mpfi_is_inside(raw(b), raw(a)) && mpfi_is_inside(raw(c), raw(b)) &&
                mpfi_is_inside(raw(d), raw(c)))
        << kind;
    EXPECT_LE(diameter(b), std::ldexp(diameter(a), -100)) << kind;
    EXPECT_LE(diameter(c), std::ldexp(diameter(b), -200)) << kind;
    EXPECT_LE(diameter(d), std::ldexp(diameter(c), -400)) << kind;
  }
}

// Terms of +-2^-50 whose sum is near 2^-100: 128 bits leave fewer digits than two doubles hold.
TEST(Reference, RadiiShrinkWhereTheFirstLevelIsWide) {
  const Row p = {0.25, 0.25, 0.5}, q = {0.25 + 0x1p-50, 0.25 - 0x1p-50, 0.5};
  Reference ref(probability_case("kl", p, q, "dtype=f64"));
  EXPECT_LT(ref.loss(0, 2).rad, std::ldexp(ref.loss(0, 1).rad, -20));
  for (int level = Reference::kQuick; level < Reference::kLevels; ++level) {
    EXPECT_TRUE(intersects(ref.loss(0, level), ref.loss(0, 4)));
    const bool in_intervals = level >= 1;
    EXPECT_TRUE(!in_intervals || ref.loss(0, level).rad <= ref.loss(0, 1).rad) << level;
  }
  EXPECT_TRUE(is_sharp(ref.loss(0, 2)));
}

TEST(Reference, ReductionsAndUpstreamAreOfTheExactNumbers) {
  const std::vector<Row> rows = {{1, 2, 3}, {-4, 0, 40}, {7, 7, 7.5}};
  const std::vector<std::int64_t> labels = {2, 0, 1};
  Exact total(0);
  for (std::size_t r = 0; r < 3; ++r) total += unshifted_loss(rows[r], labels[r]);
  TestCase sum = logits_case(rows, labels, "dtype=f32 dir=fwdbwd reduction=sum");
  TestCase mean = logits_case(rows, labels, "dtype=f32 dir=fwdbwd reduction=mean");
  set_upstream(sum, {1e30});
  set_upstream(mean, {0.1});
  Reference of_sum(sum), of_mean(mean);
  const double tenth = rounded_to(0.1, DType::f32);
  const double huge = rounded_to(1e30, DType::f32);
  for (int level = 0; level < Reference::kLevels; ++level) {
    EXPECT_TRUE(contains(of_sum.loss(0, level), total));
    EXPECT_TRUE(contains(of_mean.loss(0, level), total / Exact(3)));
    EXPECT_TRUE(contains(of_sum.grad(2, 1, level),
                         Exact(huge) * unshifted_gradient(rows[2], 1, 1)));
    EXPECT_TRUE(contains(of_mean.grad(1, 0, level),
                         Exact(tenth) * unshifted_gradient(rows[1], 0, 0) / Exact(3)));
  }
}

TEST(Reference, SpecialRowsAnswerAsTheDialectSays) {
  const std::vector<Row> rows = {
      {1, kNaN, 2}, {-kInf, -kInf, -kInf}, {-kInf, 1, 2}, {1, kInf, 0}, {1, 2, 3}};
  const TestCase c = logits_case(rows, {0, 0, 0, 0, 0});
  Reference ref(c);
  const Kind losses[] = {Kind::nan, Kind::undefined, Kind::plus_inf, Kind::undefined, Kind::number};
  const Kind grads[] = {Kind::nan, Kind::undefined, Kind::number, Kind::undefined, Kind::number};
  const std::optional<Question> asked[] = {Question::nan_logit, Question::all_masked,
                                           Question::masked_target, Question::plus_inf_logit,
                                           std::nullopt};
  for (std::int64_t r = 0; r < 5; ++r) {
    EXPECT_EQ(ref.loss(r).kind, losses[r]) << r;
    EXPECT_EQ(ref.grad(r, 1).kind, grads[r]) << r;
    EXPECT_EQ(ref.question(r), asked[r]) << r;
  }
  EXPECT_TRUE(contains(ref.grad(2, 0), Exact(-1)));
  EXPECT_TRUE(contains(ref.grad(2, 1), Exact(1) / (Exact(1) + exp_of(Exact(1)))));
}

TEST(Reference, ReducedLossesTakeTheGravestRow) {
  const auto kind_of = [](const std::vector<Row>& rows) {
    return Reference(logits_case(rows, {0, 0}, "dtype=f32 dir=fwd reduction=mean")).loss(0).kind;
  };
  EXPECT_EQ(kind_of({{1, 2}, {3, 4}}), Kind::number);
  EXPECT_EQ(kind_of({{1, 2}, {-kInf, 4}}), Kind::plus_inf);
  EXPECT_EQ(kind_of({{kNaN, 2}, {-kInf, 4}}), Kind::nan);
  EXPECT_EQ(kind_of({{-kInf, 4}, {kNaN, 2}}), Kind::nan);
  EXPECT_EQ(kind_of({{1, 2}, {-kInf, -kInf}}), Kind::undefined);
}

TEST(Reference, ProbabilityRowsAnswerAsTheDialectSays) {
  const auto kind_of = [](const std::string& op, const Row& p, const Row& q) {
    return Reference(probability_case(op, p, q)).loss(0).kind;
  };
  for (const std::string op : {"kl", "cross-entropy"}) {
    EXPECT_EQ(kind_of(op, {0.5, 0.5}, {1, 0}), Kind::plus_inf) << op;
    EXPECT_EQ(kind_of(op, {1, 0}, {1, 0}), Kind::number) << op;
    EXPECT_EQ(kind_of(op, {0.5, kNaN}, {1, 0}), Kind::nan) << op;
    EXPECT_EQ(kind_of(op, {0.5, 0.5}, {1.5, -0.5}), Kind::undefined) << op;
  }
  EXPECT_EQ(kind_of("entropy", {-0.5, 1.5}, {}), Kind::undefined);
}

TEST(Reference, FactsAreThoseOfTheRow) {
  const Row z = {2, 5, 5, -kInf, 1};
  Reference ref(one_row(z, 0));
  const RowFacts f = ref.facts(0);
  const double below = std::exp(-3.0) + std::exp(-4.0), s = 2 + below;
  const double near = 1 + 0x1p-38;
  EXPECT_EQ(f.max, 5);
  EXPECT_EQ(f.target, 2);
  EXPECT_FALSE(f.target_is_max);
  EXPECT_EQ(f.live, 4);
  EXPECT_EQ(f.ties, 2);
  const auto tight = [&](double upper, double x) { return upper <= x * near && upper * near >= x; };
  EXPECT_TRUE(tight(f.greatest_gap, 4));
  EXPECT_TRUE(tight(f.sum, s));
  EXPECT_TRUE(tight(f.rest, s - std::exp(-3.0)));
  EXPECT_TRUE(tight(f.below_max, below));
  EXPECT_TRUE(tight(f.log_sum, std::log(s)));
  EXPECT_TRUE(tight(f.lse, 5 + std::log(s)));
  EXPECT_TRUE(tight(f.mean_gap, (3 * std::exp(-3.0) + 4 * std::exp(-4.0)) / s));
  EXPECT_TRUE(tight(f.rest_gap, 4 * std::exp(-4.0) / (s - std::exp(-3.0))));
  EXPECT_TRUE(tight(f.loss, 3 + std::log(s)));
}

// Lemma 1 of oracle/README.md: sum p |d| = H(p) - log s <= log(live).
TEST(Reference, MeanGapIsEntropyLessLogSum) {
  Draw draw(4);
  for (int i = 0; i < 2 * kRowKinds; ++i) {
    const Row z = random_row(draw, i % kRowKinds, 2 + draw.below(30), DType::f32);
    Reference ref(one_row(z, random_label(draw, z)));
    const std::int64_t top = std::max_element(z.begin(), z.end()) - z.begin();
    Exact gap = -unshifted_loss(z, top);
    for (std::int64_t j = 0; j < std::ssize(z); ++j) {
      const Exact p = unshifted_gradient(z, -1, j);
      if (z[static_cast<std::size_t>(j)] != -kInf) gap -= p * log_of(p);
    }
    const RowFacts f = ref.facts(0);
    EXPECT_GE(f.mean_gap, lower_double(gap)) << i;
    EXPECT_LE(f.mean_gap, upper_double(gap) * (1 + 0x1p-38)) << i;
    EXPECT_LE(f.mean_gap, std::log(static_cast<double>(f.live)) * (1 + 0x1p-38)) << i;
  }
}

TEST(Reference, RefusesWhatMeansNothing) {
  for (const char* more : {"dtype=f32 dir=hvp softcap=3", "dtype=f32 dir=fwd unit=perplexity",
                           "dtype=f32 dir=fwd denominator=3", "dtype=f32 dir=fwdbwd upstream=row "
                           "reduction=sum"}) {
    EXPECT_THROW(Reference(one_row({1, 2}, 0, more)), std::logic_error) << more;
  }
}

}  // namespace
}  // namespace xent
