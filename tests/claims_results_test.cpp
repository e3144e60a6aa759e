// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/results.h"

namespace xent {
namespace {

Results with_claim(ClaimVerdict verdict, const std::string& id = "info.gibbs") {
  Results r;
  ClaimRow c;
  c.id = id;
  c.verdict = verdict;
  c.evidence = name(verdict);
  c.cases = 10;
  c.checks = 100;
  c.kernels = {"scalar/" + std::string(name(verdict))};
  r.claims = {c};
  return r;
}

TEST(ClaimVerdictTest, NamesAreDifferent) {
  std::set<std::string_view> names;
  for (const ClaimVerdict v : kClaimVerdicts) names.insert(name(v));
  EXPECT_EQ(names.size(), 8u);
  EXPECT_FALSE(names.contains(""));
}

TEST(ClaimVerdictTest, GraverKnowsNoOrderOfItsArguments) {
  for (const ClaimVerdict a : kClaimVerdicts) {
    EXPECT_EQ(graver(a, a), a);
    EXPECT_EQ(graver(a, ClaimVerdict::contradicted), ClaimVerdict::contradicted);
    for (const ClaimVerdict b : kClaimVerdicts) EXPECT_EQ(graver(a, b), graver(b, a));
  }
  EXPECT_EQ(graver(ClaimVerdict::no_evidence, ClaimVerdict::tested), ClaimVerdict::tested);
}

TEST(ClaimExit, ContradictedAndWithoutEvidenceFail) {
  for (const ClaimVerdict v : kClaimVerdicts) {
    const Exit expected = is_failure(v)                  ? Exit::failed
                          : v == ClaimVerdict::skipped ? Exit::nothing
                                                       : Exit::ok;
    EXPECT_EQ(exit_code(with_claim(v), false), expected) << name(v);
  }
}

TEST(ClaimMerge, KeepsTheGraverRowAndTheCountsOfBoth) {
  for (const bool swapped : {false, true}) {
    const Results good = with_claim(ClaimVerdict::tested);
    const Results bad = with_claim(ClaimVerdict::contradicted);
    const Results r = swapped ? merge({bad, good}) : merge({good, bad});
    ASSERT_EQ(r.claims.size(), 1u);
    EXPECT_EQ(r.claims[0].verdict, ClaimVerdict::contradicted);
    EXPECT_EQ(r.claims[0].evidence, "contradicted");
    EXPECT_EQ(r.claims[0].cases, 20);
    EXPECT_EQ(r.claims[0].checks, 200);
    EXPECT_EQ(r.claims[0].kernels.size(), 2u);
  }
}

TEST(ClaimMerge, OtherClaimsStandSideBySide) {
  const Results r = merge({with_claim(ClaimVerdict::tested, "info.kl"),
                           with_claim(ClaimVerdict::refuted, "wrong.sign")});
  ASSERT_EQ(r.claims.size(), 2u);
  EXPECT_EQ(r.claims[0].id, "info.kl");
  EXPECT_EQ(r.claims[1].verdict, ClaimVerdict::refuted);
}

}  // namespace
}  // namespace xent
