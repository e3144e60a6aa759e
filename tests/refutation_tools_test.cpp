// SPDX-License-Identifier: Apache-2.0
#include "properties/refutation_tools.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace xent {
namespace {

using Kind = WitnessSpace::Kind;

TEST(Exact, OrderIsCertainOnlyWhereIntervalsAreApart) {
  const Exact third = exact(1) / 3, above = third + exact(0x1p-200);
  EXPECT_TRUE(below(third, above));
  EXPECT_FALSE(below(above, third));
  EXPECT_FALSE(below(third, exact(1) / 3));
  EXPECT_TRUE(meet(third, 2 * third / 2));
  EXPECT_FALSE(meet(third, above));
}

TEST(Exact, AnEnclosureKeepsItsRadius) {
  const Exact x = exact(Enclosure{Enclosure::Kind::number, 1, 0x1p-60, 0x1p-70});
  EXPECT_TRUE(below(exact(1), x));
  EXPECT_TRUE(meet(x, exact(1) + exact(0x1p-60) + exact(0x1p-70)));
  EXPECT_FALSE(meet(x, exact(1) + exact(0x1p-60) + exact(0x1p-69)));
}

TEST(Witness, RandomOnesAreInTheirSpace) {
  const WitnessSpace space{{Kind::distribution, Kind::number}, 1, 4, 16, 9};
  bool fewest = false, most = false;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const Dyadic d = random_dyadic(space, Random(i));
    fewest |= d.columns() == 1;
    most |= d.columns() == 4;
    EXPECT_EQ(std::accumulate(d.rows[0].begin(), d.rows[0].end(), std::int64_t{0}), 16);
    for (const std::int64_t x : d.rows[0]) EXPECT_GE(x, 0);
    for (const std::int64_t x : d.rows[1]) EXPECT_LE(std::abs(x), 9);
  }
  EXPECT_TRUE(fewest && most);
}

TEST(Witness, ShrinksToTheSmallestThatFails) {
  const WitnessSpace space{{Kind::number}, 1, 5, 64, 256};
  // Fails from 3 columns on, when the numbers sum to 2 or more.
  const Fails fails = [](const Dyadic& d) {
    std::int64_t sum = 0;
    for (const std::int64_t x : d.rows[0]) sum += x;
    return d.columns() >= 3 && sum >= 2 * d.denominator;
  };
  const Witness w = find_witness(space, Random(3), fails);
  ASSERT_TRUE(w);
  EXPECT_TRUE(fails(w.data));
  EXPECT_EQ(w.data.columns(), 3);
  EXPECT_EQ(w.data.denominator, 1);
  EXPECT_EQ(std::accumulate(w.data.rows[0].begin(), w.data.rows[0].end(), std::int64_t{0}), 2);
  EXPECT_GT(w.steps, 0);
}

TEST(Witness, DistributionsStayDistributions) {
  const WitnessSpace space{{Kind::distribution}, 2, 5, 64};
  const Witness w = find_witness(space, Random(4), [](const Dyadic& d) {
    std::int64_t sum = 0;
    for (const std::int64_t x : d.rows[0]) {
      EXPECT_GE(x, 0);
      sum += x;
    }
    EXPECT_EQ(sum, d.denominator);
    return 4 * d.rows[0][0] >= 3 * d.denominator;
  });
  ASSERT_TRUE(w);
  EXPECT_EQ(w.data.columns(), 2);
  EXPECT_EQ(w.data.denominator, 1);
}

TEST(Witness, WhereNothingFailsThereIsNone) {
  const WitnessSpace space{{Kind::number}, 1, 2, 4, 4};
  EXPECT_FALSE(find_witness(space, Random(5), [](const Dyadic&) { return false; }));
}

TEST(Dyadic, IsPrintedAsFractions) {
  const Dyadic d{{{0, 3, -2, 8}}, 8};
  EXPECT_EQ(d.text(0), "(0, 3/8, -1/4, 1)");
}

TEST(Values, AreThoseOfClosedForms) {
  const Exact two = log_of(exact(2));
  EXPECT_TRUE(meet(entropy({0.5, 0.5}), two));
  // (log 4 + log 4 - log 3) / 2.
  EXPECT_TRUE(meet(cross_entropy({0.5, 0.5}, {0.25, 0.75}), 2 * two - log_of(exact(3)) / 2));
  EXPECT_TRUE(meet(kl({1, 0}, {0.25, 0.75}), 2 * two));
  EXPECT_TRUE(meet(loss_of({0, 0}, 1), two));
  EXPECT_TRUE(meet(in_bits(two), exact(1)));
}

}  // namespace
}  // namespace xent
