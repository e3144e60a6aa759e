// SPDX-License-Identifier: Apache-2.0
// Whatever a dialect answers to edge questions, no property accuses the exact answer.
#include <gtest/gtest.h>

#include "core/dialect.h"
#include "properties/engine.h"
#include "tests/exact_kernel.h"

namespace xent {
namespace {

class DialectTheorems : public testing::TestWithParam<std::string> {};

TEST_P(DialectTheorems, NoneAccusesTheExactAnswer) {
  VerifyOptions o;
  o.seed = 0x5eed;
  o.shrink = false;
  o.until_failure = true;
  o.selection.dialect = GetParam();
  Results r;
  verify({exact_kernel(GetParam())}, o, r);
  for (const VerdictRow& row : r.verdicts) {
    const bool promised = row.property != "io.in-place";
    EXPECT_EQ(row.verdict, promised ? Verdict::pass : Verdict::skip)
        << row.property << " on " << row.problem << ' ' << row.reason;
  }
}

std::vector<std::string> dialect_names() {
  std::vector<std::string> names;
  for (const Dialect& d : dialects()) names.emplace_back(d.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, DialectTheorems, testing::ValuesIn(dialect_names()),
                         [](const auto& p) { return p.param; });

}  // namespace
}  // namespace xent
