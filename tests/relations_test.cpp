// SPDX-License-Identifier: Apache-2.0
// What the theorems are written with can say no.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "properties/relations.h"

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Value output(double got, double bound, double exact) {
  return derived(got, bound, "output", Enclosure::exact(exact));
}

template <class Check>
Judgement judged(Check check) {
  Judgement j;
  check(j);
  return j;
}

TEST(Relations, EqualHoldsWithinTheSumOfTheBoundsOnly) {
  const auto verdict = [](double a, double b) {
    return judged([&](Judgement& j) {
             check_equal(j, output(a, 0.25, 1), output(b, 0.125, 1), "x");
           })
        .verdict;
  };
  EXPECT_EQ(verdict(1.25, 0.875), Verdict::pass);
  EXPECT_EQ(verdict(1.25, 0.8749), Verdict::fail);
  EXPECT_EQ(verdict(std::nan(""), 1), Verdict::fail);
  EXPECT_EQ(verdict(kInf, 1), Verdict::fail);
}

TEST(Relations, EqualSeesExactValuesThatDiffer) {
  const Judgement j = judged([](Judgement& out) {
    check_equal(out, output(1, 1, 1), output(1, 1, std::nextafter(1, 2)), "x");
  });
  EXPECT_EQ(j.verdict, Verdict::fail);
  EXPECT_NE(j.message.find("exact"), std::string::npos);
}

TEST(Relations, WhatHasNoBoundOrNoNumberIsLeftOutByName) {
  const Judgement none = judged([](Judgement& j) {
    check_equal(j, output(1, kInf, 1), output(7, 0, 1), "x");
    check_order(j, output(1, kInf, 1), output(0, 0, 1), Order::weak, "x");
    const Value infinite =
        derived(kInf, 0, "x", Enclosure::special(Enclosure::Kind::plus_inf));
    check_equal(j, infinite, infinite, "x");
    check_order(j, output(0, 0, 0), infinite, Order::strict, "x");
  });
  EXPECT_EQ(none.verdict, Verdict::skip);
  EXPECT_EQ(none.checks, 0);
  EXPECT_EQ(none.excluded.at("no-bound"), 2);
  EXPECT_EQ(none.excluded.at("no-number"), 2);
}

TEST(Relations, OrderIsStrictOfTheKernelWhereTheGapIsClear) {
  const auto verdict = [](double less, double more, double bound) {
    return judged([&](Judgement& j) {
             check_order(j, output(less, bound, 1), output(more, bound, 2), Order::strict, "x");
           })
        .verdict;
  };
  EXPECT_EQ(verdict(1, 2, 0.25), Verdict::pass);
  EXPECT_EQ(verdict(2, 2, 0.25), Verdict::fail);
  EXPECT_EQ(verdict(2, 2, 0.75), Verdict::pass);
  EXPECT_EQ(verdict(3, 2, 0.75), Verdict::pass);
  EXPECT_EQ(verdict(4, 2, 0.75), Verdict::fail);
}

TEST(Relations, OrderSeesExactValuesOutOfOrder) {
  const auto verdict = [](double less, double more, Order order) {
    return judged([&](Judgement& j) {
             check_order(j, output(0, 8, less), output(0, 8, more), order, "x");
           })
        .verdict;
  };
  EXPECT_EQ(verdict(1, 1, Order::weak), Verdict::pass);
  EXPECT_EQ(verdict(1, 1, Order::strict), Verdict::fail);
  EXPECT_EQ(verdict(1.5, 1, Order::weak), Verdict::fail);
}

TEST(Relations, DifferJudgesOnlyWhatTheBoundsTellApart) {
  Judgement j;
  EXPECT_FALSE(check_differ(j, output(1, 1, 1), output(1, 1, 2), "x"));
  EXPECT_EQ(j.verdict, Verdict::skip);
  EXPECT_TRUE(check_differ(j, output(1, 0.25, 1), output(2, 0.25, 2), "x"));
  EXPECT_EQ(j.verdict, Verdict::pass);
  EXPECT_TRUE(check_differ(j, output(1, 0.25, 1), output(1, 0.25, 2), "x"));
  EXPECT_EQ(j.verdict, Verdict::fail);
}

TEST(Relations, ArithmeticCarriesBoundsAndRoundings) {
  const Value sum = output(1, 0.25, 1) + output(0x1p-60, 0.125, 0x1p-60);
  EXPECT_EQ(sum.got, 1);
  EXPECT_GE(sum.bound, 0.375 + 0x1p-60);
  EXPECT_LT(sum.bound, 0.376);
  EXPECT_EQ(distance(1, sum.exact(0)).lower, 0x1p-60);
  const Value twice = Enclosure::exact(-2) * output(1, 0.25, 1.125);
  EXPECT_EQ(twice.got, -2);
  EXPECT_GE(twice.bound, 0.5);
  EXPECT_LT(distance(-2.25, twice.exact(0)).upper, 1e-300);
}

TEST(Relations, WhatMayOverflowItsFormatHasNoExactValue) {
  Value v = output(kInf, 1e30, 3.4e38);
  v.format = DType::f32;
  EXPECT_TRUE((v - known(0)).exact(0).is_number());
  v.bound = 1e37;
  EXPECT_FALSE((v - known(0)).exact(0).is_number());
}

TEST(Relations, LogOfTwoIsEnclosed) {
  // Against the oracle's own enclosure of -log(1/2).
  TestCase like;
  Problem p;
  p.dtype = DType::f64;
  like.problem = p;
  Reference exact(events(like, {0.5}));
  EXPECT_TRUE(intersects(exact.loss(0), log_of_two()));
  EXPECT_LT(log_of_two().rad, 1e-32);
  EXPECT_LT(magnitude_upper(exact.loss(0, 1) - log_of_two()), 1e-32);
}

TEST(Relations, ProductsEncloseTheirExactValue) {
  // (log 2)^2 to 106 bits, by mpmath.
  const Enclosure square = product(log_of_two(), log_of_two());
  const Enclosure known_square = {Enclosure::Kind::number, 0x1.ebfbdff82c58fp-2,
                                  -0x1.5e43a53e44da3p-56, 0x1p-100};
  EXPECT_TRUE(intersects(square, known_square));
  EXPECT_LT(square.rad, 1e-31);
}

TEST(Relations, MassTermIsTheDivergenceOfMasses) {
  const Enclosure zero = mass_term(Enclosure::exact(0.7), Enclosure::exact(0.7));
  EXPECT_EQ(magnitude_upper(zero), 0);
  const Enclosure half = mass_term(Enclosure::exact(1), Enclosure::exact(2));
  EXPECT_TRUE(intersects(Enclosure::exact(0) - half, log_of_two()));
  // A mass that is no double: the radius covers what the low part moves.
  const Enclosure wide = mass_term({Enclosure::Kind::number, 1, 0x1p-54, 0}, Enclosure::exact(2));
  EXPECT_TRUE(intersects(wide, half));
  EXPECT_GT(wide.rad, 0);
  EXPECT_LT(wide.rad, 0x1p-52);
  EXPECT_FALSE(mass_term(Enclosure::exact(0), Enclosure::exact(1)).is_number());
}

TEST(Relations, RowsAreStoredExactlyOrNot) {
  Tensor t(DType::bf16, {2, 2});
  EXPECT_TRUE(store_row(t, 1, {0.75, 0.25}));
  EXPECT_EQ(row_of(t, 1, 2), (std::vector<double>{0.75, 0.25}));
  EXPECT_FALSE(store_row(t, 0, {1 + 0x1p-8, 0}));
  EXPECT_EQ(mass(t, 1, 2).hi, 1);
}

TEST(Relations, ACaseOfEventsIsValid) {
  TestCase like;
  like.problem.unit = Unit::bits;
  like.problem.dtype = DType::f16;
  const TestCase c = events(like, {1, 0.5, 0.25});
  EXPECT_NO_THROW(validate(c));
  EXPECT_EQ(c.problem.n, 3);
  EXPECT_EQ(c.problem.unit, Unit::bits);
  Reference exact(c);
  EXPECT_EQ(distance(2, exact.loss(2)).lower, 0);
}

}  // namespace
}  // namespace xent
