// SPDX-License-Identifier: Apache-2.0
#include "core/results.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace xent {
namespace {

VerdictRow row(const std::string& kernel, Verdict verdict, bool expected_to_fail = false) {
  VerdictRow r;
  r.kernel = kernel;
  r.property = "loss.accurate";
  r.verdict = verdict;
  r.expected_to_fail = expected_to_fail;
  r.cases = verdict == Verdict::skip ? 0 : 10;
  return r;
}

Results with(std::vector<VerdictRow> rows, bool expectations = true) {
  Results r;
  r.verdicts = std::move(rows);
  r.expectations = expectations;
  return r;
}

ErrorProfile profile(std::int64_t outputs, double over_bound, double ulp, double mean_ulp) {
  ErrorProfile p;
  p.outputs = outputs;
  p.error_over_bound = over_bound;
  p.ulp = ulp;
  p.mean_ulp = mean_ulp;
  return p;
}

constexpr Verdict kAll[] = {Verdict::skip, Verdict::pass, Verdict::inconclusive, Verdict::fail,
                            Verdict::error};

TEST(VerdictTest, GraverIsTheLaterInThisOrder) {
  for (int a = 0; a < 5; ++a) {
    for (int b = 0; b < 5; ++b) EXPECT_EQ(graver(kAll[a], kAll[b]), kAll[std::max(a, b)]);
  }
}

TEST(ExitCode, PrecedenceIs31450) {
  const auto code = [](std::vector<Verdict> verdicts) {
    std::vector<VerdictRow> rows;
    for (const Verdict v : verdicts) rows.push_back(row("a/b", v));
    return exit_code(with(rows), false);
  };
  EXPECT_EQ(code({}), Exit::nothing);
  EXPECT_EQ(code({Verdict::skip}), Exit::nothing);
  EXPECT_EQ(code({Verdict::skip, Verdict::pass}), Exit::ok);
  EXPECT_EQ(code({Verdict::pass, Verdict::inconclusive}), Exit::inconclusive);
  EXPECT_EQ(code({Verdict::inconclusive, Verdict::fail, Verdict::pass}), Exit::failed);
  EXPECT_EQ(code({Verdict::fail, Verdict::error}), Exit::internal);
}

TEST(ExitCode, VacuityAndStrictFindingsFail) {
  Results r = with({row("a/b", Verdict::pass)});
  r.findings.push_back({"a/b", "dtype.changed", "loss is f64", ""});
  EXPECT_EQ(exit_code(r, false), Exit::ok);
  EXPECT_EQ(exit_code(r, true), Exit::failed);
  r.verdicts[0].vacuous = true;
  EXPECT_EQ(exit_code(r, false), Exit::failed);
}

TEST(ExitCode, ExamplesOfFailureMustFailSomewhere) {
  const VerdictRow good = row("scalar/safe", Verdict::pass);
  const VerdictRow fails = row("scalar/naive", Verdict::fail, true);
  const VerdictRow passes = row("scalar/naive", Verdict::pass, true);
  const VerdictRow skips = row("scalar/naive", Verdict::skip, true);
  EXPECT_EQ(exit_code(with({good, passes, fails}), false), Exit::ok);
  EXPECT_EQ(exit_code(with({good, passes}), false), Exit::failed);
  EXPECT_EQ(exit_code(with({good, skips}), false), Exit::ok);
  VerdictRow survivor = passes;
  survivor.kernel = "mutant/zeros";
  EXPECT_EQ(exit_code(with({good, fails, survivor}), false), Exit::failed);
}

TEST(ExitCode, WithoutExpectationsAnExampleIsJudgedLikeAnyOther) {
  const VerdictRow fails = row("scalar/naive", Verdict::fail, true);
  const VerdictRow passes = row("scalar/naive", Verdict::pass, true);
  EXPECT_EQ(exit_code(with({fails}, false), false), Exit::failed);
  EXPECT_EQ(exit_code(with({passes}, false), false), Exit::ok);
}

TEST(Merge, JoinsRowsAndAddsCounts) {
  Results a = with({row("a/b", Verdict::pass)});
  a.verdicts[0].excluded["all-masked"] = 2;
  a.verdicts[0].rejected["zeros"] = 1.0;
  a.verdicts[0].power = 1.0;
  a.verdicts[0].floor = 0.5;
  a.verdicts[0].worst = profile(10, 0.5, -3, 1);
  a.verdicts[0].problem = "op=ce n=1 v=2";
  Results b = a;
  b.verdicts[0].verdict = Verdict::fail;
  b.verdicts[0].cases = 30;
  b.verdicts[0].rejected["zeros"] = 0.6;
  b.verdicts[0].power = 0.6;
  b.verdicts[0].worst = profile(30, 4, 2, 2);
  b.verdicts[0].problem = "op=ce n=1 v=3";
  b.verdicts[0].counterexample = Counterexample{};
  b.verdicts.push_back(row("a/c", Verdict::pass));
  const Results whole = merge({a, b});
  ASSERT_EQ(whole.verdicts.size(), 2u);
  const VerdictRow& r = whole.verdicts[0];
  EXPECT_EQ(r.verdict, Verdict::fail);
  EXPECT_EQ(r.problem, "op=ce n=1 v=3");
  EXPECT_EQ(r.cases, 40);
  EXPECT_EQ(r.excluded.at("all-masked"), 4);
  EXPECT_DOUBLE_EQ(r.rejected.at("zeros"), 0.7);
  EXPECT_DOUBLE_EQ(*r.power, 0.7);
  EXPECT_FALSE(r.vacuous);
  EXPECT_EQ(r.worst.outputs, 40);
  EXPECT_EQ(r.worst.error_over_bound, 4);
  EXPECT_EQ(r.worst.ulp, -3);
  EXPECT_DOUBLE_EQ(r.worst.mean_ulp, 1.75);
  EXPECT_TRUE(r.counterexample);
}

TEST(Merge, RefusesDifferentRuns) {
  Results a;
  Results b;
  b.seed = "0x2";
  EXPECT_THROW(merge({a, b}), UsageError);
  EXPECT_THROW(merge({}), UsageError);
  EXPECT_EQ(merge({a}).schema, 1);
}

TEST(Merge, KernelsOnceWithTheWorstClassAttained) {
  Results a;
  a.kernels.resize(1);
  a.kernels[0].name = "a/b";
  a.kernels[0].best_class = "relative";
  Results b = a;
  b.kernels[0].best_class = "standard";
  const Results whole = merge({a, b});
  ASSERT_EQ(whole.kernels.size(), 1u);
  EXPECT_EQ(whole.kernels[0].best_class, "standard");
  b.kernels[0].best_class = "declared";
  EXPECT_EQ(merge({a, b}).kernels[0].best_class, "declared");
  EXPECT_EQ(merge({b, a}).kernels[0].best_class, "declared");
  a.kernels[0].best_class = "none";
  EXPECT_EQ(merge({b, a}).kernels[0].best_class, "none");
  a.kernels[0].kept = {"sign-exact", "shift-exact"};
  b.kernels[0].kept = {"shift-exact", "repeatable"};
  EXPECT_EQ(merge({a, b}).kernels[0].kept, std::vector<std::string>{"shift-exact"});
  a.kernels[0].best_class = "";
  EXPECT_EQ(merge({a, b}).kernels[0].best_class, "declared");
}

TEST(Merge, RefusesKernelsOfOneNameFromDifferentPlaces) {
  Results a;
  a.kernels.resize(1);
  a.kernels[0].name = "lib/k";
  a.kernels[0].origin = "lib.so 1";
  Results b = a;
  EXPECT_EQ(merge({a, b}).kernels.size(), 1u);
  b.kernels[0].origin = "lib.so 2";
  EXPECT_THROW(merge({a, b}), UsageError);
}

TEST(Merge, AFindingOnceWithTheCasesOfBoth) {
  Results a;
  a.findings = {{"k", "dtype.changed", "f64", "first", "", "", 2},
                {"k", "process.threads-kept", "2", "", "", "", 0}};
  Results b;
  b.findings = {{"k", "dtype.changed", "f16", "second", "", "", 3},
                {"l", "dtype.changed", "f64", "", "", "", 1}};
  b.strict = true;
  const Results whole = merge({a, b});
  ASSERT_EQ(whole.findings.size(), 3u);
  EXPECT_EQ(whole.findings[0].cases, 5);
  EXPECT_EQ(whole.findings[0].witness, "first");
  EXPECT_TRUE(whole.strict);
}

TEST(Merge, AccuracyOfOneOutputIsOneRow) {
  ErrorProfile few, many;
  few.outputs = 1;
  few.mean_ulp = 3;
  many.outputs = 3;
  many.mean_ulp = 1;
  many.ulp = -7;
  Results a, b;
  a.accuracy = {{"k", "loss", "f32", "op=ce", 1, few}};
  b.accuracy = {{"k", "loss", "f32", "op=ce", 2, many}, {"k", "loss", "f64", "op=ce", 4, many}};
  const Results whole = merge({a, b});
  ASSERT_EQ(whole.accuracy.size(), 2u);
  EXPECT_EQ(whole.accuracy[0].cases, 3);
  EXPECT_EQ(whole.accuracy[0].errors.ulp, -7);
  EXPECT_DOUBLE_EQ(whole.accuracy[0].errors.mean_ulp, 1.5);
}

}  // namespace
}  // namespace xent
