// SPDX-License-Identifier: Apache-2.0
// The judge is judged: every mutant dies by each property that it names, and every property kills
// the mutant that it names, in the smoke profile.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "impl/registry.h"
#include "properties/engine.h"

namespace xent {
namespace {

std::vector<Kernel> mutants() { return select(builtin_kernels(), "role:mutant"); }

/// Verdicts of these mutants by one property.
std::map<std::string, Verdict> verdicts_of(const std::string& property,
                                           const std::set<std::string>& names) {
  VerifyOptions o;
  o.seed = 0x5eed;
  o.shrink = false;
  o.until_failure = true;
  o.jobs = 1;
  o.selection.properties = {property};
  std::vector<Kernel> judged;
  for (const Kernel& k : mutants()) {
    if (names.contains(k.name)) judged.push_back(k);
  }
  Results r;
  verify(judged, o, r);
  std::map<std::string, Verdict> by_kernel;
  for (const VerdictRow& row : r.verdicts) by_kernel[row.kernel] = row.verdict;
  return by_kernel;
}

class PropertyKills : public testing::TestWithParam<std::string> {};

TEST_P(PropertyKills, TheMutantsThatNameItAndTheOneItNames) {
  const auto& all = all_properties();
  const auto property = std::find_if(all.begin(), all.end(),
                                     [](const Property& p) { return p.id == GetParam(); });
  std::set<std::string> victims = {property->kills};
  for (const Kernel& k : mutants()) {
    const auto& by = k.killed_by;
    if (std::find(by.begin(), by.end(), property->id) != by.end()) victims.insert(k.name);
  }
  const auto verdicts = verdicts_of(property->id, victims);
  for (const std::string& victim : victims) {
    ASSERT_TRUE(verdicts.contains(victim)) << victim << " is not a mutant";
    EXPECT_EQ(verdicts.at(victim), Verdict::fail) << victim << " survives " << property->id;
  }
}

std::vector<std::string> ids() {
  std::vector<std::string> all;
  for (const Property& p : all_properties()) all.push_back(p.id);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Smoke, PropertyKills, testing::ValuesIn(ids()), [](const auto& p) {
  std::string text = p.param;
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return text;
});

TEST(Mutants, EachNamesAKillerThatExists) {
  const std::vector<std::string> known = ids();
  for (const Kernel& k : mutants()) {
    EXPECT_FALSE(k.killed_by.empty()) << k.name;
    for (const std::string& id : k.killed_by) {
      EXPECT_NE(std::find(known.begin(), known.end(), id), known.end()) << k.name << ": " << id;
    }
  }
}

}  // namespace
}  // namespace xent
