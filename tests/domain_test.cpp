// SPDX-License-Identifier: Apache-2.0
#include "properties/domain.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "core/error.h"
#include "properties/random.h"
#include "tests/domain_cases.h"

namespace xent {
namespace {

TEST(Random, IsFixedForEver) {
  const Random random(42);
  EXPECT_EQ(random.bits(0), 6332618229526065668U);
  EXPECT_EQ(random.stream(7).bits(123456789), 13735724278959969876U);
  // The first output of SplitMix64 with seed 1234567, as its test vectors have it.
  EXPECT_EQ(mix(1234567 + 0x9e3779b97f4a7c15U), 6457827717110365317U);
  static_assert(Random(1).normal(3) == Random(1).normal(3));
}

TEST(Random, NormalHasMeanZeroAndVarianceOne) {
  const Random random(1);
  constexpr int kDraws = 100000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.normal(static_cast<std::uint64_t>(i));
    ASSERT_LT(std::fabs(x), 6);
    sum += x;
    squares += x * x;
  }
  // Five standard deviations of the mean and of the variance (kurtosis of the sum: 2.9).
  EXPECT_LT(std::fabs(sum / kDraws), 5 / std::sqrt(kDraws));
  EXPECT_LT(std::fabs(squares / kDraws - 1), 5 * std::sqrt(1.9 / kDraws));
}

TEST(Random, BelowReachesEachValueAndNoOther) {
  std::map<std::int64_t, int> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) ++seen[Random(3).below(i, 7)];
  EXPECT_EQ(seen.size(), 7U);
  EXPECT_EQ(seen.begin()->first, 0);
  EXPECT_EQ(seen.rbegin()->first, 6);
}

TEST(Domains, GoldenHashes) {
  const std::map<std::string, std::pair<std::uint64_t, std::uint64_t>, std::less<>> golden = {
      {"gaussian", {0x8ab6f51283948cf6, 0x3ea628ba9094677f}},
      {"confident", {0xff4dc55560348ca5, 0xa86df6c4f289f71a}},
      {"wrong", {0x98f5072990253f79, 0x4364cf3caab0cc45}},
      {"offset", {0x8b147bc604311ef5, 0x26d11b89aa1a67a}},
      {"ties", {0xc535009f9f15d217, 0xd0af25f3804680ee}},
      {"masked", {0x6152416640a028c1, 0xa160c1c0a91e3a05}},
      {"masked-target", {0x9295a359bbb58132, 0x21174789811b40f7}},
      {"extreme", {0xfcc3021d3775b7c9, 0x41d47a6a0ae9acbf}},
      {"dyadic", {0x1c32944a662b12b1, 0xf3852fbd5726e069}},
      {"grid", {0xb4c8cf6292c6dc2d, 0xadd877731dec2887}},
      {"integer-mass", {0x6227c0d3f710fa03, 0x1ca79a23fb1aa178}},
      {"spikes", {0x48892d43e39d431, 0xb56c1d5430a3b551}},
      {"index-bit", {0x25889fd27de6b302, 0xaabb08711d6013ee}},
      {"subnormal", {0x7fce4fb3dc7c2fde, 0x2f02002f629434b}},
      {"iris", {0x1f1b6722d62efdee, 0xc6b2f0013ceabad5}},
      {"worked-example", {0xf048f60155faacc3, 0x728f6383b278ba8}},
      {"simplex", {0xe395b8979a582b5a, 0x7323c25ca4e6c0be}},
      {"dyadic-simplex", {0xab639bb627e70eae, 0x7d4329cb4d4b66aa}},
      {"one-hot", {0x1755c2a721d5c8a1, 0x758af542346f9c1d}},
      {"near-equal", {0x6e697a11851ed15c, 0xd9a6978634646762}},
      {"uniform", {0x4e89413cf0664c44, 0x70fa0c8cc4ef80cb}},
      {"tiny", {0xddf691d8b2cb0bc9, 0x63a96cbd0c33200e}},
      {"disjoint-zero", {0x27c1b6f6f9f9e49d, 0x7f7ee247587329c4}},
  };
  for (const Domain& domain : all_domains()) {
    std::uint64_t got[2];
    for (int i = 0; i < 2; ++i) {
      const Problem p = problem_for(domain, kFloats[i]);
      ASSERT_TRUE(domain.fits(p)) << domain.name;
      got[i] = content_hash(make_case(p, domain.name, 0x5eed));
    }
    const auto want = golden.find(domain.name);
    if (want == golden.end() || want->second != std::pair{got[0], got[1]}) {
      ADD_FAILURE() << std::hex << "{\"" << domain.name << "\", {0x" << got[0] << ", 0x" << got[1]
                    << "}},";
    }
  }
  EXPECT_EQ(golden.size(), all_domains().size());
}

TEST(Domains, CasesAreValidDeterministicAndDependOnTheSeed) {
  for (const Domain& domain : all_domains()) {
    for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
      const Problem p = problem_for(domain, dtype);
      if (!domain.fits(p)) continue;
      std::set<std::uint64_t> hashes;
      for (std::uint64_t seed = 0; seed < 8; ++seed) {
        const TestCase c = make_case(p, domain.name, seed);
        EXPECT_NO_THROW(validate(c)) << domain.name;
        EXPECT_EQ(c.recipe, (Recipe{std::string(domain.name), seed}));
        EXPECT_EQ(c, make_case(p, domain.name, seed)) << domain.name;
        hashes.insert(content_hash(c));
      }
      EXPECT_EQ(hashes.size(), 8U) << domain.name;
    }
  }
}

TEST(Domains, ARowIsTheSameInABatchOfAnySize) {
  for (const Domain& domain : all_domains()) {
    Problem p = problem_for(domain, DType::f32);
    if (domain.name == "worked-example") continue;
    const TestCase many = make_case(p, domain.name, 5);
    p.n = 1;
    const TestCase one = make_case(p, domain.name, 5);
    EXPECT_EQ(keep_rows(many, {0}), one) << domain.name;
  }
}

TEST(Domains, NoNanAndInfinitiesOnlyWhereMeant) {
  const std::set<std::string_view> masking = {"masked", "masked-target", "integer-mass", "spikes",
                                              "index-bit"};
  for (const Domain& domain : all_domains()) {
    for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
      const Problem p = problem_for(domain, dtype);
      if (!domain.fits(p)) continue;
      for (std::uint64_t seed = 0; seed < 8; ++seed) {
        const TestCase c = make_case(p, domain.name, seed);
        for (std::int64_t i = 0; i < c.input.size(); ++i) {
          const double z = c.input.at(i);
          EXPECT_TRUE(std::isfinite(z) || (masking.count(domain.name) != 0 && z < 0))
              << domain.name << ' ' << z;
        }
        for (std::int64_t row = 0; p.op == Op::ce && row < p.n; ++row) {
          EXPECT_EQ(std::isfinite(c.logit(row, c.label(row))), domain.name != "masked-target")
              << domain.name;
        }
      }
    }
  }
}

TEST(Domains, FitsIsExact) {
  const auto fits = [](std::string_view domain, std::string_view text) {
    return find_domain(domain).fits(parse_problem(text));
  };
  EXPECT_TRUE(fits("gaussian", "op=ce n=1 v=1 dtype=f32 dir=fwd"));
  EXPECT_TRUE(fits("gaussian", "op=lse n=1 v=1 dtype=f64 dir=fwd"));
  EXPECT_FALSE(fits("gaussian", "op=ce targets=prob n=1 v=1 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("gaussian", "op=kl targets=prob n=1 v=2 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("confident", "op=ce n=1 v=1 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("confident", "op=lse n=1 v=2 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("masked", "op=ce n=1 v=1 dtype=f32 dir=fwd"));
  EXPECT_TRUE(fits("masked", "op=ce n=1 v=2 dtype=f32 dir=fwd"));
  EXPECT_TRUE(fits("grid", "op=ce n=1 v=2 dtype=f16 dir=fwd"));
  EXPECT_FALSE(fits("grid", "op=ce n=1 v=2 dtype=bf16 dir=fwd"));
  EXPECT_TRUE(fits("iris", "op=ce n=200 v=3 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("iris", "op=ce n=200 v=4 dtype=f32 dir=fwd"));
  EXPECT_TRUE(fits("worked-example", "op=ce n=3 v=5 dtype=f64 dir=fwd"));
  EXPECT_FALSE(fits("worked-example", "op=ce n=2 v=5 dtype=f64 dir=fwd"));
  EXPECT_TRUE(fits("simplex", "op=entropy n=1 v=1 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("near-equal", "op=entropy n=1 v=4 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("disjoint-zero", "op=kl targets=prob n=1 v=1 dtype=f32 dir=fwd"));
  EXPECT_TRUE(fits("dyadic-simplex", "op=kl targets=prob n=1 v=256 dtype=f16 dir=fwd"));
  EXPECT_FALSE(fits("dyadic-simplex", "op=kl targets=prob n=1 v=257 dtype=f16 dir=fwd"));
}

TEST(Domains, WrongUseIsOneClearLine) {
  const auto message = [](auto call) {
    try {
      call();
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("nothing thrown");
  };
  const Problem p = parse_problem("op=ce n=1 v=2 dtype=f32 dir=fwd");
  const std::string unknown = message([&] { make_case(p, "gausian", 0); });
  EXPECT_NE(unknown.find("gausian"), std::string::npos) << unknown;
  EXPECT_NE(unknown.find("gaussian"), std::string::npos) << unknown;
  const std::string unfit = message([&] { make_case(p, "iris", 0); });
  EXPECT_NE(unfit.find("does not fit"), std::string::npos) << unfit;
  EXPECT_EQ(unfit.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace xent
