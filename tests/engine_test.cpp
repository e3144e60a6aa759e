// SPDX-License-Identifier: Apache-2.0
#include "properties/engine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "core/error.h"
#include "impl/registry.h"
#include "properties/domain.h"
#include "properties/jobs.h"
#include "properties/other_case.h"
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

// Kernels that answer alike share a judgement there; nobody may gain or lose by it.
TEST(Engine, VerdictsAloneAreTheSameVerdicts) {
  std::vector<Kernel> kernels = named("scalar/safe");
  for (const char* mutant : {"last-class-dropped", "row-leak", "smoothing-twice", "zeros",
                             "ignored-row-times-zero", "in-place-softcap", "misaligned-weights",
                             "kl-backward-alone", "aligned-head-skipped"}) {
    kernels.push_back(named(std::string("mutant/") + mutant).front());
  }
  VerifyOptions o = quick({"loss.accurate", "trick.ignore-index", "io.in-place", "run.alignment"});
  o.cases = 4;
  o.selection.domains = {"gaussian", "ignored-garbage"};
  const Results whole = judged(kernels, o);
  o.until_failure = true;
  const Results alone = judged(kernels, o);
  ASSERT_EQ(whole.verdicts.size(), alone.verdicts.size());
  std::int64_t failed = 0;
  for (std::size_t i = 0; i < whole.verdicts.size(); ++i) {
    EXPECT_EQ(whole.verdicts[i].verdict, alone.verdicts[i].verdict)
        << whole.verdicts[i].kernel << ' ' << whole.verdicts[i].property;
    failed += alone.verdicts[i].verdict == Verdict::fail;
  }
  EXPECT_GT(failed, 8);
}

void expect_same_row(const VerdictRow& a, const VerdictRow& b) {
  EXPECT_EQ(a.verdict, b.verdict) << a.kernel << ' ' << a.property;
  EXPECT_EQ(a.cases, b.cases);
  EXPECT_EQ(a.checks, b.checks);
  EXPECT_EQ(a.rejected, b.rejected);
  EXPECT_EQ(a.excluded, b.excluded);
  EXPECT_EQ(a.worst.error_over_bound, b.worst.error_over_bound);
}

/// scalar/safe, held to an exponential that nobody has.
Kernel held_to_more() {
  Kernel k = named("scalar/safe").front();
  k.name = "scalar/held-to-more";
  k.budget = [budget = k.budget](const Problem& p) {
    ErrorBudget b = budget(p);
    b.exp_rel = b.log_rel = b.log_abs = 0;
    b.order = SumOrder::compensated;
    return b;
  };
  return k;
}

TEST(Engine, KernelsThatAnswerAlikeAreJudgedAsIfEachWereAlone) {
  std::vector<Kernel> kernels = named("scalar/safe");
  for (const Kernel& k : {held_to_more(), kernels.front()}) kernels.push_back(k);
  kernels.back().name = "scalar/safe-again";
  const VerifyOptions o = quick({"loss.accurate", "grad.signs", "run.history", "options.rows"});
  const Results together = judged(kernels, o);
  std::int64_t failed = 0;
  for (std::size_t k = 0; k < kernels.size(); ++k) {
    const Results alone = judged({kernels[k]}, o);
    for (std::size_t p = 0; p < alone.verdicts.size(); ++p) {
      expect_same_row(together.verdicts[p * kernels.size() + k], alone.verdicts[p]);
      failed += alone.verdicts[p].verdict == Verdict::fail;
    }
  }
  EXPECT_GT(failed, 0);  // the answers were the same, what they were held to was not
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
    Faults faults() const override {
      Faults f;
      f.written_outside = {"4 bytes past the end of loss"};
      return f;
    }
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
  Kernel k = named("scalar/safe").front();
  k.supports = [](const Problem&) { return Support::no("smoothing: not today"); };
  const Results r = judged({k}, quick({"loss.accurate"}));
  ASSERT_EQ(r.verdicts.size(), 1u);
  EXPECT_EQ(r.verdicts[0].verdict, Verdict::skip);
  EXPECT_GT(r.verdicts[0].skipped, 0);
  EXPECT_NE(r.verdicts[0].reason.find("smoothing"), std::string::npos);
  EXPECT_EQ(exit_code(r, false), Exit::nothing);
}

Property stated_with(std::vector<std::string> problems,
                     std::vector<std::vector<std::string>> axes = {}) {
  Property p;
  p.id = "test.stated";
  p.problems = std::move(problems);
  p.axes = std::move(axes);
  p.domains = {"gaussian", "soft"};
  p.check = [](Trial& t) {
    Judgement j;
    t.run(t.test_case);
    j.check(true, "");
    return j;
  };
  return p;
}

TEST(Engine, AnEmptyBatchIsJudgedOnlyWhereAPropertyAsksForIt) {
  const Property asks = stated_with({"op=ce n=0 reduction=sum"});
  EXPECT_TRUE(stated_for(asks, parse_problem("op=ce n=0 reduction=sum")));
  EXPECT_FALSE(stated_for(asks, parse_problem("op=ce n=1 reduction=sum")));
  EXPECT_FALSE(stated_for(stated_with({"op=ce"}), parse_problem("op=ce n=0")));
  VerifyOptions o;
  o.cases = 1;
  o.shrink = false;
  Results r;
  r.expectations = false;
  verify(named("scalar/safe"), {asks}, o, r);
  EXPECT_GT(r.verdicts.at(0).cases, 0);
}

TEST(Engine, WhatHasNoMeaningIsNotStated) {
  const Property p = stated_with({"op=ce"}, {{"", "denominator=rows"}, {"", "reduction=mean"}});
  EXPECT_TRUE(stated_for(p, parse_problem("op=ce reduction=mean denominator=rows")));
  const Support s = stated_for(p, parse_problem("op=ce denominator=rows"));
  EXPECT_FALSE(s);
  EXPECT_NE(s.reason.find("denominator"), std::string::npos);
}

TEST(Engine, UserTensorsAreJudgedUnderTheirOwnOptionsOnly) {
  const Property p = stated_with({"op=ce dir=fwd,fwdbwd"}, {{"", "weights=on"}, {"", "zloss=0.1"},
                                                            {"", "reduction=mean"}});
  VerifyOptions o;
  o.tensors = make_case(parse_problem("op=ce n=4 v=5 weights=on"), "gaussian", 3);
  const Plan plan = make_plan({}, {p}, o);
  ASSERT_EQ(plan.jobs.size(), 4u);  // two directions, with and without a mean
  for (const Job& job : plan.jobs) {
    EXPECT_TRUE(job.recipe.problem.weights);
    EXPECT_EQ(job.recipe.problem.z_loss, 0);
    EXPECT_NO_THROW(validate(case_of(job, o)));
  }
}

TEST(OtherCase, IsValidDiffersAndKeepsGarbageWhereItIsIgnored) {
  for (const Domain& domain : all_domains()) {
    for (const char* text : {"op=ce n=7 v=5", "op=ce targets=prob n=7 v=5", "op=nll n=7 v=5",
                             "op=bce-prob targets=prob n=7 v=5", "op=kl targets=prob n=7 v=5",
                             "op=ce n=8 v=5 ignore=-1 shift=on t=4", "op=ce n=7 v=5 dir=hvp"}) {
      const Problem p = parse_problem(text);
      if (!domain.fits(p)) continue;
      const TestCase c = make_case(p, domain.name, 5), other = other_case(c);
      EXPECT_NO_THROW(validate(other)) << domain.name;
      EXPECT_NE(other, c) << domain.name;
      EXPECT_EQ(other.problem, c.problem);
      if (domain.name != "ignored-garbage") continue;
      for (std::int64_t row = 0; row < p.n; ++row) {
        if (!other.scored_class(row)) continue;
        for (std::int64_t j = 0; j < p.v; ++j) EXPECT_TRUE(std::isfinite(other.logit(row, j)));
      }
    }
  }
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

TEST(Plan, AWishSetsValuesAndChoosesWhereItIsStated) {
  const Property p = stated_with({"op=ce dtype=f32,f64"}, {{"", "smoothing=0.1"}, {"", "zloss=1"},
                                                           {"", "weights=on"}});
  const auto problems = [&](const char* text) {
    Selection s;
    s.problem = text;
    return recipe_space(p, find_profile("smoke"), s).problems;
  };
  ASSERT_FALSE(problems("smoothing=0.3 zloss=0.5 weights=on").empty());
  for (const Problem& q : problems("smoothing=0.3 zloss=0.5 weights=on layout=btv out=f64")) {
    EXPECT_EQ(q.smoothing, 0.3);
    EXPECT_EQ(q.z_loss, 0.5);
    EXPECT_TRUE(q.weights);
    EXPECT_EQ(q.layout, Layout::btv);
    EXPECT_EQ(q.output, DType::f64);
  }
  for (const Problem& q : problems("smoothing=0")) EXPECT_EQ(q.smoothing, 0);
  EXPECT_TRUE(problems("scale=2").empty());
  EXPECT_TRUE(problems("op=kl targets=prob").empty());
  ASSERT_FALSE(problems("dtype=bf16").empty());
  for (const Problem& q : problems("dtype=bf16")) EXPECT_EQ(q.dtype, DType::bf16);
}

TEST(Plan, EveryProblemOfEveryPropertyHasAMeaningAndIsStated) {
  for (const Property& p : all_properties()) {
    const RecipeSpace space = recipe_space(p, find_profile("smoke"), {});
    EXPECT_FALSE(space.problems.empty()) << p.id;
    for (const Problem& q : space.problems) {
      EXPECT_TRUE(stated_for(p, q)) << p.id << ' ' << to_text(q);
    }
    EXPECT_FALSE(sample(space, 0, 0).empty()) << p.id;
  }
}

TEST(Plan, UnknownNamesAreRefusedWithTheNearest) {
  Selection s;
  s.properties = {"loss.acurate"};
  EXPECT_THROW(selected_properties(s), UsageError);
  EXPECT_THROW(find_profile("smok"), UsageError);
}

}  // namespace
}  // namespace xent
