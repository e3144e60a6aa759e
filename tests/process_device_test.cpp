// SPDX-License-Identifier: Apache-2.0
// Tensors on a CUDA device, with a driver that has none: what a real one does is not shown here.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "impl/process/foreign.h"
#include "oracle/judge.h"
#include "tests/impl_cases.h"

namespace xent {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

/// The kernels of a library of tests/abi by their names, `driver` as FAKE_CUDA.
std::map<std::string, Kernel> kernels(const std::string& driver = "",
                                      const std::string& file = "device.so") {
  WorkerLimits limits;
  const fs::path folder = XENT_ABI_FOLDER;
  limits.environment = {"FAKE_CUDA=" + driver, "LD_LIBRARY_PATH=" + (folder / "driver").string()};
  std::map<std::string, Kernel> all;
  for (Kernel& k : library_kernels(folder / file, limits)) {
    all[k.name.substr(k.name.find('/') + 1)] = std::move(k);
  }
  return all;
}

const std::string kProblem = "op=ce n=3 v=5 dtype=f32 dir=fwdbwd";

Faults faults_of(const std::string& name) {
  return run(kernels().at(name), moderate_case(kProblem)).faults;
}

void expect_pass(const Kernel& k, const TestCase& c, const BindOptions& o) {
  const RunRecord r = run(k, c, o);
  ASSERT_TRUE(r.faults.none()) << to_text(c.problem) << ": " << r.faults.raised;
  Reference reference(c);
  const ErrorBudget budget = k.budget(c.problem);
  if (c.problem.wants_loss()) {
    const Judgement loss = judge_loss(reference, budget, r.output.loss);
    EXPECT_EQ(loss.verdict, Verdict::pass) << to_text(c.problem) << ": " << loss.message;
  }
  if (c.problem.wants_grad()) {
    const Judgement grad = judge_grad(reference, budget, r.output.grad);
    EXPECT_EQ(grad.verdict, Verdict::pass) << to_text(c.problem) << ": " << grad.message;
  }
}

TEST(Device, TensorsAreThereAndComeBack) {
  const Kernel rows = kernels().at("rows");
  for (const char* problem : {"op=ce n=3 v=5 dtype=f32 dir=fwdbwd",
                              "op=ce n=4 v=1024 dtype=f32 dir=fwdbwd",
                              "op=ce n=3 v=100003 dtype=f32 dir=fwdbwd"}) {
    for (const bool in_place : {false, true}) {
      BindOptions o;
      o.in_place = in_place;
      o.offset_elements = in_place ? 3 : 0;
      expect_pass(rows, moderate_case(problem), o);
    }
  }
}

/// Problems that between them use every field of a call.
const char* const kEveryOption[] = {
    "op=ce n=3 v=67 dtype=f32 dir=fwd",
    "op=ce n=3 v=67 dtype=bf16 dir=bwd stride=70",
    "op=ce n=4 v=67 dtype=f16 dir=fwdbwd out=f32 reduction=sum upstream=scalar",
    "op=ce n=4 v=67 dtype=f32 dir=fwdbwd weights=on upstream=row unit=bits",
    "op=ce n=6 v=67 dtype=f32 dir=fwdbwd reduction=mean ignore=3 shift=on t=3",
    "op=ce n=6 v=67 dtype=f32 dir=fwdbwd reduction=mean denominator=sequence t=2",
    "op=ce n=6 v=67 dtype=f32 dir=fwdbwd reduction=mean denominator=7 zloss=0.5",
    "op=ce n=3 v=67 dtype=f32 dir=fwdbwd smoothing=0.1 softcap=4 scale=0.5",
    "op=ce n=3 v=67 dtype=f32 dir=fwdbwd targets=prob",
    "op=ce n=3 v=67 dtype=f32 dir=fwd reduction=mean unit=perplexity",
    "op=lse n=3 v=67 dtype=bf16 dir=fwdbwd",
    "op=nll n=3 v=67 dtype=f32 dir=fwdbwd",
    "op=entropy n=3 v=67 dtype=f32 dir=fwdbwd",
    "op=cross-entropy n=3 v=67 dtype=f32 dir=fwdbwd",
    "op=kl n=3 v=67 dtype=f32 dir=fwdbwd targets=prob",
};

TEST(Device, TheCudaPluginAsksForWhatAProblemSays) {
  if (!fs::exists(fs::path(XENT_ABI_FOLDER) / "cuda.so")) {
    GTEST_SKIP() << "hosts are never built with AddressSanitizer";
  }
  const auto rungs = kernels("", "cuda.so");
  for (const auto& [name, kernel] : rungs) {
    EXPECT_NE(kernel.origin.find("unproven on hardware"), std::string::npos) << name;
  }
  for (const char* text : kEveryOption) {
    const TestCase c = moderate_case(text);
    int taken = 0;
    for (const auto& [name, kernel] : rungs) {
      if (!kernel.supports(c.problem)) continue;
      ++taken;
      expect_pass(kernel, c, {});
    }
    EXPECT_GT(taken, 0) << text;
  }
  const TestCase empty = moderate_case("op=ce n=0 v=67 dtype=f32 dir=fwdbwd reduction=sum");
  const RunRecord r = run(rungs.at("safe"), empty);
  EXPECT_TRUE(r.faults.none()) << r.faults.raised;
  EXPECT_EQ(r.output.loss.at(0), 0);
  EXPECT_FALSE(rungs.at("safe").supports(parse_problem("op=ce n=3 v=5 dtype=f64 dir=fwd")));
  EXPECT_FALSE(rungs.at("warp").supports(parse_problem("op=ce n=3 v=5000 dtype=f32 dir=fwd")));
}

TEST(Device, CallsThatAreTimedAreRight) {
  const Kernel rows = kernels().at("rows");
  const TestCase c = moderate_case(kProblem);
  for (const bool in_place : {false, true}) {
    BindOptions o;
    o.in_place = in_place;
    const auto invocation = rows.bind(c, o);
    EXPECT_EQ(invocation->time(9).size(), 9u);
    EXPECT_TRUE(invocation->faults().none());
    EXPECT_EQ(invocation->output(), run(rows, c).output);
  }
}

TEST(Device, WhatIsWrittenOutsideIsNamed) {
  EXPECT_EQ(faults_of("past").written_outside, Lines{"4 bytes past the end of grad"});
  EXPECT_EQ(faults_of("before").written_outside, Lines{"4 bytes before the start of grad"});
  const Lines far = faults_of("far-past").written_outside;
  ASSERT_FALSE(far.empty());
  EXPECT_NE(far[0].find("bytes past the end of grad"), std::string::npos) << far[0];
  EXPECT_EQ(faults_of("scribbles").inputs_changed, Lines{"logits[0,1] written"});
}

TEST(Device, AnErrorOfTheDeviceEndsTheProcessAndIsToldOnce) {
  const auto all = kernels();
  const TestCase c = moderate_case(kProblem);
  for (int again = 0; again < 2; ++again) {
    const std::string raised = run(all.at("breaks"), c).faults.raised;
    EXPECT_NE(raised.find("an illegal access"), std::string::npos) << raised;
    EXPECT_NE(raised.find("CUDA_ERROR_ILLEGAL_ADDRESS"), std::string::npos) << raised;
    EXPECT_TRUE(run(all.at("rows"), c).faults.none());
  }
}

TEST(Device, WithoutOneItIsASkipWithTheReason) {
  const Support none = kernels("no device").at("rows").supports(moderate_case(kProblem).problem);
  EXPECT_FALSE(none);
  EXPECT_NE(none.reason.find("CUDA_ERROR_NO_DEVICE"), std::string::npos) << none.reason;
}

TEST(Device, MemoryThatIsNotThereIsToldAsSuch) {
  const Faults f = run(kernels("no memory").at("rows"), moderate_case(kProblem)).faults;
  EXPECT_NE(f.raised.find("CUDA_ERROR_OUT_OF_MEMORY"), std::string::npos) << f.raised;
}

}  // namespace
}  // namespace xent
