// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <thread>

#include "core/error.h"
#include "impl/process/foreign.h"
#include "impl/process/pool.h"
#include "oracle/judge.h"
#include "tests/impl_cases.h"

namespace xent {
namespace {

namespace fs = std::filesystem;

std::vector<Kernel> plain(const WorkerLimits& limits = {}) {
  return library_kernels(fs::path(XENT_ABI_FOLDER) / "plain.so", limits);
}

TestCase plain_case(const std::string& options, int n = 3, int v = 40,
                    const std::string& dir = "fwdbwd") {
  return moderate_case("op=ce dtype=f32 n=" + std::to_string(n) + " v=" + std::to_string(v) +
                       " dir=" + dir + " " + options);
}

/// What the kernel `fragile` does wrong at this number of classes.
RunRecord wrong(const Kernel& k, int v, const std::string& options = "") {
  return run(k, plain_case(options, 3, v));
}

void expect_judged_pass(const Kernel& k, const TestCase& c, const BindOptions& o = {}) {
  const RunRecord r = run(k, c, o);
  ASSERT_TRUE(r.faults.none()) << to_text(c.problem) << ": " << r.faults.raised;
  Reference reference(c);
  const ErrorBudget budget = k.budget(c.problem);
  if (c.problem.wants_grad()) {
    const Judgement grad = judge_grad(reference, budget, r.output.grad);
    EXPECT_EQ(grad.verdict, Verdict::pass) << to_text(c.problem) << ": " << grad.message;
  }
  if (c.problem.wants_loss()) {
    const Judgement loss = judge_loss(reference, budget, r.output.loss);
    EXPECT_EQ(loss.verdict, Verdict::pass) << to_text(c.problem) << ": " << loss.message;
  }
}

TEST(Process, KernelsComeWithWhatTheLibrarySays) {
  const std::vector<Kernel> kernels = plain();
  ASSERT_EQ(kernels.size(), 4u);
  EXPECT_EQ(kernels[0].name, "plain/rows");
  EXPECT_EQ(kernels[0].summary, "plain rows");
  EXPECT_EQ(kernels[0].origin, "plain.so 2.5");
  EXPECT_EQ(kernels[0].dialect, "math");
  EXPECT_TRUE(kernels[0].promises.in_place);
  EXPECT_TRUE(kernels[0].promises.repeatable);
  EXPECT_FALSE(kernels[0].promises.batch_invariant);
  EXPECT_EQ(kernels[1].promises.accuracy, AccuracyClass::declared);
  EXPECT_FALSE(kernels[1].exponential.compute);
}

TEST(Process, EveryLayoutIsJudgedLikeInThisProcess) {
  const Kernel rows = plain()[0];
  for (const char* options : {"", "stride=64", "layout=btv t=3 stride=41", "layout=bct t=3"}) {
    for (const char* dir : {"fwd", "bwd", "fwdbwd"}) {
      expect_judged_pass(rows, plain_case(options, 6, 40, dir));
    }
  }
  for (const auto& [n, v] : {std::pair{5, 1}, {1, 1024}, {200, 17}, {4, 1024}}) {
    expect_judged_pass(rows, plain_case("", n, v));
  }
  const RunRecord none = run(rows, plain_case("", 0, 40));
  EXPECT_TRUE(none.faults.none()) << none.faults.raised;
  EXPECT_EQ(none.output.grad.shape, (std::vector<std::int64_t>{0, 40}));
}

/// Every operation, element type, layout and kind of tensor.
const std::vector<std::string>& varied_problems() {
  static const std::vector<std::string> all = {
      "op=ce n=6 v=33 dtype=bf16 dir=fwdbwd stride=40",
      "op=ce n=6 v=33 dtype=f16 dir=fwdbwd layout=bct t=3",
      "op=ce n=6 v=33 dtype=f64 dir=fwdbwd layout=btv t=2 stride=35 shift=on",
      "op=ce n=6 v=33 dtype=f32 dir=fwdbwd out=bf16",
      "op=ce n=6 v=33 dtype=bf16 dir=fwdbwd out=f32 acc=f64",
      "op=ce n=6 v=33 dtype=f32 dir=fwdbwd targets=prob stride=34 smoothing=0.1",
      "op=ce n=6 v=33 dtype=f32 dir=hvp layout=bct t=2",
      "op=ce n=6 v=33 dtype=f32 dir=bwd upstream=row weights=on smoothing=0.25",
      "op=ce n=6 v=33 dtype=f32 dir=fwdbwd reduction=mean denominator=sequence t=3 upstream=scalar "
      "ignore=-100",
      "op=ce n=6 v=33 dtype=f32 dir=fwdbwd reduction=mean denominator=7 zloss=0.5 softcap=4",
      "op=ce n=6 v=33 dtype=f32 dir=fwd reduction=mean unit=perplexity scale=0.5",
      "op=bce-logits n=4 v=9 dtype=f64 dir=fwdbwd weights=on",
      "op=bce-prob n=4 v=9 dtype=f32 dir=fwdbwd layout=bct t=2",
      "op=entropy n=4 v=9 dtype=f32 dir=fwdbwd unit=bits",
      "op=cross-entropy n=4 v=9 dtype=f16 dir=fwdbwd targets=prob",
      "op=cross-entropy n=4 v=9 dtype=f32 dir=fwdbwd",
      "op=kl n=4 v=9 dtype=f32 dir=fwdbwd stride=11 targets=prob",
      "op=lse n=4 v=9 dtype=bf16 dir=fwdbwd",
      "op=nll n=4 v=9 dtype=f32 dir=fwdbwd reduction=sum",
      "op=mse-softmax n=4 v=9 dtype=f32 dir=fwdbwd",
      "op=mse-sigmoid n=4 v=9 dtype=f64 dir=fwdbwd",
  };
  return all;
}

TEST(Process, EveryKindOfProblemArrivesBitByBit) {
  const fs::path host = fs::path(XENT_ABI_FOLDER) / "ours";
  if (!fs::exists(host)) GTEST_SKIP() << "hosts are never built with AddressSanitizer";
  const Kernel there = process::host_kernels({{host.string()}, {}, "ours"}, {}, "")[0];
  const Kernel& here = kernel_named("scalar/safe");
  for (const std::string& text : varied_problems()) {
    const TestCase c = moderate_case(text);
    ASSERT_EQ(there.supports(c.problem).reason, here.supports(c.problem).reason) << text;
    const RunRecord a = run(there, c), b = run(here, c);
    EXPECT_TRUE(a.faults.none()) << text << ": " << a.faults.raised;
    EXPECT_TRUE(b.faults.none()) << text << ": " << b.faults.raised;
    EXPECT_TRUE(a.output == b.output) << text;
  }
}

TEST(Process, OffsetsAndInPlace) {
  const Kernel rows = plain()[0];
  for (const std::size_t offset : {0u, 1u, 3u}) {
    BindOptions o;
    o.offset_elements = offset;
    expect_judged_pass(rows, plain_case("stride=50"), o);
    o.in_place = true;
    expect_judged_pass(rows, plain_case("stride=50"), o);
    expect_judged_pass(rows, plain_case("layout=bct t=3"), o);
  }
  BindOptions in_place;
  in_place.in_place = true;
  EXPECT_NE(run(plain()[1], plain_case(""), in_place).faults.raised.find("does not promise"),
            std::string::npos);
}

TEST(Process, BothPlacementsGiveTheSameAnswerAgain) {
  const Kernel rows = plain()[0];
  const TestCase c = plain_case("");
  const Output once = run(rows, c).output;
  BindOptions timed;
  timed.timed = true;
  EXPECT_TRUE(run(rows, c).output == once);
  EXPECT_TRUE(run(rows, c, timed).output == once);
  const auto invocation = rows.bind(c, {});
  for (int i = 0; i < 3; ++i) {
    invocation->reset();
    invocation->launch();
    invocation->launch();  // outputs can be written again without a reset
    invocation->wait();
    EXPECT_TRUE(invocation->output() == once);
    EXPECT_TRUE(invocation->faults().none());
  }
}

TEST(Process, SaysWhyAProblemIsNotTaken) {
  const Kernel rows = plain()[0];
  EXPECT_EQ(rows.supports(plain_case("smoothing=0.1").problem).reason, "plain rows only");
  // A refusal by prepare is a skip too.
  EXPECT_EQ(rows.supports(plain_case("", 1, 15).problem).reason, "no fifteen on this machine");
  EXPECT_FALSE(rows.supports(parse_problem("op=lse n=1 v=3 smoothing=0.1")).ok);
  const Kernel fragile = plain()[1];
  EXPECT_NE(fragile.supports(plain_case("dialect=pytorch").problem).reason.find("answers as math"),
            std::string::npos);
}

TEST(Process, BudgetsAreChecked) {
  const Kernel fragile = plain()[1];
  EXPECT_EQ(fragile.budget(plain_case("").problem).order, SumOrder::lanes);
  EXPECT_EQ(fragile.budget(plain_case("").problem).lanes, 4);
  try {
    fragile.budget(plain_case("", 1, 2).problem);
    ADD_FAILURE() << "a budget of 0 lanes";
  } catch (const std::exception& e) {
    EXPECT_NE(std::string(e.what()).find("lanes = 0"), std::string::npos) << e.what();
  }
}

TEST(Process, NamesWhatWentWrongAndGoesOn) {
  const Kernel fragile = plain()[1];
  const std::pair<int, const char*> raised[] = {
      {5, "crash: read 4 bytes past the end of logits (SIGSEGV)"},
      {6, "crash: read 4 bytes before the start of logits (SIGSEGV)"},
      {7, "crash: abort (SIGABRT)"},
      {8, "crash: wrote through a null pointer (address 0x0) (SIGSEGV)"},
      {9, "stack overflow"},
      {10, "ended its process by exit(3)"},
      {12, "no luck"},
      {13, "returned 7"},
      {20, "not today"},  // too late for a skip
      {18, "crash: abort (SIGABRT); it printed: last words"},
  };
  for (const auto& [v, text] : raised) {
    EXPECT_EQ(wrong(fragile, v).faults.raised, text) << v;
    EXPECT_TRUE(wrong(fragile, 40).faults.none()) << v;
  }
  EXPECT_EQ(wrong(fragile, 17, "stride=20").faults.raised,
            "crash: wrote 4 bytes past the end of grad (SIGSEGV)");
  EXPECT_EQ(run(fragile, plain_case("stride=20", 1, 16)).faults.raised,
            "crash: wrote row padding of grad after row 0 (SIGSEGV)");
}

TEST(Process, NamesWhatWasWrittenWithoutACrash) {
  const Kernel fragile = plain()[1];
  EXPECT_EQ(wrong(fragile, 11).faults.inputs_changed,
            std::vector<std::string>{"logits[0,1] changed"});
  EXPECT_EQ(wrong(fragile, 16, "stride=20").faults.written_outside,
            std::vector<std::string>{"row padding of grad after row 0"});
  BindOptions at_start;
  at_start.timed = true;
  EXPECT_EQ(run(fragile, plain_case("", 3, 17), at_start).faults.written_outside,
            std::vector<std::string>{"4 bytes past the end of grad"});
}

TEST(Process, AHangIsEnded) {
  WorkerLimits limits;
  limits.cpu_seconds = 0.2;
  const Kernel fragile = plain(limits)[1];
  const std::string hang = "hang: no answer after 0.2";
  EXPECT_EQ(wrong(fragile, 14).faults.raised.substr(0, hang.size()), hang);
  EXPECT_TRUE(wrong(fragile, 40).faults.none());
}

TEST(Process, WaitingForNothingIsAHang) {
  WorkerLimits limits;
  limits.idle_seconds = 0.4;
  const Kernel fragile = plain(limits)[1];
  EXPECT_EQ(wrong(fragile, 19).faults.raised,
            "hang: waits for something that does not come, no CPU used for 0.4 s");
  EXPECT_TRUE(wrong(fragile, 40).faults.none());
}

TEST(Process, GivenUpAfterSoManyCrashes) {
  WorkerLimits limits;
  limits.crashes = 3;
  const std::vector<Kernel> kernels = plain(limits);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(wrong(kernels[1], 7).faults.none());
  try {
    wrong(kernels[1], 40);
    ADD_FAILURE() << "still run";
  } catch (const GivenUp& e) {
    EXPECT_NE(std::string(e.what()).find("given up after 3 crashes"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("crash: abort (SIGABRT)"), std::string::npos);
  }
  // The library's other kernel has done nothing.
  EXPECT_TRUE(wrong(kernels[0], 40).faults.none());
}

TEST(Process, ThreadsHaveAProcessEach) {
  const std::vector<Kernel> kernels = plain();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const TestCase c = plain_case("", 2 + t, 40);
      const Output once = run(kernels[0], c).output;
      for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(wrong(kernels[1], i % 5 == t ? 7 : 40).faults.none(), i % 5 != t);
        const RunRecord again = run(kernels[0], c);
        EXPECT_EQ(again.faults.raised, "");
        EXPECT_TRUE(again.output == once);
      }
    });
  }
  for (std::thread& t : threads) t.join();
}

TEST(Process, TimesItsCallsItself) {
  const Kernel rows = plain()[0];
  const TestCase c = plain_case("");
  const Output once = run(rows, c).output;
  BindOptions timed;
  timed.timed = true;
  const auto invocation = rows.bind(c, timed);
  for (const int calls : {1, 3, 2000}) {
    const std::vector<double> seconds = invocation->time(calls);
    ASSERT_EQ(seconds.size(), static_cast<std::size_t>(calls));
    for (const double s : seconds) EXPECT_GT(s, 0);
    EXPECT_TRUE(invocation->output() == once);
    EXPECT_TRUE(invocation->faults().none());
  }
  invocation->reset();
  invocation->launch();
  EXPECT_TRUE(invocation->output() == once);
}

TEST(Process, OutputsOfTimedCallsAreTheirOwn) {
  const Kernel once = plain()[2];
  const auto invocation = once.bind(plain_case(""), {});
  EXPECT_EQ(invocation->time(100).size(), 100u);
  EXPECT_TRUE(is_poison(invocation->output().grad, 0));
}

TEST(Process, ShowsItsExponential) {
  const Kernel rows = plain()[0];
  std::vector<float> x(300000), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = -static_cast<float>(i) * 0x1p-12f;
  rows.exponential.compute(x, y);
  EXPECT_EQ(y[0], 1.0f);
  for (const std::size_t i : {std::size_t{4096}, x.size() - 1}) {
    EXPECT_NEAR(y[i], std::exp(static_cast<double>(x[i])), 1e-7) << x[i];
  }
}

/// Peak of this process's memory in bytes.
double peak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

TEST(Process, LargeTensorsAreNotHereTwice) {
  const Kernel rows = plain()[0];
  const TestCase c = plain_case("", 64, 1 << 18);  // 64 MiB
  const double size = static_cast<double>(c.input.bytes.size());
  BindOptions timed;
  timed.timed = true;
  const auto invocation = rows.bind(c, timed);
  const double before = peak();
  invocation->reset();
  invocation->launch();
  EXPECT_LT(peak() - before, 0.05 * size);
  const Output first = invocation->output();
  const std::int64_t last = first.grad.size() - 1;
  EXPECT_EQ(first.grad.at(last), invocation->output().grad.at(last));
  invocation->reset();
  EXPECT_FALSE(is_poison(first.grad, 0));
  EXPECT_TRUE(is_poison(invocation->output().grad, 0));
}

TEST(Process, WhatWasHandedOutIsNotWrittenAgain) {
  const Kernel counting = plain()[3];
  const auto invocation = counting.bind(plain_case("", 2, 1 << 18), {});
  std::vector<Tensor> grads;
  std::vector<double> values;
  const auto keep = [&] {
    grads.push_back(invocation->output().grad);
    values.push_back(grads.back().at(5));
  };
  for (int i = 0; i < 2; ++i) {
    invocation->launch();
    keep();
  }
  for (int i = 0; i < 2; ++i) {
    invocation->time(3);
    keep();
  }
  for (std::size_t i = 0; i < grads.size(); ++i) {
    EXPECT_EQ(grads[i].at(5), values[i]);
    EXPECT_GT(values[i], i == 0 ? 0 : values[i - 1]);
  }
}

std::size_t descriptors() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

TEST(Process, LeavesNothingBehind) {
  const fs::path folder = fs::path(testing::TempDir()) / "xentcheck-leaves-nothing";
  fs::create_directories(folder);
  ASSERT_EQ(setenv("TMPDIR", folder.c_str(), 1), 0);
  run(plain()[0], plain_case(""));  // the thread that starts processes stays
  const std::size_t before = descriptors();
  {
    const std::vector<Kernel> kernels = plain();
    for (const int v : {40, 7, 10, 40}) wrong(kernels[1], v);
    EXPECT_GT(descriptors(), before);
    EXPECT_FALSE(fs::is_empty(folder));
  }
  EXPECT_EQ(descriptors(), before);
  EXPECT_TRUE(fs::is_empty(folder));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  unsetenv("TMPDIR");
  fs::remove(folder);
}

}  // namespace
}  // namespace xent
