// SPDX-License-Identifier: Apache-2.0
// Large cases: how many, which rows, by how many threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "impl/registry.h"
#include "oracle/judge.h"
#include "properties/domain.h"
#include "properties/engine.h"
#include "properties/jobs.h"
#include "properties/workers.h"

namespace xent {
namespace {

Kernel safe() { return select(builtin_kernels(), "scalar/safe").front(); }

VerifyOptions choice(std::vector<std::string> properties, const std::string& problem) {
  VerifyOptions o;
  o.cases = 1;
  o.shrink = false;
  o.selection.properties = std::move(properties);
  o.selection.problem = problem;
  return o;
}

Results judged(const VerifyOptions& o) {
  Results r;
  verify({safe()}, o, r);
  return r;
}

Plan plan_of(const Kernel& k, const VerifyOptions& o) {
  return make_plan({k}, selected_properties(o.selection), o);
}

TEST(Large, CasesAreAsManyAsAskedForAndSmallOnesCover) {
  Kernel plain = safe();
  plain.supports = [](const Problem& p) {
    return p.smoothing == 0 && !p.weights ? Support::yes() : Support::no("options");
  };
  VerifyOptions o = choice({"*.accurate"}, "n=2048 v=1024 op=ce dir=fwdbwd");
  for (const std::int64_t cases : {1, 4}) {
    o.cases = cases;
    const Plan plan = plan_of(plain, o);
    EXPECT_EQ(plan.jobs.size(), static_cast<std::size_t>(3 * cases));
    for (const Job& job : plan.jobs) EXPECT_TRUE(plain.supports(job.recipe.problem));
  }
  o = choice({"*.accurate"}, "n=8 v=1024 op=ce dir=fwdbwd");
  EXPECT_GT(plan_of(plain, o).jobs.size(), 30u);
  o = choice({"*.accurate"}, "n=2048 v=1024 op=ce dir=fwdbwd");
  o.cases.reset();
  EXPECT_GT(plan_of(plain, o).jobs.size(), 30u);
}

TEST(Large, TensorsAreWholeForAccuracyAndAPartForTheOthers) {
  VerifyOptions o = choice({"loss.accurate", "loss.permutation"}, "dir=fwdbwd reduction=none");
  o.tensors = make_case(parse_problem("op=ce n=9 v=5 dir=fwdbwd"), "gaussian", 3);
  o.tensors_part = keep_rows(*o.tensors, {7, 2});
  const Plan plan = plan_of(safe(), o);
  ASSERT_EQ(plan.jobs.size(), 2u);
  for (const Job& job : plan.jobs) {
    const bool accuracy = plan.properties[job.property].id == "loss.accurate";
    const TestCase c = case_of(job, o);
    EXPECT_EQ(c.problem.n, accuracy ? 9 : 2);
    EXPECT_EQ(c.input, accuracy ? o.tensors->input : o.tensors_part->input);
    EXPECT_NO_THROW(validate(c));
  }
  const Results r = judged(o);
  ASSERT_EQ(r.verdicts.size(), 2u);
  EXPECT_EQ(r.verdicts[0].checks, 9);
  EXPECT_EQ(r.verdicts[1].verdict, Verdict::pass);
}

TEST(Large, RowsOfOneCaseAreJudgedAlikeByAnyNumberOfThreads) {
  VerifyOptions o = choice({"grad.accurate"}, "n=70 v=4099 op=ce dir=fwdbwd dtype=f32");
  o.selection.domains = {"gaussian"};
  const Results one = judged(o);
  o.jobs = 5;
  const Results five = judged(o);
  ASSERT_EQ(one.verdicts.size(), 1u);
  const VerdictRow &a = one.verdicts[0], &b = five.verdicts.at(0);
  EXPECT_EQ(a.verdict, Verdict::pass);
  EXPECT_GT(a.checks, 70 * 4099);
  EXPECT_EQ(a.checks, b.checks);
  EXPECT_EQ(a.worst.error_over_bound, b.worst.error_over_bound);
  EXPECT_EQ(a.worst.bias_ulp, b.worst.bias_ulp);
  EXPECT_EQ(a.worst.max_abs, b.worst.max_abs);
}

TEST(Large, TheVerdictAloneIsTheVerdict) {
  const TestCase c = make_case(parse_problem("op=ce n=40 v=2000 dir=fwdbwd"), "gaussian", 1);
  const Output right = run(safe(), c).output;
  Output wrong = right;
  wrong.grad.set(2000, 2);
  const ErrorBudget budget = safe().budget(c.problem);
  for (const Output& out : {right, wrong}) {
    const bool fails = out == wrong;
    Reference all(c), first(c);
    const Judgement whole = judge_grad(all, budget, out.grad);
    const VerdictAlone no_more;
    const Judgement alone = judge_grad(first, budget, out.grad);
    EXPECT_EQ(alone.verdict, whole.verdict);
    EXPECT_EQ(whole.checks, 40 * 2000);
    EXPECT_EQ(alone.checks < whole.checks, fails);
    EXPECT_EQ(alone.verdict, fails ? Verdict::fail : Verdict::pass);
  }
  Reference later(c);
  EXPECT_EQ(judge_grad(later, budget, wrong.grad).checks, 40 * 2000);
}

TEST(Workers, DoEachPieceOnce) {
  for (const int jobs : {1, 2, 7}) {
    for (const std::size_t count : {0u, 1u, 5u, 100u}) {
      std::vector<std::atomic<int>> done(count);
      share_work(jobs, count, [&](std::size_t i) { ++done[i]; });
      EXPECT_TRUE(std::all_of(done.begin(), done.end(), [](const auto& d) { return d == 1; }));
    }
  }
}

}  // namespace
}  // namespace xent
