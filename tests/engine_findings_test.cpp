// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <memory>
#include <set>
#include <stdexcept>

#include "core/case_file.h"
#include "core/error.h"
#include "impl/registry.h"
#include "properties/engine.h"
#include "properties/trial.h"

namespace xent {
namespace {

Kernel named(const std::string& name) { return select(builtin_kernels(), name).at(0); }

VerifyOptions quick(std::vector<std::string> properties) {
  VerifyOptions o;
  o.cases = 12;
  o.selection.properties = std::move(properties);
  o.selection.problem = "op=ce dtype=f32 reduction=none";
  o.selection.domains = {"gaussian", "confident"};
  return o;
}

Results judged(const std::vector<Kernel>& kernels, const VerifyOptions& o) {
  Results r;
  r.expectations = false;
  verify(kernels, o, r);
  return r;
}

const Finding* find(const Results& r, const std::string& id) {
  const auto at = std::find_if(r.findings.begin(), r.findings.end(),
                               [&](const Finding& f) { return f.id == id; });
  return at == r.findings.end() ? nullptr : &*at;
}

/// The kernel, with a hand in what comes back of each case.
using Hand = std::function<void(const TestCase&, Output&, Faults&)>;
struct Meddler : Invocation {
  TestCase test_case;
  std::unique_ptr<Invocation> inner;
  Hand hand;
  void reset() override { inner->reset(); }
  void launch() override { inner->launch(); }
  Output output() const override {
    Output o = inner->output();
    Faults ignored;
    hand(test_case, o, ignored);
    return o;
  }
  Faults faults() const override {
    Output ignored = inner->output();
    Faults f = inner->faults();
    hand(test_case, ignored, f);
    return f;
  }
};

Kernel with_hand(Kernel k, const Hand& hand) {
  k.origin = "a test";
  k.bind = [bind = k.bind, hand](const TestCase& c, const BindOptions& o) {
    auto m = std::make_unique<Meddler>();
    m->test_case = c;
    m->inner = bind(c, o);
    m->hand = hand;
    return std::unique_ptr<Invocation>(std::move(m));
  };
  return k;
}

TEST(Findings, ARemarkIsOneFindingWithTheSmallestCaseAndACount) {
  const Kernel k = with_hand(named("scalar/safe"), [](const TestCase& c, Output&, Faults& f) {
    if (c.problem.n < 2) return;
    f.remarks.push_back({"dtype.changed", std::to_string(c.problem.n) + " rows"});
    f.remarks.push_back({"process.threads-kept", "2 threads"});
  });
  VerifyOptions one = quick({"loss.accurate", "grad.sum-zero"}), three = one;
  three.jobs = 3;
  const Results r = judged({k}, one), again = judged({k}, three);
  ASSERT_EQ(r.findings.size(), 2u);
  const Finding* f = find(r, "dtype.changed");
  ASSERT_TRUE(f);
  EXPECT_GT(f->cases, 1);
  EXPECT_EQ(r.verdicts.at(0).verdict, Verdict::pass);
  EXPECT_EQ(exit_code(r, false), Exit::ok);
  EXPECT_EQ(exit_code(r, true), Exit::failed);
  const Problem p = parse_problem(f->witness.substr(0, f->witness.find('\n')));
  EXPECT_EQ(f->message, std::to_string(p.n) + " rows");
  EXPECT_NE(f->witness.find("domain "), std::string::npos);
  EXPECT_NE(f->witness.find("seed 0x"), std::string::npos);
  const Finding* g = find(again, "dtype.changed");
  ASSERT_TRUE(g);
  EXPECT_EQ(f->witness, g->witness);
  EXPECT_EQ(f->message, g->message);
  EXPECT_EQ(f->cases, g->cases);
  EXPECT_EQ(find(r, "process.threads-kept")->witness, "");
  EXPECT_EQ(find(r, "process.threads-kept")->cases, 0);
}

TEST(Findings, OfKernelsKeptToFailThereAreNone) {
  Kernel k = with_hand(named("scalar/safe"), [](const TestCase&, Output&, Faults& f) {
    f.remarks.push_back({"dtype.changed", ""});
  });
  k.role = Role::mutant;
  EXPECT_TRUE(judged({k}, quick({"loss.accurate"})).findings.empty());
}

TEST(Findings, LostDigitsHaveAShrunkWitnessThatCanBeReplayed) {
  Kernel k = named("mutant/lse-minus-logit");
  k.role = Role::product;
  k.promises.accuracy = AccuracyClass::standard;
  k.budget = ErrorBudget::standard;
  VerifyOptions o = quick({"loss.accurate", "grad.accurate"});
  o.out = std::filesystem::path(testing::TempDir()) / "findings_test";
  const Results r = judged({k}, o);
  EXPECT_EQ(r.kernels.at(0).best_class, "standard");
  const Finding* f = find(r, "accuracy.confident-rows.loss");
  ASSERT_TRUE(f);
  EXPECT_GT(f->cases, 0);
  EXPECT_NE(f->message.find("ulp"), std::string::npos);
  EXPECT_NE(f->replay.find(f->file), std::string::npos);
  const CaseFile saved = load_case(o.out / f->file);
  EXPECT_EQ(saved.kernel, k.name);
  EXPECT_LE(saved.test_case.input.size(), 4);
  const Property p = selected_properties(o.selection).at(0);
  EXPECT_EQ(judge_case(p, k, saved.test_case).verdict, Verdict::pass);
  EXPECT_EQ(judge_case(p, k, saved.test_case, ErrorBudget::relative).verdict, Verdict::fail);
  std::filesystem::remove_all(o.out);
}

TEST(Findings, AWideBudgetIsAClassOfItsOwn) {
  Kernel k = with_hand(named("scalar/safe"), [](const TestCase&, Output& o, Faults&) {
    for (std::int64_t i = 0; i < o.loss.size(); ++i) o.loss.set(i, o.loss.at(i) * (1 + 0x1p-12));
  });
  k.promises.accuracy = AccuracyClass::declared;
  k.budget = [](const Problem& p) {
    ErrorBudget b = ErrorBudget::standard(p);
    b.accumulate = DType::f16;
    return b;
  };
  VerifyOptions o = quick({"loss.accurate"});
  o.selection.problem += " v=7";
  o.selection.domains = {"gaussian"};
  const Results r = judged({k}, o);
  ASSERT_EQ(r.verdicts.at(0).verdict, Verdict::pass);
  EXPECT_EQ(r.kernels.at(0).best_class, "declared");
  EXPECT_TRUE(find(r, "accuracy.declared-only.loss"));
}

TEST(Findings, SystematicRoundingIsTold) {
  const auto lowered = [](const TestCase&, Output& o, Faults&) {
    for (std::int64_t i = 0; i < o.loss.size(); ++i) {
      o.loss.set(i, o.loss.at(i) * (1 - 0x1p-21));
    }
  };
  Kernel k = with_hand(named("scalar/safe"), lowered);
  k.budget = ErrorBudget::standard;
  VerifyOptions o = quick({"loss.accurate"});
  o.cases = 200;
  o.selection.domains = {"gaussian"};
  EXPECT_TRUE(find(judged({k}, o), "accuracy.bias.loss-f32"));
  EXPECT_FALSE(find(judged({named("scalar/safe")}, o), "accuracy.bias.loss-f32"));
}

TEST(Findings, PromisesThatAreKeptWithoutBeingMadeAreTold) {
  Kernel k = named("scalar/safe");
  ASSERT_TRUE(k.promises.batch_invariant && k.promises.alignment_invariant);
  k.promises = {};
  const VerifyOptions o = quick({"row.independence", "run.alignment"});
  EXPECT_EQ(judged({k}, o).kernels.at(0).kept,
            (std::vector<std::string>{"batch-invariant", "alignment-invariant"}));
  EXPECT_TRUE(judged({named("scalar/safe")}, o).kernels.at(0).kept.empty());
  // One ulp more in batches: well within the bounds.
  Kernel other = with_hand(k, [](const TestCase& c, Output& out, Faults&) {
    if (c.problem.n < 2 || out.loss.empty()) return;
    out.loss.set(0, std::nextafter(static_cast<float>(out.loss.at(0)), 1e30F));
  });
  EXPECT_EQ(judged({other}, o).kernels.at(0).kept,
            std::vector<std::string>{"alignment-invariant"});
}

TEST(Findings, ProfilesAreOfOneFormatWithoutOptions) {
  VerifyOptions o = quick({"loss.accurate", "grad.accurate"});
  o.selection.problem = "op=ce dtype=f32,bf16 smoothing=0,0.1";
  const Results r = judged({named("scalar/safe")}, o);
  ASSERT_EQ(r.accuracy.size(), 4u);
  std::int64_t plain = 0;
  for (const AccuracyRow& row : r.accuracy) {
    EXPECT_EQ(row.problems, "op=ce");
    EXPECT_GT(row.errors.outputs, 0);
    plain += row.cases;
  }
  EXPECT_LT(plain, r.verdicts.at(0).cases + r.verdicts.at(1).cases);
  o.selection.problem = "op=bce-logits targets=prob dtype=f32";
  o.selection.domains = {};
  EXPECT_EQ(judged({named("scalar/safe")}, o).accuracy.at(0).problems, "all");
}

// What breaks one property is tried on the others; who finds it first does not matter.
TEST(Counterexamples, OfOneCauseAreOneCaseForAnyNumberOfThreads) {
  const Kernel k = with_hand(named("scalar/safe"), [](const TestCase& c, Output& o, Faults&) {
    if (c.problem.v > 2 && !o.loss.empty()) o.loss.set(0, o.loss.at(0) + 1);
  });
  VerifyOptions o = quick({"loss.accurate", "run.repeatable", "row.independence",
                           "loss.flat-when-right", "loss.permutation"});
  o.jobs = 1;
  const Results one = judged({k}, o);
  o.jobs = 3;
  const Results three = judged({k}, o);
  std::set<std::string> data;
  int failed = 0;
  for (std::size_t i = 0; i < one.verdicts.size(); ++i) {
    const auto &a = one.verdicts[i].counterexample, &b = three.verdicts[i].counterexample;
    ASSERT_EQ(a.has_value(), b.has_value());
    if (!a) continue;
    ++failed;
    EXPECT_EQ(a->problem + a->data + a->message, b->problem + b->data + b->message);
    data.insert(a->data);
  }
  EXPECT_GT(failed, 2);
  EXPECT_EQ(data.size(), 1u);
}

// Crashes `good` cases after the start, and twice more; then it is given up.
Kernel crashing(int good) {
  Kernel k = named("scalar/safe");
  k.origin = "a test";
  const auto calls = std::make_shared<std::atomic<int>>(0);
  k.bind = [bind = k.bind, calls, good](const TestCase& c, const BindOptions& o) {
    const int call = ++*calls;
    if (call > good + 2) throw GivenUp("given up after 2 crashes");
    if (call > good) throw std::runtime_error("crash: read 4 bytes past the end of logits");
    return bind(c, o);
  };
  return k;
}

TEST(GivenUpKernel, FailsWhereItCrashedAndIsSkippedFromThereOn) {
  VerifyOptions o = quick({"loss.accurate"});
  o.out = std::filesystem::path(testing::TempDir()) / "given_up_test";
  const Results r = judged({crashing(0), named("scalar/online")}, o);
  const VerdictRow& row = r.verdicts.at(0);
  EXPECT_EQ(row.verdict, Verdict::fail);
  EXPECT_EQ(row.cases, 2);
  EXPECT_GT(row.skip_reasons.at("given up after 2 crashes"), 0);
  ASSERT_TRUE(row.counterexample);
  EXPECT_NE(row.counterexample->message.find("crash: read 4 bytes"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(o.out / row.counterexample->file));
  EXPECT_EQ(r.kernels.at(0).best_class, "none");
  EXPECT_EQ(r.verdicts.at(1).verdict, Verdict::pass);
  EXPECT_TRUE(r.notes.empty());
  std::filesystem::remove_all(o.out);
}

TEST(GivenUpKernel, WithNothingJudgedIsSkippedNotPassed) {
  const Results r = judged({crashing(-2)}, quick({"loss.accurate", "run.repeatable"}));
  for (const VerdictRow& row : r.verdicts) {
    EXPECT_EQ(row.verdict, Verdict::skip);
    EXPECT_EQ(row.reason, "given up after 2 crashes");
  }
  EXPECT_EQ(exit_code(r, false), Exit::nothing);
}

TEST(GivenUpKernel, WhatItPassedBeforeStands) {
  const Results r = judged({crashing(3)}, quick({"run.repeatable"}));
  EXPECT_EQ(r.verdicts.at(0).verdict, Verdict::fail);
  EXPECT_GT(r.verdicts.at(0).cases, 1);
}

TEST(ThirdParty, WhatItRaisesWhenAskedIsItsOwnFailure) {
  Kernel asks = named("scalar/safe"), budget = asks;
  asks.origin = budget.origin = "a test";
  asks.supports = [](const Problem&) -> Support { throw std::runtime_error("crash: SIGSEGV"); };
  budget.budget = [](const Problem&) -> ErrorBudget { throw std::runtime_error("no answer"); };
  VerifyOptions o = quick({"loss.accurate"});
  for (const std::optional<std::int64_t> cases : {o.cases, std::optional<std::int64_t>{}}) {
    o.cases = cases;
    const Results r = judged({asks, budget, named("scalar/online")}, o);
    EXPECT_EQ(r.verdicts.at(0).verdict, Verdict::fail);
    ASSERT_TRUE(r.verdicts.at(0).counterexample);
    EXPECT_NE(r.verdicts.at(0).counterexample->message.find("SIGSEGV"), std::string::npos);
    EXPECT_EQ(r.verdicts.at(1).verdict, Verdict::fail);
    EXPECT_EQ(r.verdicts.at(2).verdict, Verdict::pass);
    EXPECT_EQ(r.kernels.at(0).best_class, "none");
    EXPECT_NE(r.kernels.at(1).budget.find("no answer"), std::string::npos);
    EXPECT_EQ(exit_code(r, false), Exit::failed);
  }
}

}  // namespace
}  // namespace xent
