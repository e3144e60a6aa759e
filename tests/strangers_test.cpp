// SPDX-License-Identifier: Apache-2.0
// What is said of kernels that take less than ours do, and in other dialects.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "impl/registry.h"
#include "properties/engine.h"
#include "properties/evaluation.h"
#include "properties/trial.h"
#include "tests/exact_kernel.h"
#include "tests/narrowed_kernels.h"

namespace xent {
namespace {

using Names = std::set<std::string>;

std::vector<VerdictRow> verdicts(const Kernel& k, Selection selection = {}) {
  VerifyOptions o;
  o.seed = 0x5eed;
  o.shrink = false;
  o.until_failure = true;
  o.selection = std::move(selection);
  Results r;
  verify({k}, o, r);
  return r.verdicts;
}

Names with_verdict(const std::vector<VerdictRow>& rows, Verdict verdict) {
  Names names;
  for (const VerdictRow& row : rows) {
    if (row.verdict == verdict) names.insert(row.property);
  }
  return names;
}

/// Every property but these judges some case of the kernel, and none accuses it.
void expect_all_but(const Kernel& k, const Names& silent) {
  const std::vector<VerdictRow> rows = verdicts(k);
  EXPECT_EQ(with_verdict(rows, Verdict::skip), silent) << k.name;
  EXPECT_EQ(with_verdict(rows, Verdict::pass).size() + silent.size(), all_properties().size());
}

const Names kOptionsThatAreNotOffered = {
    "loss.framework-semantics", "loss.reshape", "info.units", "lm.shifted", "options.upstream"};

Names operator+(Names a, const Names& b) {
  a.insert(b.begin(), b.end());
  return a;
}

TEST(Strangers, OfATorchLikeKernelAllIsSaidThatItsOptionsAllow) {
  expect_all_but(torch_like_kernel(), kOptionsThatAreNotOffered);
}

TEST(Strangers, OfASimpleKernelAllIsSaidThatRowsAllow) {
  expect_all_but(simple_kernel(),
                 kOptionsThatAreNotOffered +
                     Names{"loss.multiclass", "lm.seq2seq", "lm.mean-is-stable", "lm.perplexity",
                           "trick.ignore-index", "trick.label-smoothing", "trick.class-weights",
                           "trick.sequence-normalization", "options.micro-batches"});
}

TEST(Strangers, OfAMeanLossAllIsSaidThatNeedsNoGradient) {
  expect_all_but(mean_loss_kernel(),
                 kOptionsThatAreNotOffered +
                     Names{"loss.multiclass", "lm.seq2seq", "lm.perplexity", "trick.ignore-index",
                           "trick.label-smoothing", "trick.class-weights", "options.accurate",
                           "row.independence", "grad.accurate", "grad.sum-zero", "grad.signs",
                           "grad.binary", "grad.large-when-wrong", "grad.step-raises-true",
                           "grad.finite-differences", "grad.no-saturation", "grad.ce-vs-mse-size",
                           "grad.no-underflow", "stat.canonical-link"});
}

/// The properties see what is wrong through other words too.
TEST(Strangers, OtherWordsTellWrongKernels) {
  Selection theorems;
  theorems.properties = {"info.decomposition", "info.gibbs", "info.kl", "loss.binary",
                         "loss.permutation"};
  const Names all(theorems.properties.begin(), theorems.properties.end());
  for (const Kernel& k : {simple_kernel("mutant/last-class-dropped"),
                          torch_like_kernel("mutant/last-class-dropped"),
                          mean_loss_kernel("mutant/last-class-dropped"),
                          mean_loss_kernel("mutant/target-off-by-one")}) {
    EXPECT_EQ(with_verdict(verdicts(k, theorems), Verdict::fail), all) << k.name;
  }
}

/// Where the kernel has no Hessian or squared error, its own part is judged still.
TEST(Strangers, WhatTheOracleIsSetBesideIsJudged) {
  Selection theorems;
  theorems.properties = {"stat.canonical-link", "grad.no-saturation", "grad.finite-differences"};
  const Names all(theorems.properties.begin(), theorems.properties.end());
  const auto rows = verdicts(simple_kernel("mutant/gradient-sign-flipped"), theorems);
  EXPECT_EQ(with_verdict(rows, Verdict::fail), all);
}

/// An invocation that reports faults besides its own.
class Accused final : public Invocation {
 public:
  Accused(std::unique_ptr<Invocation> inner, Faults faults)
      : inner_(std::move(inner)), faults_(std::move(faults)) {}
  void reset() override { inner_->reset(); }
  void launch() override { inner_->launch(); }
  Output output() const override { return inner_->output(); }
  Faults faults() const override { return faults_; }

 private:
  std::unique_ptr<Invocation> inner_;
  Faults faults_;
};

Kernel accused(const Faults& faults) {
  Kernel k = simple_kernel();
  k.bind = [faults, bind = k.bind](const TestCase& c, const BindOptions& o) {
    return std::make_unique<Accused>(bind(c, o), faults);
  };
  return k;
}

TEST(Strangers, MisconductIsHeldAgainstOnePropertyWhatItRaisesAgainstAll) {
  Selection some;
  some.properties = {"run.*", "loss.accurate", "info.gibbs"};
  Faults misconduct, raised;
  misconduct.misconduct = {"opened a socket"};
  raised.raised = "crash";
  EXPECT_EQ(with_verdict(verdicts(accused(misconduct), some), Verdict::fail),
            Names{"run.well-behaved"});
  const auto rows = verdicts(accused(raised), some);
  EXPECT_EQ(with_verdict(rows, Verdict::fail).size(), rows.size());
}

TestCase logits(const std::string& problem, const std::vector<double>& values) {
  TestCase c;
  c.problem = parse_problem(problem);
  c.input = Tensor(c.problem.dtype, {c.problem.n, c.problem.v});
  for (std::size_t i = 0; i < values.size(); ++i) {
    c.input.set(static_cast<std::int64_t>(i), values[i]);
  }
  return c;
}

/// The same case natively and in the words of another kernel: the same numbers within the bounds.
void expect_same_words(const Kernel& narrow, const TestCase& c) {
  const Property* property = nullptr;
  for (const Property& p : all_properties()) {
    if (p.id == "info.decomposition") property = &p;
  }
  References references;
  const Kernel native = select(builtin_kernels(), "scalar/safe").front();
  KernelTrial a(c, native, references), b(c, narrow, references);
  b.ways = property->ways;
  Evaluation x, y;
  Judgement j;
  ASSERT_TRUE(x.run(a, c, j));
  ASSERT_FALSE(narrow.supports(c.problem));
  ASSERT_TRUE(y.run(b, c, j)) << j.message;
  for (std::int64_t i = 0; i < c.problem.loss_size() && c.problem.wants_loss(); ++i) {
    EXPECT_LE(std::fabs(x.loss(i).got - y.loss(i).got), x.loss(i).bound + y.loss(i).bound);
    EXPECT_LT(y.loss(i).bound, 1e-3);
  }
  for (std::int64_t i = 0; y.has_grad() && i < c.problem.n * c.problem.v; ++i) {
    const std::int64_t v = c.problem.v;
    EXPECT_LE(std::fabs(x.grad(i / v, i % v).got - y.grad(i / v, i % v).got),
              x.grad(i / v, i % v).bound + y.grad(i / v, i % v).bound);
  }
  EXPECT_EQ(j.verdict, Verdict::skip) << j.message;
}

TEST(OtherWords, MixturesOfClassesAreLossesOfProbabilities) {
  TestCase c = logits("op=ce n=2 v=3 dtype=f32 dir=fwdbwd targets=prob", {1, 2, 3, 0, -1, 4});
  c.target = Tensor(DType::f32, {2, 3});
  for (std::int64_t i = 0; i < 6; ++i) c.target.set(i, static_cast<double>(i % 4) / 4);
  expect_same_words(simple_kernel(), c);
  expect_same_words(mean_loss_kernel(), c);
}

TEST(OtherWords, EntropiesAndDivergenceAreCrossEntropiesOfLogits) {
  for (const char* problem : {"op=kl", "op=cross-entropy", "op=cross-entropy unit=bits"}) {
    TestCase c = logits(std::string(problem) + " n=1 v=4 dtype=f32 dir=fwd targets=prob",
                        {0.5, 0.25, 0.125, 0.125});
    c.target = Tensor(DType::f32, {1, 4});
    for (std::int64_t i = 0; i < 4; ++i) c.target.set(i, i == 0 ? 0 : static_cast<double>(i) / 8);
    for (const Kernel& k : narrowed_kernels()) expect_same_words(k, c);
  }
  const TestCase c = logits("op=entropy n=1 v=4 dtype=f32 dir=fwd", {0.5, 0.25, 0, 0.125});
  for (const Kernel& k : narrowed_kernels()) expect_same_words(k, c);
}

TEST(OtherWords, BinaryLossesAreThoseOfTwoClasses) {
  TestCase c = logits("op=bce-logits n=2 v=2 dtype=f32 dir=fwdbwd targets=prob", {-3, 0.5, 8, 1});
  c.target = Tensor(DType::f32, {2, 2});
  for (std::int64_t i = 0; i < 4; ++i) c.target.set(i, static_cast<double>(i) / 3);
  for (const Kernel& k : narrowed_kernels()) expect_same_words(k, c);
}

TEST(OtherWords, WhatCannotBeSaidIsNotSaid) {
  const Kernel k = mean_loss_kernel();
  TestCase c = logits("op=ce n=1 v=2 dtype=f32 dir=fwdbwd", {1, 2});
  c.target = Tensor(DType::i64, {1});
  References references;
  KernelTrial t(c, k, references);
  Judgement j;
  Evaluation none, part;
  EXPECT_FALSE(none.run(t, c, j)) << "without other words";
  j = {};
  for (const Property& p : all_properties()) {
    if (p.id == "loss.permutation") t.ways = p.ways;
  }
  ASSERT_TRUE(part.run(t, c, j));
  EXPECT_TRUE(part.has_loss());
  EXPECT_FALSE(part.has_grad());
  EXPECT_EQ(part.grad(0, 0).exact(0).kind, Enclosure::Kind::undefined);
}

/// The theorems that look at edges.
TEST(Strangers, InTheDialectOfPyTorchNoTheoremAccusesTheExactAnswer) {
  Selection s;
  s.dialect = "pytorch";
  s.properties = {"trick.*",        "lm.*",           "grad.binary",        "loss.binary",
                  "options.upstream", "options.rows", "info.decomposition", "row.independence"};
  const std::vector<VerdictRow> rows = verdicts(exact_kernel("pytorch"), s);
  EXPECT_EQ(with_verdict(rows, Verdict::pass).size(), rows.size());
}

}  // namespace
}  // namespace xent
