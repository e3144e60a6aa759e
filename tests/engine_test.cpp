// SPDX-License-Identifier: Apache-2.0
#include "properties/engine.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "core/error.h"
#include "impl/registry.h"
#include "properties/trial.h"

namespace xent {
namespace {

std::vector<Kernel> named(const std::string& name) { return select(builtin_kernels(), name); }

VerifyOptions quick(std::vector<std::string> properties = {}) {
  VerifyOptions o;
  o.cases = 1;
  o.shrink = false;
  o.selection.properties = std::move(properties);
  o.selection.domains = {"gaussian", "confident"};
  return o;
}

Results judged(const std::vector<Kernel>& kernels, const VerifyOptions& o) {
  Results r;
  r.expectations = false;
  verify(kernels, o, r);
  return r;
}

TEST(Engine, APropertyThatAcceptsEverythingIsVacuousAndFailsTheRun) {
  Property p;
  p.id = "test.accepts-everything";
  p.problems = {"op=ce dtype=f32"};
  p.domains = {"gaussian"};
  p.rejects = {Substitute::zeros};
  p.check = [](Trial& t) {
    Judgement j;
    t.run(t.test_case);
    j.check(true, "");
    return j;
  };
  VerifyOptions whole;
  whole.shrink = false;
  Results r;
  verify(named("scalar/safe"), {p}, whole, r);
  ASSERT_EQ(r.verdicts.size(), 1u);
  EXPECT_EQ(r.verdicts[0].verdict, Verdict::pass);
  EXPECT_EQ(r.verdicts[0].power, 0.0);
  EXPECT_TRUE(r.verdicts[0].vacuous);
  EXPECT_EQ(exit_code(r, false), Exit::failed);
}

TEST(Engine, LowPowerOfANarrowSelectionAccusesNobody) {
  VerifyOptions o;
  o.shrink = false;
  o.selection.properties = {"loss.accurate"};
  o.selection.problem = "op=ce v=1";  // the loss of one class is 0 whatever the kernel
  const Results r = judged(named("scalar/safe"), o);
  EXPECT_LT(r.verdicts.at(0).power.value_or(1), r.verdicts.at(0).floor);
  EXPECT_FALSE(r.verdicts.at(0).vacuous);
  EXPECT_EQ(exit_code(r, false), Exit::ok);
}

TEST(Engine, WhatABudgetCutsOffIsInconclusive) {
  VerifyOptions o = quick();
  o.budget_seconds = 1e-9;
  const Results r = judged(named("scalar/safe"), o);
  EXPECT_EQ(exit_code(r, false), Exit::inconclusive);
  EXPECT_EQ(r.notes.size(), 1u);
}

TEST(Engine, WritingOutsideFailsWhateverThePropertyAsks) {
  Kernel k = named("scalar/safe").front();
  const auto bind = k.bind;
  struct Writer : Invocation {
    std::unique_ptr<Invocation> inner;
    void reset() override { inner->reset(); }
    void launch() override { inner->launch(); }
    Output output() const override { return inner->output(); }
    Faults faults() const override { return {{}, {"4 bytes past the end of loss"}, ""}; }
  };
  k.bind = [bind](const TestCase& c, const BindOptions& o) -> std::unique_ptr<Invocation> {
    auto w = std::make_unique<Writer>();
    w->inner = bind(c, o);
    return w;
  };
  VerifyOptions o = quick({"loss.accurate"});
  o.selection.problem = "op=ce reduction=sum";
  const Results r = judged({k}, o);
  EXPECT_EQ(r.verdicts.at(0).verdict, Verdict::fail);
}

TEST(Engine, ResultsDoNotDependOnTheNumberOfThreads) {
  VerifyOptions one = quick({"loss.accurate", "grad.sum-zero"}), three = one;
  three.jobs = 3;
  const Results a = judged(named("scalar/*"), one), b = judged(named("scalar/*"), three);
  ASSERT_EQ(a.verdicts.size(), b.verdicts.size());
  for (std::size_t i = 0; i < a.verdicts.size(); ++i) {
    EXPECT_EQ(a.verdicts[i].checks, b.verdicts[i].checks);
    EXPECT_EQ(a.verdicts[i].worst.error_over_bound, b.verdicts[i].worst.error_over_bound);
    EXPECT_EQ(a.verdicts[i].worst.bias_ulp, b.verdicts[i].worst.bias_ulp);
    EXPECT_EQ(a.verdicts[i].power, b.verdicts[i].power);
  }
}

TEST(Engine, WhatAKernelDoesNotSupportIsSkippedWithAReason) {
  VerifyOptions o = quick({"loss.accurate"});
  o.selection.problem = "op=ce smoothing=0.1";
  const Results r = judged(named("scalar/safe"), o);
  ASSERT_EQ(r.verdicts.size(), 1u);
  EXPECT_EQ(r.verdicts[0].verdict, Verdict::skip);
  EXPECT_GT(r.verdicts[0].skipped, 0);
  EXPECT_NE(r.verdicts[0].reason.find("smoothing"), std::string::npos);
  EXPECT_EQ(exit_code(r, false), Exit::nothing);
}

TEST(Engine, AKernelThatRaisesFails) {
  Kernel k = named("scalar/safe").front();
  k.bind = [](const TestCase&, const BindOptions&) -> std::unique_ptr<Invocation> {
    throw std::runtime_error("out of cheese");
  };
  const Results r = judged({k}, quick({"loss.accurate"}));
  EXPECT_EQ(r.verdicts.at(0).verdict, Verdict::fail);
  EXPECT_EQ(exit_code(r, false), Exit::failed);
}

TEST(Engine, TheBestClassAttainedIsFoundByJudgingNotByTheKernelsWord) {
  const auto best = [](const std::string& name) {
    return judged(named(name), quick({"loss.accurate", "grad.accurate"})).kernels.at(0).best_class;
  };
  EXPECT_EQ(best("scalar/safe"), "relative");
  EXPECT_EQ(best("mutant/lse-minus-logit"), "standard");
  EXPECT_EQ(best("mutant/zeros"), "none");
}

TEST(Engine, CountersAreOfJudgedCasesOnly) {
  const Results r = judged(named("scalar/safe"), quick({"io.inputs-untouched"}));
  EXPECT_GT(r.verdicts.at(0).cases, 0);
  EXPECT_EQ(r.verdicts.at(0).checks, r.verdicts.at(0).cases);
  EXPECT_FALSE(r.verdicts.at(0).power.has_value());
}

TEST(Engine, ShardsPartitionTheCases) {
  VerifyOptions o = quick({"loss.accurate"});
  const std::int64_t all = judged(named("scalar/safe"), o).verdicts.at(0).cases;
  std::int64_t parts = 0;
  o.shards = 3;
  for (o.shard = 0; o.shard < o.shards; ++o.shard) {
    parts += judged(named("scalar/safe"), o).verdicts.at(0).cases;
  }
  EXPECT_EQ(parts, all);
}

TEST(Plan, TheSelectionNarrowsProblemsSizesAndDomains) {
  Selection s;
  s.problem = "op=ce dtype=f64 reduction=mean n=4,5 v=7";
  s.domains = {"g*"};
  s.properties = {"loss.accurate"};
  const Property p = selected_properties(s).at(0);
  const RecipeSpace space = recipe_space(p, find_profile("smoke"), s);
  ASSERT_FALSE(space.problems.empty());
  for (const Problem& q : space.problems) {
    EXPECT_EQ(q.dtype, DType::f64);
    EXPECT_EQ(q.reduction, Reduction::mean);
  }
  EXPECT_EQ(space.rows, (std::vector<std::int64_t>{4, 5}));
  EXPECT_EQ(space.classes, (std::vector<std::int64_t>{7}));
  EXPECT_EQ(space.domains, (std::vector<std::string>{"gaussian", "grid"}));
}

TEST(Plan, UnknownNamesAreRefusedWithTheNearest) {
  Selection s;
  s.properties = {"loss.acurate"};
  EXPECT_THROW(selected_properties(s), UsageError);
  EXPECT_THROW(find_profile("smok"), UsageError);
}

}  // namespace
}  // namespace xent
