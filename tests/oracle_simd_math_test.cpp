// SPDX-License-Identifier: Apache-2.0
// Elementary functions of balls: the exact value is inside, at the edges too, and where the claims
// are relative ones errors come within a third of them.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "oracle/simd/claims.h"
#include "oracle/simd/primitives.h"
#include "tests/oracle_simd_exact.h"

namespace xent {
namespace {

using namespace simd_tests;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kThird = 1.0 / 3;
constexpr Tier kTiers[] = {Tier::doubles, Tier::pairs};

/// Where arguments are drawn from, and how near to the radius errors must come: an enclosure that
/// is much wider than the error needs would hide a wrong primitive.
struct Domain {
  const char* name;
  std::function<Enclosure(Draw&)> draw;
  double least = 0;
  int count = 3000;
};

Asking asking(Primitive what, Tier tier, const Domain& domain, const ExactFunction& exact) {
  Draw draw(tier);
  Asking q{what, tier, {}, {}, exact};
  for (int i = 0; i < domain.count; ++i) q.a.push_back(domain.draw(draw));
  return q;
}

void expect_enclosed(Primitive what, const ExactFunction& exact,
                     const std::vector<Domain>& domains) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  for (const Tier tier : kTiers) {
    for (const Domain& domain : domains) {
      SCOPED_TRACE(std::string(domain.name) + (tier == Tier::pairs ? ", pairs" : ", doubles"));
      const Measured m = measure(asking(what, tier, domain, exact));
      EXPECT_EQ(m.outside, 0);
      EXPECT_GE(m.promising, domain.count / 3 * 2);
      EXPECT_GE(m.most, domain.least);
    }
  }
}

/// To 400 bits: 2^-1000 and 2^-106 of it are far above.
template <class F>
ExactFunction to_400_bits(F f) {
  return [f](mpfr_ptr y, mpfr_srcptr a, mpfr_srcptr) {
    mpfr_t x;
    mpfr_init2(x, 400);
    f(x, a, MPFR_RNDN);
    mpfr_set(y, x, MPFR_RNDN);
    mpfr_clear(x);
  };
}

const ExactFunction kExp = to_400_bits(mpfr_exp), kLog = to_400_bits(mpfr_log),
                    kLog1p = to_400_bits(mpfr_log1p), kTanh = to_400_bits(mpfr_tanh),
                    kSech = to_400_bits(mpfr_sech);

/// Halfway between two multiples of the step, where k changes; of both tiers.
Enclosure seam(Draw& draw) {
  const double step = std::log(2) / (draw.between(0, 1) ? 1 : 128);
  return draw.number(draw.stepped((draw.between(-700, 700) + 0.5) * step, 4));
}

const Domain kWide{"wide", [](Draw& d) { return d.number(d.within(-600, 600)); }, kThird};
const Domain kUnit{"unit", [](Draw& d) { return d.number(d.within(-1, 1)); }, kThird};
const Domain kSeams{"seams", seam, kThird};
const Domain kTiny{"tiny", [](Draw& d) { return d.number(d.power(-1074, -1)); }};
const Domain kSmall{"small", [](Draw& d) { return d.number(d.power(-60, -10)); }};

TEST(SimdMath, Exp) {
  expect_enclosed(
      Primitive::exp, kExp,
      {kWide, kUnit, kSeams, kTiny,
       {"deep", [](Draw& d) { return d.number(d.within(-720, -640)); }},
       {"far", [](Draw& d) { return d.number(-std::fabs(d.power(9, 1000))); }},
       {"balls", [](Draw& d) { return d.ball(d.number(d.within(-20, 0))); }},
       {"deep balls", [](Draw& d) { return d.ball(d.number(-std::fabs(d.power(10, 60)))); }}});
}

/// L20, L21.
TEST(SimdMath, ExpKeepsItsClaimsAndComesNear) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  for (const Tier tier : kTiers) {
    const double claim = tier == Tier::pairs ? claims::kExp2 : claims::kExp1;
    for (const Domain& domain : {kWide, kUnit, kSeams}) {
      const Measured m = measure(asking(Primitive::exp, tier, domain, kExp));
      EXPECT_LE(m.relative, claim) << domain.name;
      EXPECT_GE(m.relative, claim / 3) << domain.name;
    }
  }
}

TEST(SimdMath, Log) {
  const std::vector<Domain> domains = {
      {"all", [](Draw& d) { return d.number(std::fabs(d.power(-1074, 998))); }, kThird},
      {"unit", [](Draw& d) { return d.number(d.unit() + 1e-300); }},
      {"near 1", [](Draw& d) { return d.number(d.stepped(1, 4000)); }},
      {"at 3/4 and 3/2",
       [](Draw& d) {
         return d.number(d.stepped(std::ldexp(d.between(0, 1) ? 0.75 : 1.5, d.between(-2, 2)), 4));
       }},
      {"balls", [](Draw& d) { return d.ball(d.number(std::fabs(d.power(-100, 100)))); }, 0.9}};
  expect_enclosed(Primitive::log, kLog, domains);
}

TEST(SimdMath, Log1p) {
  const std::vector<Domain> domains = {
      {"around 0", [](Draw& d) { return d.number(d.within(-0.3, 0.6)); }, 0.3, 30000},
      kTiny,
      {"near -1", [](Draw& d) { return d.number(-1 + std::fabs(d.power(-50, -2))); }, 0.3, 30000},
      {"large", [](Draw& d) { return d.number(std::fabs(d.power(-2, 300))); }, kThird},
      {"balls", [](Draw& d) { return d.ball(d.number(0.9 * d.power(-20, -1))); }, 0.9}};
  expect_enclosed(Primitive::log1p, kLog1p, domains);
}

TEST(SimdMath, TanhAndSech) {
  const std::vector<Domain> domains = {
      {"all", [](Draw& d) { return d.number(d.power(-12, 8)); }},
      kTiny,
      kSmall,
      {"around 40", [](Draw& d) { return d.number(d.within(39, 41)); }},
      {"balls", [](Draw& d) { return d.ball(d.number(d.power(-12, 6))); }}};
  expect_enclosed(Primitive::tanh, kTanh, domains);
  expect_enclosed(Primitive::sech, kSech,
                  {domains[0], domains[1], {"moderate", domains[0].draw, 0.2},
                   {"deep", [](Draw& d) { return d.number(d.within(600, 800)); }},
                   {"balls", [](Draw& d) { return d.ball(d.number(d.power(-12, 1))); }}});
}

/// The low word of the argument is read: results move by what it says.
TEST(SimdMath, LowWordsCount) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  Draw draw(Tier::pairs);
  Asking q{Primitive::exp, Tier::pairs, {}, {}, kExp};
  for (int i = 0; i < 200; ++i) q.a.push_back(draw.number(draw.within(-600, -300)));
  const Measured m = measure(q);
  EXPECT_EQ(m.outside, 0);
  EXPECT_LT(m.relative, 0x1p-100);
}

Enclosure answer(Primitive what, Tier tier, double x) {
  const Enclosure a = Enclosure::exact(x);
  Enclosure y;
  primitive_targets()[0].run({what, tier, {&a, 1}, {}, {&y, 1}});
  return y;
}

TEST(SimdMath, ExactZerosStayExact) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  for (const Tier tier : kTiers) {
    for (const auto& [what, x] : {std::pair{Primitive::log, 1.0}, std::pair{Primitive::log1p, 0.0},
                                  std::pair{Primitive::tanh, 0.0}}) {
      const Enclosure y = answer(what, tier, x);
      EXPECT_EQ(y.hi, 0);
      EXPECT_EQ(y.lo, 0);
      EXPECT_EQ(y.rad, 0);
    }
  }
}

/// Nothing is promised of what is no number, or has no finite answer; a limit may be right.
TEST(SimdMath, NothingIsPromisedOutside) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  const double nan = std::numeric_limits<double>::quiet_NaN();
  struct AtInfinity {
    Primitive what;
    double minus, plus;  ///< limits; NaN: none that a ball could hold
  };
  const AtInfinity all[] = {{Primitive::exp, 0, nan},
                            {Primitive::log, nan, nan},
                            {Primitive::log1p, nan, nan},
                            {Primitive::tanh, -1, 1},
                            {Primitive::sech, 0, 0}};
  for (const Tier tier : kTiers) {
    for (const auto& [what, minus, plus] : all) {
      EXPECT_EQ(answer(what, tier, nan).rad, kInf);
      for (const auto& [x, limit] : {std::pair{-kInf, minus}, std::pair{kInf, plus}}) {
        const Enclosure y = answer(what, tier, x);
        const bool holds = std::fabs((limit - y.hi) - y.lo) <= y.rad;
        EXPECT_TRUE(y.rad == kInf || holds) << static_cast<int>(what) << " at " << x;
      }
    }
    for (const double x : {705.0, 710.0, 1e3, 1e300}) {
      EXPECT_EQ(answer(Primitive::exp, tier, x).rad, kInf) << x;
    }
    for (const double x : {0.0, -0.0, -1e-300, -1.0, -1e300, 0x1p1001}) {
      EXPECT_EQ(answer(Primitive::log, tier, x).rad, kInf) << x;
    }
    for (const double x : {-1.0, std::nextafter(-1.0, -2.0), -1e300, 0x1p1001}) {
      EXPECT_EQ(answer(Primitive::log1p, tier, x).rad, kInf) << x;
    }
  }
}

}  // namespace
}  // namespace xent
