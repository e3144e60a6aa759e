// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "properties/data/iris.h"
#include "tests/domain_cases.h"

namespace xent {
namespace {

TEST(DomainIntents, ConfidentReachesTheFormatsUnderflow) {
  std::map<DType, double> widest;
  for_rows("confident", [&](std::int64_t row, const TestCase& c) {
    const double gap = c.logit(row, c.label(row)) - greatest(c, row, c.label(row));
    EXPECT_GT(gap, 0.99);
    widest[c.problem.dtype] = std::max(widest[c.problem.dtype], gap);
  });
  EXPECT_GT(widest[DType::f32], 103);
  EXPECT_GT(widest[DType::f64], 700);
}

TEST(DomainIntents, WrongTargetsTrail) {
  for_rows("wrong", [](std::int64_t row, const TestCase& c) {
    EXPECT_GT(greatest(c, row) - c.logit(row, c.label(row)), 0.99);
  });
}

TEST(DomainIntents, OffsetDifferencesAreExact) {
  double furthest = 0;
  for_rows("offset", [&](std::int64_t row, const TestCase& c) {
    const double first = c.logit(row, 0);
    furthest = std::max(furthest, std::fabs(first));
    Tensor difference(c.problem.dtype, {1});
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      const double d = c.logit(row, j) - first;
      difference.set(0, d);
      EXPECT_EQ(difference.at(0), d);
      // Knuth's two-sum: the rounding error of the binary64 subtraction.
      const double b = d - c.logit(row, j);
      const double a = d - b;
      EXPECT_EQ((c.logit(row, j) - a) + (-first - b), 0);
    }
  });
  EXPECT_GT(furthest, 1e29);
}

TEST(DomainIntents, TiesShareTheMaximum) {
  bool all_equal = false;
  for_rows("ties", [&](std::int64_t row, const TestCase& c) {
    std::int64_t ties = 0;
    for (std::int64_t j = 0; j < c.problem.v; ++j) ties += c.logit(row, j) == greatest(c, row);
    EXPECT_GE(ties, 2);
    all_equal = all_equal || ties == c.problem.v;
  });
  EXPECT_TRUE(all_equal);
}

TEST(DomainIntents, MaskedRowsKeepTheirTarget) {
  for_rows("masked", [](std::int64_t row, const TestCase& c) {
    EXPECT_LT(count_live(c, row), c.problem.v);
    EXPECT_TRUE(std::isfinite(c.logit(row, c.label(row))));
  });
  std::set<std::int64_t> masked;
  for_rows("masked-target", [&](std::int64_t row, const TestCase& c) {
    masked.insert(c.problem.v - count_live(c, row));
    EXPECT_EQ(c.logit(row, c.label(row)), -std::numeric_limits<double>::infinity());
  });
  EXPECT_EQ(masked, (std::set<std::int64_t>{1, 2}));
}

TEST(DomainIntents, ExtremeReachesEachThreshold) {
  std::map<DType, std::set<std::string>> seen;
  for_rows("extreme", [&](std::int64_t row, const TestCase& c) {
    const bool single = c.problem.dtype == DType::f32;
    std::set<std::string>& s = seen[c.problem.dtype];
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      const double z = c.logit(row, j);
      if (z == (single ? 0x1.fffffep+127 : 0x1.fffffffffffffp+1023)) s.insert("largest");
      if (std::fabs(z - (single ? 88.72284 : 709.7827129)) < 1e-4) s.insert("overflow");
      if (std::fabs(z + (single ? 103.97208 : 745.1332191)) < 1e-4) s.insert("underflow");
      if (std::fabs(z + (single ? 87.33654 : 708.3964185)) < 1e-4) s.insert("subnormal result");
      if (z != 0 && std::fabs(z) < (single ? 0x1p-126 : 0x1p-1022)) s.insert("subnormal");
      if (z == 0 && std::signbit(z)) s.insert("minus zero");
    }
  });
  for (const DType dtype : kFloats) EXPECT_EQ(seen[dtype].size(), 6U) << name(dtype);
}

TEST(DomainIntents, GridTakesShiftsExactly) {
  for_rows("grid", [](std::int64_t row, const TestCase& c) {
    Tensor shifted(c.problem.dtype, {1});
    for (const double shift : {1024.0, -1024.0, 1023.0, -777.0, 1.0}) {
      for (std::int64_t j = 0; j < c.problem.v; ++j) {
        shifted.set(0, c.logit(row, j) + shift);
        EXPECT_EQ(shifted.at(0) - shift, c.logit(row, j));
      }
    }
  });
}

bool is_zero_or_power(double x) {
  int e = 0;
  return x == 0 || std::fabs(std::frexp(x, &e)) == 0.5;
}

TEST(DomainIntents, IntegerMassHasIntegerSums) {
  for_rows("integer-mass", [](std::int64_t row, const TestCase& c) {
    const std::int64_t live = count_live(c, row);
    EXPECT_GE(live, 1);
    EXPECT_LE(live, std::max<std::int64_t>(1, c.problem.v / 4));
    EXPECT_TRUE(is_zero_or_power(greatest(c, row)));
    double sum = 0;
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      const double e = std::exp(c.logit(row, j) - greatest(c, row));
      EXPECT_TRUE(e == 0 || e == 1);
      sum += e;
    }
    EXPECT_EQ(sum, static_cast<double>(live));
    EXPECT_TRUE(std::isfinite(c.logit(row, c.label(row))));
  });
}

TEST(DomainIntents, SpikesVisitEveryBoundary) {
  std::set<std::int64_t> places;
  for_rows("spikes", [&](std::int64_t row, const TestCase& c) {
    std::int64_t place = 0;
    for (std::int64_t j = 1; j < c.problem.v; ++j) {
      if (c.logit(row, j) > c.logit(row, place)) place = j;
    }
    EXPECT_GT(c.logit(row, place) - greatest(c, row, place), 60);
    if (c.problem.v == 130) places.insert(place);
  });
  for (const std::int64_t place : {0, 1, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 129}) {
    EXPECT_TRUE(places.count(place)) << place;
  }
}

TEST(DomainIntents, IndexBitsSeparateEveryClass) {
  std::map<std::int64_t, std::set<std::vector<bool>>> patterns;
  for_rows("index-bit", [&](std::int64_t row, const TestCase& c) {
    std::vector<bool> live;
    for (std::int64_t j = 0; j < c.problem.v; ++j) live.push_back(std::isfinite(c.logit(row, j)));
    bool found = false;
    for (int bit = 0; bit < 8; ++bit) {
      for (const bool wanted : {false, true}) {
        bool same = true;
        for (std::int64_t j = 0; j < c.problem.v; ++j) {
          same = same && live[static_cast<std::size_t>(j)] == ((((j >> bit) & 1) != 0) == wanted);
        }
        found = found || same;
      }
    }
    EXPECT_TRUE(found);
    patterns[c.problem.v].insert(live);
  });
  EXPECT_EQ(patterns[130].size(), 16U);
}

TEST(DomainIntents, SubnormalLogitsAreSubnormal) {
  for_rows("subnormal", [](std::int64_t row, const TestCase& c) {
    const double normal = c.problem.dtype == DType::f32 ? 0x1p-126 : 0x1p-1022;
    EXPECT_LT(greatest(c, row), normal);
  });
}

TEST(DomainIntents, IrisIsTheTableAndTheRegression) {
  std::int64_t sums[4] = {};
  for (const auto& row : iris::kTenths) {
    for (std::size_t k = 0; k < 4; ++k) sums[k] += row[k];
  }
  EXPECT_EQ(sums[0], 8765);
  EXPECT_EQ(sums[1], 4586);
  EXPECT_EQ(sums[2], 5637);
  EXPECT_EQ(sums[3], 1799);
  const TestCase c = make("iris", DType::f64, 3, 150, 3);
  int right = 0;
  double loss = 0;
  for (std::int64_t row = 0; row < 150; ++row) {
    const std::int64_t y = c.label(row);
    right += c.logit(row, y) == greatest(c, row);
    double sum = 0;
    for (std::int64_t j = 0; j < 3; ++j) sum += std::exp(c.logit(row, j) - c.logit(row, y));
    loss += std::log(sum) / 150;
  }
  EXPECT_EQ(right, 146);
  EXPECT_NEAR(loss, 0.1407599977644429, 1e-12);
}

TEST(DomainIntents, WorkedExampleIsAsPrinted) {
  const TestCase c = make("worked-example", DType::f32, 9, 3, 5);
  EXPECT_EQ(static_cast<float>(c.logit(0, 2)), 1.3519f);
  EXPECT_EQ(static_cast<float>(c.logit(2, 4)), -5.2672e-04f);
  EXPECT_EQ(c.label(0), 2);
  EXPECT_EQ(c.label(1), 0);
  EXPECT_EQ(c.label(2), 0);
}

TEST(DomainIntents, TargetsAreMixed) {
  const TestCase c = make("gaussian", DType::f32, 0, 400, 37);
  int argmax = 0;
  int first = 0;
  int last = 0;
  for (std::int64_t row = 0; row < 400; ++row) {
    argmax += c.logit(row, c.label(row)) == greatest(c, row);
    first += c.label(row) == 0;
    last += c.label(row) == 36;
  }
  // A quarter each: 100 give or take 5 standard deviations of 8.7.
  for (const int count : {argmax, first, last}) {
    EXPECT_GT(count, 56);
    EXPECT_LT(count, 156);
  }
}

TEST(DomainIntents, UpstreamMixesZeroOneLossScalesAndOthers) {
  const TestCase c = make("gaussian", DType::f32, 0, 100, 3);
  std::int64_t zeros = 0;
  std::int64_t ones = 0;
  std::int64_t scales = 0;
  for (std::int64_t row = 0; row < 100; ++row) {
    zeros += c.upstream_of(row) == 0;
    ones += c.upstream_of(row) == 1;
    scales += c.upstream_of(row) == 0x1p16;
    EXPECT_TRUE(std::fabs(c.upstream_of(row)) <= 2 || c.upstream_of(row) == 0x1p16);
  }
  EXPECT_GT(scales, 0);
  EXPECT_GT(zeros, 0);
  EXPECT_GT(ones, 0);
  EXPECT_LT(zeros + ones, 100);
}

double sum_of(const Tensor& t, std::int64_t row, std::int64_t v) {
  double sum = 0;
  for (std::int64_t j = 0; j < v; ++j) sum += t.at(row * v + j);
  return sum;
}

TEST(DomainIntents, SumToOneUpToRounding) {
  for (const std::string_view domain : {"simplex", "one-hot", "near-equal", "uniform"}) {
    for_rows(domain, [&](std::int64_t row, const TestCase& c) {
      const auto v = static_cast<double>(c.problem.v);
      // Half an ulp for each entry, 3 ulps more where q was perturbed, and the summation's own.
      const double slack = 8 * v * unit_roundoff(c.problem.dtype);
      EXPECT_NEAR(sum_of(c.input, row, c.problem.v), 1, slack) << domain;
      const double mass = sum_of(c.target, row, c.problem.v);
      EXPECT_LE(mass, 1 + slack) << domain;
      EXPECT_GT(mass, 0) << domain;
    });
  }
}

TEST(DomainIntents, DyadicSumsAreExact) {
  for_rows("dyadic-simplex", [](std::int64_t row, const TestCase& c) {
    EXPECT_EQ(sum_of(c.input, row, c.problem.v), 1);
    EXPECT_EQ(sum_of(c.target, row, c.problem.v), 1);
    for (std::int64_t j = 0; j < c.problem.v; ++j) EXPECT_GT(c.logit(row, j), 0);
  });
}

TEST(DomainIntents, NearEqualDiffersByAFewUlps) {
  bool equal = false;
  bool different = false;
  for_rows("near-equal", [&](std::int64_t row, const TestCase& c) {
    bool same = true;
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      const double p = c.target.at(row * c.problem.v + j);
      const double q = c.logit(row, j);
      EXPECT_GT(q, 0);
      // ulp(p) <= 2 u p
      EXPECT_LE(std::fabs(p - q), 3 * 2 * unit_roundoff(c.problem.dtype) * p);
      same = same && p == q;
    }
    equal = equal || same;
    different = different || !same;
  });
  EXPECT_TRUE(equal && different);
}

TEST(DomainIntents, TinyReachesSubnormalsAndDisjointZeroIsInfinite) {
  std::map<DType, bool> subnormal;
  for_rows("tiny", [&](std::int64_t row, const TestCase& c) {
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      EXPECT_GT(c.logit(row, j), 0);
      if (c.logit(row, j) < (c.problem.dtype == DType::f32 ? 0x1p-126 : 0x1p-1022)) {
        subnormal[c.problem.dtype] = true;
      }
    }
  });
  EXPECT_EQ(subnormal.size(), 2U);
  for_rows("disjoint-zero", [](std::int64_t row, const TestCase& c) {
    bool infinite = false;
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      EXPECT_GT(c.target.at(row * c.problem.v + j), 0);
      infinite = infinite || c.logit(row, j) == 0;
    }
    EXPECT_TRUE(infinite);
  });
}

}  // namespace
}  // namespace xent
