// SPDX-License-Identifier: Apache-2.0
// Arithmetic and sums of balls: the exact value is inside, below the normal range and above it too.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "oracle/simd/primitives.h"
#include "tests/oracle_simd_exact.h"

namespace xent {
namespace {

using namespace simd_tests;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr Tier kTiers[] = {Tier::doubles, Tier::pairs};

ExactFunction function(int (*f)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t)) {
  return [f](mpfr_ptr y, mpfr_srcptr a, mpfr_srcptr b) { f(y, a, b, MPFR_RNDN); };
}

struct Operation {
  const char* name;
  Primitive what;
  ExactFunction exact;
  bool exact_operands;  ///< the second is a double
  double least[2];      ///< of error / radius for numbers of moderate size: doubles, pairs
};

const Operation kOperations[] = {
    {"add", Primitive::add, function(mpfr_add), false, {0.9, 1.0 / 3}},
    {"subtract", Primitive::subtract, function(mpfr_sub), false, {0.9, 1.0 / 3}},
    {"multiply", Primitive::multiply, function(mpfr_mul), false, {0.9, 1.0 / 3}},
    {"divide", Primitive::divide, function(mpfr_div), false, {0.9, 1.0 / 3}},
    {"add_exact", Primitive::add_exact, function(mpfr_add), true, {0.9, 0.9}},
    {"multiply_exact", Primitive::multiply_exact, function(mpfr_mul), true, {0.9, 0.5}}};

using Operand = std::function<Enclosure(Draw&)>;

Measured measured(const Operation& op, Tier tier, int count, const Operand& first,
                  const Operand& second) {
  Draw draw(tier);
  Asking q{op.what, tier, {}, {}, op.exact};
  for (int i = 0; i < count; ++i) {
    q.a.push_back(first(draw));
    q.b.push_back(second(draw));
    if (op.exact_operands) q.b.back().lo = q.b.back().rad = 0;
  }
  return measure(q);
}

Enclosure moderate(Draw& d) { return d.number(d.power(-3, 3)); }

TEST(SimdArithmetic, ComesNearItsRadius) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  for (const Operation& op : kOperations) {
    for (const Tier tier : kTiers) {
      const Measured m = measured(op, tier, 20000, moderate, moderate);
      EXPECT_EQ(m.outside, 0) << op.name;
      EXPECT_GE(m.most, op.least[tier == Tier::pairs]) << op.name << static_cast<int>(tier);
    }
  }
}

TEST(SimdArithmetic, EnclosesInTheWholeRange) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  const Operand any = [](Draw& d) { return d.number(d.power(-1074, 1020)); };
  const Operand low = [](Draw& d) { return d.number(d.power(-1074, -400)); };
  const Operand ball = [](Draw& d) { return d.ball(d.number(d.power(-30, 30))); };
  const Operand low_ball = [](Draw& d) { return d.ball(d.number(d.power(-800, -300))); };
  const Operand zero = [](Draw& d) { return d.between(0, 1) ? Enclosure{} : moderate(d); };
  const std::pair<Operand, Operand> pairs[] = {{any, any},           {low, low},
                                               {low, moderate},      {ball, ball},
                                               {low_ball, low_ball}, {zero, ball},
                                               {ball, low}};
  for (const Operation& op : kOperations) {
    for (const Tier tier : kTiers) {
      for (const auto& [a, b] : pairs) {
        SCOPED_TRACE(op.name + std::string(" case ") + std::to_string(&a - &pairs[0].first));
        const Measured m = measured(op, tier, 1000, a, b);
        EXPECT_EQ(m.outside, 0);
        EXPECT_GE(m.promising, 200);
      }
    }
  }
}

/// Sums that cancel, to nothing and to almost nothing.
TEST(SimdArithmetic, EnclosesDifferencesThatCancel) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  for (const Tier tier : kTiers) {
    Draw draw(tier);
    Asking q{Primitive::subtract, tier, {}, {}, function(mpfr_sub)};
    for (int i = 0; i < 5000; ++i) {
      q.a.push_back(draw.number(draw.power(-1060, 300)));
      q.b.push_back(i % 2 ? draw.number(draw.stepped(q.a[i].hi, 3)) : q.a[i]);
    }
    EXPECT_EQ(measure(q).outside, 0);
  }
}

TEST(SimdArithmetic, DifferencesOfDoublesAreExactInPairs) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  for (const Tier tier : kTiers) {
    Draw draw(tier);
    Asking q{Primitive::subtract_exact, tier, {}, {}, function(mpfr_sub)};
    for (int i = 0; i < 5000; ++i) {
      q.a.push_back(Enclosure::exact(draw.power(-1074, 900)));
      q.b.push_back(Enclosure::exact(draw.power(-1074, 900)));
    }
    const Measured m = measure(q);
    EXPECT_EQ(m.outside, 0);
    EXPECT_EQ(m.promising, 5000);
    EXPECT_EQ(m.relative == 0, tier == Tier::pairs);
  }
}

TEST(SimdArithmetic, ZeroTimesAnythingIsZero) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  const Enclosure zero, one{Enclosure::Kind::number, 1, 0x1p-60, 0x1p-90};
  for (const Tier tier : kTiers) {
    for (const Primitive what : {Primitive::multiply, Primitive::multiply_exact}) {
      for (const auto& [a, b] : {std::pair{zero, one}, std::pair{one, zero}}) {
        Enclosure y;
        primitive_targets()[0].run({what, tier, {&a, 1}, {&b, 1}, {&y, 1}});
        EXPECT_EQ(y.hi, 0);
        EXPECT_EQ(y.lo, 0);
        EXPECT_EQ(y.rad, 0);
      }
    }
  }
}

TEST(SimdArithmetic, NothingIsPromisedBeyondTheRange) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  const Enclosure huge = Enclosure::exact(1e300), around_zero{Enclosure::Kind::number, 1, 0, 1.5};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  struct Lost {
    Primitive what;
    Enclosure a, b;
  };
  const Lost all[] = {{Primitive::multiply, huge, huge},
                      {Primitive::multiply_exact, huge, huge},
                      {Primitive::add, Enclosure::exact(1.7e308), Enclosure::exact(1.7e308)},
                      {Primitive::subtract_exact, Enclosure::exact(-1.7e308),
                       Enclosure::exact(1.7e308)},
                      {Primitive::divide, huge, around_zero},
                      {Primitive::divide, huge, Enclosure{}},
                      {Primitive::divide, huge, Enclosure::exact(1e-300)},
                      {Primitive::add, huge, Enclosure::exact(nan)},
                      {Primitive::multiply, Enclosure{}, Enclosure::exact(nan)},
                      {Primitive::divide, Enclosure{}, Enclosure::exact(nan)}};
  for (const Tier tier : kTiers) {
    for (const Lost& lost : all) {
      Enclosure y;
      primitive_targets()[0].run({lost.what, tier, {&lost.a, 1}, {&lost.b, 1}, {&y, 1}});
      EXPECT_EQ(y.rad, kInf) << static_cast<int>(lost.what);
    }
  }
}

/// Ends are outside hi + lo +- rad, and by a few ulps at most.
TEST(SimdArithmetic, EndsAreOutward) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  mpfr_t end, beyond;
  mpfr_inits2(2300, end, beyond, nullptr);
  for (const Tier tier : kTiers) {
    Draw draw(tier);
    std::vector<Enclosure> a, y(4000);
    for (std::size_t i = 0; i < y.size(); ++i) {
      a.push_back(draw.ball(draw.number(draw.power(-1074, 1000))));
    }
    for (const Primitive what :
         {Primitive::upper, Primitive::lower, Primitive::magnitude_upper}) {
      const int side = what == Primitive::lower ? -1 : 1;
      primitive_targets()[0].run({what, tier, a, {}, y});
      for (std::size_t i = 0; i < y.size(); ++i) {
        mpfr_set_d(end, a[i].hi, MPFR_RNDN);
        mpfr_add_d(end, end, a[i].lo, MPFR_RNDN);
        if (what == Primitive::magnitude_upper) mpfr_abs(end, end, MPFR_RNDN);
        mpfr_add_d(end, end, side * a[i].rad, MPFR_RNDN);
        mpfr_d_sub(beyond, y[i].hi, end, MPFR_RNDN);
        const double outward = side * mpfr_get_d(beyond, MPFR_RNDA);
        EXPECT_GE(outward, 0) << a[i].hi << " " << a[i].rad;
        EXPECT_LE(outward, 0x1p-49 * std::fabs(a[i].hi) + 0x1p-1073);
      }
    }
  }
  mpfr_clears(end, beyond, nullptr);
}

/// The sum of the terms, as far as they are numbers, in the place of b.
Measured measured_sum(Tier tier, const std::vector<Enclosure>& terms) {
  return measure({Primitive::sum, tier, terms, {}, [&](mpfr_ptr y, mpfr_srcptr, mpfr_srcptr) {
                    mpfr_set_zero(y, 1);
                    for (const Enclosure& x : terms) {
                      mpfr_add_d(y, y, x.hi, MPFR_RNDN);
                      mpfr_add_d(y, y, x.lo, MPFR_RNDN);
                    }
                  }});
}

TEST(SimdSums, EncloseTermsOfAnySignAndSize) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  const std::pair<int, int> exponents[] = {{0, 0}, {-60, 3}, {-1074, -1000}, {-1000, 1000}};
  for (const Tier tier : kTiers) {
    Draw draw(tier);
    for (const int n : {1, 7, 31, 32, 33, 100, 511, 512, 513, 2048, 2049, 4099, 70000}) {
      for (const auto& [least, most] : exponents) {
        std::vector<Enclosure> terms;
        for (int i = 0; i < n; ++i) terms.push_back(draw.number(draw.power(least, most)));
        const Measured m = measured_sum(tier, terms);
        EXPECT_EQ(m.outside, 0) << n << " terms from 2^" << least;
        EXPECT_EQ(m.promising, 1);
      }
    }
  }
}

/// In each lane a block of 1 and terms just below u, which are rounded away; in pairs they add up
/// in the low word, and lose there what is left of half an ulp of it.
TEST(SimdSums, ComeNearTheirRadius) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  for (const Tier tier : kTiers) {
    const int block = tier == Tier::pairs ? 16 : 64;
    std::vector<Enclosure> terms;
    for (int i = 0; i < block; ++i) {
      const bool loses = tier == Tier::pairs && i > 2;
      const double half_ulp = loses ? std::ldexp(1.0, std::ilogb(0.99 * i) - 106) : 0;
      const double lost = loses ? half_ulp - 0x1p-106 : 0;
      for (int lane = 0; lane < 32; ++lane) {
        terms.push_back(Enclosure::exact(i == 0 ? 1 : 0x1p-53 - 0x1p-60 + lost));
      }
    }
    const Measured m = measured_sum(tier, terms);
    EXPECT_EQ(m.outside, 0);
    EXPECT_GE(m.most, tier == Tier::pairs ? 1.0 / 3 : 0.9);
  }
}

/// Radii of terms are added up: a sum of balls holds the sum of their ends.
TEST(SimdSums, AddRadii) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  for (const Tier tier : kTiers) {
    Draw draw(tier);
    std::vector<Enclosure> terms, ends;
    for (int i = 0; i < 3000; ++i) {
      const double rad = std::fabs(draw.power(-9, 1));
      terms.push_back({Enclosure::Kind::number, draw.power(-3, 3), 0, rad});
      ends.push_back(Enclosure::exact(terms.back().hi));
      ends.push_back(Enclosure::exact(terms.back().rad));
    }
    const Measured m = measure({Primitive::sum, tier, terms, {},
                                [&](mpfr_ptr y, mpfr_srcptr, mpfr_srcptr) {
                                  mpfr_set_zero(y, 1);
                                  for (const Enclosure& x : ends) mpfr_add_d(y, y, x.hi, MPFR_RNDN);
                                }});
    EXPECT_EQ(m.outside, 0);
    EXPECT_GE(m.most, 0.999);
  }
}

TEST(SimdSums, OfNothingAreExactlyZero) {
  if (primitive_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  for (const Tier tier : kTiers) {
    for (const std::size_t n : {0u, 1u, 100u}) {
      const std::vector<Enclosure> terms(n);
      Enclosure y;
      primitive_targets()[0].run({Primitive::sum, tier, terms, {}, {&y, 1}});
      EXPECT_EQ(y.hi, 0);
      EXPECT_EQ(y.rad, 0);
    }
  }
}

}  // namespace
}  // namespace xent
