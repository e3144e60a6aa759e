// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "oracle/reference.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_exact.h"

namespace xent {
namespace {

using namespace oracle_tests;

constexpr double kInf = std::numeric_limits<double>::infinity();
const char* const kF64 = "dtype=f64 dir=fwdbwd";

bool is_exactly(const Enclosure& e, double x) {
  return e.is_number() && e.hi == x && e.lo == 0 && e.rad == 0;
}

// log(1 + w) = 2 atanh(w / (2 + w)) with w = 1 / exp(x).
Exact softplus_of_minus(double x) {
  const Exact w = Exact(1) / exp_of(Exact(x));
  return Exact(2) * atanh_of(Exact(w / (Exact(2) + w)));
}

class TwoClasses : public testing::TestWithParam<double> {};

TEST_P(TwoClasses, AreSoftplusAndLogistic) {
  const double x = GetParam();
  Reference ahead(one_row({0, -x}, 0, kF64)), behind(one_row({0, -x}, 1, kF64));
  const Exact w = Exact(1) / exp_of(Exact(x));
  for (int level = 0; level < Reference::kLevels; ++level) {
    EXPECT_TRUE(contains(ahead.loss(0, level), softplus_of_minus(x))) << level;
    EXPECT_TRUE(contains(behind.loss(0, level), Exact(x) + softplus_of_minus(x))) << level;
    EXPECT_TRUE(contains(ahead.grad(0, 0, level), -w / (Exact(1) + w))) << level;
    EXPECT_TRUE(contains(ahead.grad(0, 1, level), Exact(1) / (Exact(1) + exp_of(Exact(x)))));
    EXPECT_TRUE(contains(behind.probability(0, 0, level), Exact(1) / (Exact(1) + w))) << level;
    EXPECT_TRUE(contains(ahead.lse(0, level), softplus_of_minus(x))) << level;
  }
  for (const Enclosure& e : {ahead.loss(0), behind.loss(0), ahead.grad(0, 0), ahead.grad(0, 1)}) {
    EXPECT_TRUE(is_sharp(e)) << e.hi << " +- " << e.rad;
  }
}

// Losses of 1e-300 at 690, below every double at 800.
INSTANTIATE_TEST_SUITE_P(Gaps, TwoClasses,
                         testing::Values(0.0, 0x1p-1060, 1e-300, 1e-30, 0.5, 1.0, 20.0, 88.0, 104.0,
                                         690.0, 708.5, 740.0, 745.2, 800.0, 1e4, 1e6));

TEST(ClosedForm, HugeGapsHaveLossesWhoseRestIsBelowEveryDouble) {
  for (const double x : {1e30, 1.7e308}) {
    Reference ahead(one_row({0, -x}, 0, kF64)), behind(one_row({0, -x}, 1, kF64));
    EXPECT_LE(magnitude_upper(ahead.loss(0)), 2 * std::numeric_limits<double>::denorm_min());
    EXPECT_TRUE(contains(behind.loss(0), Exact(x)));
    EXPECT_EQ(behind.loss(0).hi, x);
    EXPECT_EQ(ahead.facts(0).rest_gap, kInf);
  }
}

TEST(ClosedForm, EqualLogitsGiveLogN) {
  for (const std::int64_t n : {1, 2, 3, 7, 64, 1000}) {
    for (const double c : {0.0, -3.25, 12345.678, 1e300}) {
      Reference ref(one_row(Row(static_cast<std::size_t>(n), c), n - 1, kF64));
      const Exact share = Exact(1) / Exact(static_cast<double>(n));
      EXPECT_TRUE(contains(ref.loss(0), log_of(Exact(static_cast<double>(n)))));
      EXPECT_TRUE(contains(ref.probability(0, 0), share));
      EXPECT_TRUE(contains(ref.grad(0, n - 1), share - Exact(1)));
      EXPECT_EQ(ref.facts(0).ties, n);
      EXPECT_EQ(ref.facts(0).below_max, 0);
      EXPECT_EQ(ref.facts(0).mean_gap, 0);
    }
  }
}

TEST(ClosedForm, OneClassIsExactlyZero) {
  Reference ref(one_row({-7.5}, 0));
  EXPECT_TRUE(is_exactly(ref.loss(0), 0));
  EXPECT_TRUE(is_exactly(ref.grad(0, 0), 0));
  EXPECT_TRUE(is_exactly(ref.probability(0, 0), 1));
  EXPECT_TRUE(is_exactly(ref.lse(0), -7.5));
}

// s = sum of exp(-j a) = expm1(-a V) / expm1(-a).
TEST(ClosedForm, GeometricRows) {
  for (const double a : {0x1p-10, 0.5, 3.0, 40.0}) {
    for (const std::int64_t v : {3, 17, 500}) {
      Row z;
      for (std::int64_t j = 0; j < v; ++j) z.push_back(-a * static_cast<double>(j));
      const std::int64_t y = v / 2;
      Reference ref(one_row(z, y, kF64));
      const Exact s = expm1_of(Exact(-a * static_cast<double>(v))) / expm1_of(Exact(-a));
      const Exact gap(a * static_cast<double>(y));
      EXPECT_TRUE(contains(ref.lse(0), log_of(s)));
      EXPECT_TRUE(contains(ref.loss(0), gap + log_of(s)));
      EXPECT_TRUE(contains(ref.grad(0, y), exp_of(Exact(-gap)) / s - Exact(1)));
      EXPECT_TRUE(contains(ref.grad(0, v - 1), exp_of(Exact(z.back())) / s));
      EXPECT_TRUE(is_sharp(ref.loss(0)) && is_sharp(ref.grad(0, v - 1)));
    }
  }
}

TEST(ClosedForm, MaskedClassesAreAbsent) {
  const Row live = {0.3, -2.0, 4.5, 4.5};
  Reference with(one_row({-kInf, live[0], -kInf, live[1], live[2], -kInf, live[3]}, 4));
  Reference without(one_row(live, 2));
  for (int level = 0; level < Reference::kLevels; ++level) {
    EXPECT_TRUE(intersects(with.loss(0, level), without.loss(0, level)));
    EXPECT_TRUE(intersects(with.grad(0, 4, level), without.grad(0, 2, level)));
    EXPECT_TRUE(is_exactly(with.grad(0, 0, level), 0));
    EXPECT_TRUE(is_exactly(with.probability(0, 5, level), 0));
  }
  EXPECT_EQ(with.facts(0).live, 4);
  EXPECT_EQ(with.facts(0).ties, 2);
  EXPECT_EQ(with.facts(0).greatest_gap, without.facts(0).greatest_gap);
  EXPECT_EQ(with.question(0), Question::masked_class);
}

TEST(ClosedForm, GapOfTwoFiniteLogitsMayBeBeyondTheDoubles) {
  const double most = std::numeric_limits<double>::max();
  Reference ref(one_row({most, -most, -most}, 1, kF64));
  EXPECT_EQ(ref.loss(0).kind, Enclosure::Kind::plus_inf);
  EXPECT_TRUE(contains(ref.grad(0, 1), Exact(-1)));
  EXPECT_TRUE(contains(ref.grad(0, 0), Exact(1)));
  EXPECT_LE(magnitude_upper(ref.grad(0, 2)), 2 * std::numeric_limits<double>::denorm_min());
  Reference half(one_row({most / 2, -most / 2}, 1, kF64));
  EXPECT_TRUE(contains(half.loss(0), Exact(most)));
}

TEST(ClosedForm, UniformProbabilitiesHaveEntropyLogN) {
  for (const int k : {0, 1, 5, 9}) {
    const Row p(std::size_t{1} << k, std::ldexp(1.0, -k));
    Reference ref(probability_case("entropy", p, {}, "dtype=f64"));
    EXPECT_TRUE(contains(ref.loss(0), Exact(k) * log_of(Exact(2)))) << k;
  }
}

TEST(ClosedForm, DivergenceOfEqualsIsExactlyZero) {
  const Row p = {0.1, 0.7, 0.0, 0x1p-149, 0.2};
  Reference ref(probability_case("kl", p, p));
  EXPECT_TRUE(is_exactly(ref.loss(0), 0));
  EXPECT_EQ(ref.facts(0).terms, 0);
  EXPECT_GT(ref.facts(0).log_terms, 0);
}

TEST(ClosedForm, TermsWithoutMassVanish) {
  Reference cross(probability_case("cross-entropy", {1, 0, 0}, {0.5, 0.5, 0}));
  EXPECT_TRUE(contains(cross.loss(0), log_of(Exact(2))));
  Reference certain(probability_case("entropy", {0, 1, 0}, {}));
  EXPECT_TRUE(is_exactly(certain.loss(0), 0));
  Reference kl(probability_case("kl", {1, 0, 0}, {0.25, 0.75, 0}));
  EXPECT_TRUE(contains(kl.loss(0), Exact(2) * log_of(Exact(2))));
}

}  // namespace
}  // namespace xent
