// SPDX-License-Identifier: Apache-2.0
// The scalar kernels where the answer is known exactly: layouts, in place, ignored rows, masks,
// infinities, nothing to reduce.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "impl/scalar/libm.h"
#include "tests/impl_cases.h"
#include "tests/impl_formulas.h"

namespace xent {
namespace {

TEST(Edges, LayoutsGiveTheSameBits) {
  for (const std::string& name : scalar_kernels()) {
    const Kernel& k = kernel_named(name);
    for (const std::string op :
         {"op=ce dir=fwdbwd smoothing=0.1", "op=bce-logits dir=fwdbwd targets=prob",
          "op=ce dir=fwdbwd targets=prob dtype=bf16", "op=ce dir=hvp dtype=f64"}) {
      if (name == "scalar/naive" && op.find("hvp") != std::string::npos) continue;
      const TestCase nc = moderate_case(op + " n=6 v=7 t=3");
      const Output want = run(k, nc).output;
      for (const char* layout : {"layout=bct", "layout=btv", "layout=btv stride=11", "stride=9"}) {
        TestCase c = nc;
        c.problem = parse_problem(to_text(nc.problem) + " " + layout);
        const RunRecord got = run(k, c, {3, false, 1});
        EXPECT_TRUE(got.faults.none()) << name << " " << op << " " << layout;
        EXPECT_EQ(got.output, want) << name << " " << op << " " << layout;
      }
    }
  }
}

TEST(Edges, InPlaceGivesTheSameBits) {
  for (const std::string name : {"scalar/safe", "scalar/online"}) {
    for (const std::string text :
         {"op=ce dir=fwdbwd softcap=4 zloss=0.1 smoothing=0.1", "op=ce dir=fwdbwd dtype=bf16",
          "op=ce dir=hvp", "op=lse dir=fwdbwd scale=0.5", "op=bce-logits dir=fwdbwd targets=prob",
          "op=mse-softmax dir=fwdbwd", "op=kl dir=fwdbwd targets=prob dtype=f16",
          "op=ce dir=fwdbwd layout=bct t=2", "op=ce dir=fwdbwd ignore=-100 weights=on"}) {
      const TestCase c = moderate_case(text + " n=6 v=7");
      const RunRecord over = run(kernel_named(name), c, {1, true, 1});
      EXPECT_TRUE(over.faults.none()) << name << " " << text << over.faults.raised;
      EXPECT_EQ(over.output, run(kernel_named(name), c).output) << name << " " << text;
    }
    const TestCase wider = moderate_case("op=ce dir=bwd dtype=bf16 out=f32 n=2 v=3");
    EXPECT_NE(run(kernel_named(name), wider, {0, true, 1}).faults.raised, "");
  }
}

TEST(Edges, IgnoredRowsMayHoldAnything) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const std::string& name : scalar_kernels()) {
    for (const std::string text :
         {"op=ce", "op=ce zloss=0.1 smoothing=0.1 weights=on", "op=nll", "op=ce softcap=3",
          "op=ce reduction=mean", "op=ce reduction=sum dtype=bf16", "op=mse-softmax",
          "op=ce reduction=mean denominator=sequence t=3", "op=cross-entropy reduction=mean"}) {
      TestCase c = moderate_case(text + " n=6 v=5 dir=fwdbwd ignore=-100");
      const Output clean = run(kernel_named(name), c).output;
      for (std::int64_t i = 0; i < 5; ++i) c.input.set(5 + i, kNan);
      const Output dirty = run(kernel_named(name), c).output;
      EXPECT_EQ(dirty, clean) << name << " " << text;
      for (std::int64_t i = 5; i < 10; ++i) EXPECT_EQ(dirty.grad.at(i), 0) << name << " " << text;
      if (c.problem.reduction == Reduction::none) {
        EXPECT_EQ(dirty.loss.at(1), 0) << name << " " << text;
      }
      EXPECT_TRUE(std::isfinite(dirty.loss.at(0))) << name << " " << text;
    }
  }
}

/// One row; the numbers as they are.
TestCase row_of(const std::string& text, const std::vector<double>& x,
                const std::vector<double>& targets, const std::vector<double>& weights = {}) {
  TestCase c = moderate_case(text + " n=1 v=" + std::to_string(x.size()) +
                         (weights.empty() ? "" : " weights=on"));
  const auto copy = [](Tensor& to, const std::vector<double>& from) {
    for (std::size_t i = 0; i < from.size(); ++i) to.set(static_cast<std::int64_t>(i), from[i]);
  };
  copy(c.input, x);
  copy(c.target, targets);
  copy(c.weight, weights);
  return c;
}

TEST(Edges, AnswersAtTheEdges) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (const std::string name : {"scalar/safe", "scalar/online"}) {
    const Kernel& k = kernel_named(name);
    const auto loss = [&k](const TestCase& c) { return run(k, c).output.loss.at(0); };
    const auto grad = [&k](const TestCase& c) { return run(k, c).output.grad.at(0); };
    const std::vector<double> masked = {-kInf, 3, 3};
    EXPECT_EQ(loss(row_of("op=ce smoothing=0.1", masked, {1})), kInf) << name;
    EXPECT_EQ(grad(row_of("op=ce dir=bwd smoothing=0.75", masked, {1})), -0.25) << name;
    EXPECT_EQ(loss(row_of("op=ce targets=prob", masked, {0, 1, 0})), std::log(2.0f)) << name;
    EXPECT_EQ(loss(row_of("op=ce targets=prob", masked, {0.5, 0.5, 0})), kInf) << name;
    EXPECT_EQ(loss(row_of("op=ce", masked, {0}, {0, 1, 1})), 0) << name;
    EXPECT_EQ(loss(row_of("op=ce", masked, {0}, {1, 1, 1})), kInf) << name;
    EXPECT_EQ(loss(row_of("op=ce softcap=2", {-kInf, kInf}, {1})), std::log1p(std::exp(-4.0f)));
    EXPECT_EQ(loss(row_of("op=nll", masked, {1})), -3) << name;

    const std::string logits = "op=bce-logits targets=prob ";
    EXPECT_EQ(loss(row_of(logits, {kInf}, {1})), 0) << name;
    EXPECT_EQ(loss(row_of(logits, {-kInf}, {0})), 0) << name;
    EXPECT_EQ(loss(row_of(logits, {-kInf}, {1})), kInf) << name;
    EXPECT_EQ(loss(row_of(logits, {kInf}, {0.5})), kInf) << name;
    EXPECT_EQ(grad(row_of(logits + "dir=bwd", {kInf}, {1})), 0) << name;
    EXPECT_EQ(grad(row_of(logits + "dir=bwd", {-kInf}, {1})), -1) << name;
    EXPECT_EQ(grad(row_of(logits + "dir=bwd", {-100}, {0})), std::exp(-100.0f)) << name;
    EXPECT_EQ(grad(row_of(logits + "dir=bwd", {100}, {1})), -std::exp(-100.0f)) << name;

    const std::string prob = "op=bce-prob targets=prob";
    EXPECT_EQ(loss(row_of(prob, {0, 1}, {0, 1})), 0) << name;
    EXPECT_EQ(loss(row_of(prob, {0}, {1})), kInf) << name;
    EXPECT_EQ(loss(row_of(prob, {1}, {0.5})), kInf) << name;
  }
}

/// A confident row keeps its digits: the sum of the others, 2 e^-20, decides.
TEST(Edges, MixturesKeepRelativeAccuracy) {
  const TestCase c = row_of("op=ce targets=prob dtype=f32", {20, 0, 0}, {1, 0, 0});
  const Formulas want = formulas(c);
  for (const std::string name : {"scalar/safe", "scalar/online"}) {
    const double got = run(kernel_named(name), c).output.loss.at(0);
    // 2 exponentials of kLibmExp, a sum, log1p, its sum with 0 and a product by 1.
    const double units = kLibmExp + 1 + kLibmLog;
    EXPECT_LE(std::abs(got / static_cast<double>(want.loss[0]) - 1), (units + 1) * 0x1p-24) << name;
  }
}

TEST(Edges, EveryClassCostsOperations) {
  for (const std::string& name : scalar_kernels()) {
    const Kernel& k = kernel_named(name);
    const auto count = [&k](const char* text) { return k.operations(moderate_case(text)); };
    // An exponential and a sum are the least there is for a class; a maximum and a difference more.
    const std::int64_t forward = count("op=ce n=1 v=512 dir=fwd");
    EXPECT_GE(forward, (name == "scalar/naive" ? 2 : 4) * 512) << name;
    EXPECT_GE(count("op=ce n=1 v=1024 dir=fwd"), forward + 2 * 512) << name;
    EXPECT_GE(count("op=ce n=3 v=512 dir=fwd dtype=bf16"), 2 * forward) << name;
    EXPECT_GE(count("op=ce n=1 v=512 dir=fwdbwd"), forward + 512) << name;
  }
}

TEST(Edges, NothingToReduce) {
  for (const std::string& name : scalar_kernels()) {
    const Kernel& k = kernel_named(name);
    EXPECT_EQ(run(k, moderate_case("op=ce n=0 v=3 dir=fwdbwd")).output.loss.size(), 0) << name;
    for (const char* op : {"op=ce", "op=bce-logits targets=prob", "op=lse"}) {
      const std::string text = std::string(op) + " n=0 v=3 dir=fwdbwd dtype=bf16";
      EXPECT_EQ(run(k, moderate_case(text + " reduction=sum")).output.loss.at(0), 0) << name << op;
      EXPECT_TRUE(std::isnan(run(k, moderate_case(text + " reduction=mean")).output.loss.at(0)))
          << name << op;
    }
    TestCase c = moderate_case("op=ce n=2 v=3 dir=fwdbwd ignore=-100 reduction=mean");
    for (std::int64_t r = 0; r < 2; ++r) c.target.set_integer(r, -100);
    const Output all_ignored = run(k, c).output;
    EXPECT_TRUE(std::isnan(all_ignored.loss.at(0))) << name;
    for (std::int64_t i = 0; i < 6; ++i) EXPECT_EQ(all_ignored.grad.at(i), 0) << name;
  }
}

}  // namespace
}  // namespace xent
