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

/// content_hash of the case of problem_for with seed 0x5eed, in f32 and f64.
const std::map<std::string, std::pair<std::uint64_t, std::uint64_t>, std::less<>> golden = {
    {"gaussian", {0x3231431875cbe626, 0x795fd9a43f5898d0}},
    {"confident", {0x7de961afbdc4cef1, 0xde492b20875cedc5}},
    {"wrong", {0xd340cdc58771b9f5, 0x88ea183614b2f3e6}},
    {"offset", {0x2eadad6a440af961, 0x4856247a0e36c4a5}},
    {"ties", {0xda3a77dd8a10252b, 0xedc3d8c651afdd79}},
    {"masked", {0x15a6ce8d9ce2a8cd, 0xcf93c99e7c08b2a6}},
    {"masked-target", {0x480283f326991b8f, 0x6545db3201b3037a}},
    {"extreme", {0x19ec94ea211b3425, 0xff4283ccd4835510}},
    {"dyadic", {0x3e5a54bffef5c21d, 0xd9448c9118fd2c9a}},
    {"grid", {0x2ff6d9ee0afe72e9, 0xd545dc165543d328}},
    {"integer-mass", {0xe2e3be9485c47e27, 0xd6b4b390c0f6b5b}},
    {"spikes", {0xf4e9a17820326f9d, 0x67b7c18f09747b12}},
    {"index-bit", {0x8433309ceb535f72, 0xc7cfbb43eec97079}},
    {"subnormal", {0xc11e507fb3ac713e, 0x6d47340cad5d845c}},
    {"iris", {0x8fd723cbb29c382e, 0xfbcdba5456569dd6}},
    {"worked-example", {0xf048f60155faacc3, 0x728f6383b278ba8}},
    {"simplex", {0xf053fd936d7cdada, 0x6a18a162d7da6869}},
    {"dyadic-simplex", {0x34b30f8bedb097ee, 0x1b44dbbfce148eb5}},
    {"one-hot", {0xed41a0710782eded, 0x5ddf30c21d2733ce}},
    {"near-equal", {0x96c9d93d3894ebc, 0x83e283398f945cfd}},
    {"uniform", {0xcfadc972c8570c54, 0xa3810aee973295dc}},
    {"tiny", {0xfb2024a59c708825, 0x9cbcb13a27b90e99}},
    {"disjoint-zero", {0x42f7d6d8ac2aa139, 0x2611201f5ff63a77}},
    {"unnormalised", {0x67a9f58bac4d7265, 0xb0e6e924e26cb036}},
    {"proportional", {0x40db2fae2cac0681, 0x2c6cb1e6617f3ef}},
    {"soft", {0x63747ce2f4bcc216, 0x28e11ee3a9d1befc}},
    {"soft-dyadic", {0xc6af1a3be82e5964, 0x2cb501919fd43c93}},
    {"soft-one-hot", {0xa235493ddbd11f4e, 0x5e533817daeb7d39}},
    {"soft-unnormalised", {0x73a088cc01439b7b, 0x5f8a377e15a2a671}},
    {"soft-masked", {0x59f935d0f078c217, 0x835e1681e81853fb}},
    {"soft-matched", {0x12f75626ae47d522, 0xa07f4fe94bced042}},
    {"log-probabilities", {0x64ddfabe422addf5, 0xddff70c56305eea0}},
    {"log-grid", {0xd1223549bda2c7c7, 0x79b9785054a8cd3e}},
    {"log-masked", {0xc8a98fbe13fa17da, 0x884fce8244e0bc2f}},
    {"log-extreme", {0x785d4c6a3b67118f, 0xdf46187b842c6eec}},
    {"binary-hard", {0x20b68e23bab4d479, 0x8752a0d4d7a99e2a}},
    {"binary-soft", {0xda5d9a3825921be9, 0xf005197a45c1a996}},
    {"binary-saturated", {0x5285a74d659efe26, 0xad0df64b1f031ce4}},
    {"binary-infinite", {0x155151dc0bfa6ead, 0xc10856d7c59f09d2}},
    {"chances", {0x8efd10696c8a10f4, 0x78b3e8caba987bcd}},
    {"chances-edge", {0x4e5ff0ddd9df07c1, 0x9b94c560ea6ebbb8}},
    {"chances-zero", {0xb5beb65a0fbfb863, 0x288b4f9029b92f42}},
    {"ignored-garbage", {0x53035446cf9a67f, 0xc3a5da646e9d82db}},
    {"none-valid", {0xbce848fa3399c795, 0x62d6d1a69b3a347f}},
    {"zero-weights", {0x4a4b16feee931e09, 0xd788be09db2b511b}},
    {"zero-weight-masked", {0xdcbf0fc71aab00b4, 0x134040ba90dd6350}},
    {"uniform-weights", {0x65f2924a56f5ca34, 0xa8620c8717320e4a}},
    {"capped", {0x94092ed6c40de400, 0xb2ebb3c3361ac2be}},
    {"special-rows", {0x7f247908fbe3c363, 0xb5623f032a3a0942}},
};

TEST(Domains, GoldenHashes) {
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
  const std::set<std::string_view> masking = {
      "masked",     "masked-target",   "integer-mass", "spikes",
      "index-bit",  "binary-infinite", "soft-masked",  "log-masked",
      "special-rows", "ignored-garbage", "zero-weight-masked"};
  const std::set<std::string_view> garbage = {"binary-infinite", "special-rows",
                                              "ignored-garbage", "capped"};
  for (const Domain& domain : all_domains()) {
    for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
      const Problem p = problem_for(domain, dtype);
      if (!domain.fits(p)) continue;
      for (std::uint64_t seed = 0; seed < 8; ++seed) {
        const TestCase c = make_case(p, domain.name, seed);
        for (std::int64_t i = 0; i < c.input.size(); ++i) {
          const double z = c.input.at(i);
          EXPECT_TRUE(std::isfinite(z) || garbage.count(domain.name) != 0 ||
                      (masking.count(domain.name) != 0 && z < 0))
              << domain.name << ' ' << z;
        }
        if (has_vector_targets(p) || masking.count(domain.name) > garbage.count(domain.name)) {
          continue;
        }
        for (std::int64_t row = 0; p.takes_targets() && row < p.n; ++row) {
          if (!c.scored_class(row) || garbage.count(domain.name) != 0) continue;
          EXPECT_TRUE(std::isfinite(c.logit(row, c.label(row)))) << domain.name;
        }
      }
    }
  }
}

TEST(Domains, TargetsAreFiniteAndNotNegative) {
  for (const Domain& domain : all_domains()) {
    for (const std::string_view kind : kKinds) {
      for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
        Problem p = parse_problem(kind);
        p.n = 13;
        p.v = 37;
        p.dtype = dtype;
        if (!domain.fits(p) || !has_vector_targets(p)) continue;
        const bool labels = p.op == Op::bce_logits || p.op == Op::bce_prob;
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
          const TestCase c = make_case(p, domain.name, seed);
          for (std::int64_t i = 0; i < c.target.size(); ++i) {
            EXPECT_GE(c.target.at(i), 0) << domain.name;
            EXPECT_LE(c.target.at(i), labels ? 1.0 : 64.0) << domain.name;
          }
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
  EXPECT_TRUE(fits("gaussian", "op=ce targets=prob n=1 v=1 dtype=f32 dir=fwd"));
  EXPECT_TRUE(fits("gaussian", "op=mse-sigmoid targets=prob n=1 v=1 dtype=bf16 dir=fwd"));
  EXPECT_FALSE(fits("gaussian", "op=nll n=1 v=1 dtype=f32 dir=fwd"));
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
  EXPECT_TRUE(fits("simplex", "op=cross-entropy n=1 v=4 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("near-equal", "op=cross-entropy n=1 v=4 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("extreme", "op=ce softcap=30 n=1 v=4 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("masked", "op=ce scale=-1 n=1 v=4 dtype=f32 dir=fwd"));
  EXPECT_TRUE(fits("masked", "op=ce scale=0.5 n=1 v=4 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("soft", "op=ce n=1 v=4 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("soft-dyadic", "op=ce targets=prob n=1 v=33 dtype=bf16 dir=fwd"));
  EXPECT_TRUE(fits("soft-dyadic", "op=ce targets=prob n=1 v=32 dtype=bf16 dir=fwd"));
  EXPECT_FALSE(fits("binary-infinite", "op=mse-sigmoid targets=prob n=1 v=1 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("ignored-garbage", "op=ce n=1 v=4 dtype=f32 dir=fwd"));
  EXPECT_TRUE(fits("ignored-garbage", "op=ce shift=on n=1 v=4 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("none-valid", "op=ce shift=on n=1 v=4 dtype=f32 dir=fwd"));
  EXPECT_FALSE(fits("zero-weights", "op=mse-softmax weights=on n=1 v=4 dtype=f32 dir=fwd"));
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
