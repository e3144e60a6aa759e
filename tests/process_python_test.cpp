// SPDX-License-Identifier: Apache-2.0
// Functions of tests/python, each in a process of its own.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "impl/process/foreign.h"
#include "oracle/judge.h"
#include "tests/impl_cases.h"

namespace xent {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = XENT_PYTHON_FOLDER;

Kernel python(const fs::path& file, const std::string& function,
              const std::string& interpreter = XENT_PYTHON) {
  WorkerLimits limits;
  limits.memory_bytes = std::uint64_t{4} << 30;
  return python_kernels(file, function, interpreter, limits).at(0);
}

Kernel numpy(const std::string& function) { return python(kFolder / "numpy_kernels.py", function); }

/// The line that refuses the file.
std::string refusal(const fs::path& file, const std::string& function,
                    const std::string& interpreter = XENT_PYTHON) {
  try {
    python(file, function, interpreter);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "accepted";
}

void expect_has(const std::string& text, const std::vector<std::string>& all) {
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  for (const std::string& part : all) EXPECT_NE(text.find(part), std::string::npos) << text;
}

void expect_right(const Kernel& k, const std::string& problem, const BindOptions& o = {}) {
  const TestCase c = moderate_case(problem);
  const Support s = k.supports(c.problem);
  ASSERT_TRUE(s.ok) << k.name << ", " << problem << ": " << s.reason;
  const RunRecord r = run(k, c, o);
  ASSERT_TRUE(r.faults.none()) << k.name << ", " << problem << ": " << r.faults.raised;
  Reference reference(c);
  const ErrorBudget budget = k.budget(c.problem);
  if (c.problem.wants_loss()) {
    EXPECT_EQ(judge_loss(reference, budget, r.output.loss).verdict, Verdict::pass) << problem;
  }
  if (c.problem.wants_grad()) {
    EXPECT_EQ(judge_grad(reference, budget, r.output.grad).verdict, Verdict::pass) << problem;
  }
}

constexpr const char* kPlain = "op=ce n=3 v=5 dtype=f32 dir=fwdbwd";

Faults faults_of(const Kernel& k, const std::string& problem = kPlain) {
  return run(k, moderate_case(problem)).faults;
}

std::string reason(const Kernel& k, const std::string& problem) {
  const Support s = k.supports(parse_problem(problem));
  return s.ok ? "supported" : s.reason;
}

/// Whether a process is gone, or will be: a signal takes its time.
bool ends(long pid) {
  for (int i = 0; i < 500; ++i) {
    std::string line;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
    if (line.empty() || line.find(") Z ") != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// A folder for files that are wrong.
class PythonRefused : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "python-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path file(const std::string& name, const std::string& text) const {
    write_bytes(folder_ / name, text);
    return folder_ / name;
  }
  fs::path folder_;
};

TEST_F(PythonRefused, Files) {
  expect_has(refusal(folder_ / "none.py", "f"), {"none.py", "FILE.py:FUNCTION"});
  expect_has(refusal(file("a.py", "x = 1\ndef f(:\n"), "f"), {"a.py: syntax error in line 2"});
  expect_has(refusal(file("b.py", "import a\n"), "f"), {"b.py: syntax error in line 2 of a.py"});
  expect_has(refusal(file("c.py", "\n1 / 0\n"), "f"),
             {"c.py: its import raised ZeroDivisionError: division by zero (c.py:2)"});
  expect_has(refusal(file("d.py", "import sys\nsys.exit('no')\n"), "f"),
             {"d.py: its import raised SystemExit: no (d.py:2)"});
  expect_has(refusal(file("e.py", "import os\nprint('bye', flush=True)\nos._exit(4)\n"), "f"),
             {"e.py: ended its process by exit(4) while it was loaded; it printed: bye"});
  expect_has(refusal(file("g.txt", "f = 1\n"), "f"), {"its name must end in .py"});
  expect_has(refusal(file("h.py", "import no_such_module\n"), "f"),
             {"ModuleNotFoundError: No module named 'no_such_module'"});
}

TEST_F(PythonRefused, Interpreters) {
  const fs::path good = kFolder / "numpy_kernels.py";
  expect_has(refusal(good, "right", "no-such-python"), {"no-such-python", "--interpreter PATH"});
  expect_has(refusal(good, "right", folder_ / "none"), {"none", "--interpreter PATH"});
  const fs::path bare = file("bare", "#!/bin/sh\nexec " XENT_PYTHON " -S -I \"$@\"\n");
  fs::permissions(bare, fs::perms::owner_all);
  expect_has(refusal(good, "right", bare), {"has no numpy", "pip install", "--interpreter PATH"});
  expect_has(refusal(good, "right", "/bin/true"), {"/bin/true", "--interpreter PATH"});
}

TEST_F(PythonRefused, Functions) {
  const fs::path all = kFolder / "numpy_kernels.py";
  expect_has(refusal(all, "rigth"), {"has no function 'rigth'; it has right"});
  expect_has(refusal(all, "answers"), {"has no function 'answers'"});
  expect_has(refusal(all, "promises_much"),
             {"promises 'always-right' is not known: there are repeatable, batch-invariant"});
  expect_has(refusal(all, "strange_type"), {"dtypes 'f8' is not known: there are f32"});
  expect_has(refusal(all, "needs"), {"needs a parameter 'temperature'", "a default"});
  expect_has(refusal(all, "warms_up_in_vain"),
             {"its warm_up with n=2 v=4 dtype=f32 raised ValueError: no compiler (numpy_kernels"});
  expect_has(refusal(all, "strange_warm_up"), {"warm_up is no list of (rows, classes)"});
  expect_has(refusal(all, "of_another_world"), {"framework 'tensorflow' is not known: numpy"});
}

TEST(Python, NamesWhatItIs) {
  const Kernel k = numpy("right");
  EXPECT_EQ(k.name, "numpy_kernels/right");
  EXPECT_EQ(k.summary, "Losses and gradients.");
  expect_has(k.origin, {"numpy_kernels.py Python 3.", ", numpy "});
}

TEST(Python, RightAnswersInEveryForm) {
  for (const char* form : {"right", "named", "prints", "scaled_by_caller", "insists", "opens"}) {
    const Kernel k = numpy(form);
    if (form != std::string("opens")) expect_right(k, kPlain);
    if (form != std::string("right")) continue;
    for (const char* problem :
         {"op=ce n=4 v=3 dtype=f64 dir=fwdbwd", "op=ce n=3 v=5 dtype=f32 dir=fwdbwd stride=7",
          "op=ce n=2 v=1 dtype=f32 dir=fwd", "op=ce n=3 v=5 dtype=f32 dir=bwd",
          "op=ce n=1 v=3000 dtype=f32 dir=fwdbwd"}) {
      expect_right(k, problem);
    }
    BindOptions shifted;
    shifted.offset_elements = 3;
    expect_right(k, kPlain, shifted);
  }
  expect_right(numpy("scaled_by_caller"), "op=ce n=3 v=5 dtype=f32 dir=fwdbwd upstream=row");
  expect_right(numpy("entropy"), "op=entropy n=3 v=5 dtype=f64 dir=fwdbwd");
}

TEST(Python, OptionsGoByName) {
  const Kernel k = numpy("by_position");
  expect_right(k, "op=ce n=7 v=5 dtype=f64 dir=fwd reduction=none ignore=-100");
  expect_right(k, "op=ce n=7 v=5 dtype=f64 dir=fwd reduction=sum weights=on");
  expect_right(k, "op=ce n=7 v=5 dtype=f64 dir=fwd reduction=mean weights=on ignore=2");
  expect_right(numpy("mean_only"), "op=ce n=4 v=5 dtype=f64 dir=fwd reduction=mean");
  expect_right(numpy("sum_only"), "op=ce n=4 v=5 dtype=f64 dir=fwd reduction=sum");
}

TEST(Python, WhatIsNotTakenIsSkipped) {
  const Kernel k = numpy("loss_only");
  EXPECT_EQ(reason(k, "op=ce n=3 v=5 dtype=f32 dir=fwd"), "supported");
  EXPECT_EQ(reason(k, kPlain), "gives no dir=fwdbwd");
  EXPECT_EQ(reason(k, "op=lse n=3 v=5 dtype=f32 dir=fwd"), "computes ce alone");
  EXPECT_EQ(reason(k, "op=ce n=3 v=5 dtype=f16 dir=fwd"), "takes no f16 (numpy)");
  EXPECT_EQ(reason(k, "op=ce n=3 v=5 dtype=f32 dir=fwd out=f64"),
            "loss and gradient have the type of the logits");
  EXPECT_EQ(reason(k, "op=ce n=3 v=5 dtype=f32 dir=fwd targets=prob"), "takes no targets=prob");
  EXPECT_EQ(reason(k, "op=ce n=4 v=5 t=2 layout=bct dir=fwd"), "takes no layout=bct");
  EXPECT_EQ(reason(k, "op=ce n=4 v=5 t=2 shift=on dir=fwd"), "takes no shift");
  EXPECT_EQ(reason(k, "op=ce n=3 v=5 unit=bits dir=fwd"), "gives nats alone");
  EXPECT_EQ(reason(k, "op=ce n=3 v=5 smoothing=0.1 dir=fwd"), "has no parameter label_smoothing");
  EXPECT_EQ(reason(k, "op=ce n=3 v=5 reduction=sum dir=fwd"), "gives reduction=none alone");
  EXPECT_EQ(reason(numpy("right"), "op=ce n=3 v=5 dir=bwd upstream=row"),
            "has no parameter grad_output");
}

TEST(Python, AttributesAreHeeded) {
  const Kernel k = numpy("picky");
  EXPECT_TRUE(k.promises.repeatable && k.promises.batch_invariant);
  EXPECT_FALSE(k.promises.in_place || k.promises.thread_invariant);
  EXPECT_EQ(k.promises.accuracy, AccuracyClass::relative);
  EXPECT_EQ(k.dialect, "pytorch");
  EXPECT_EQ(reason(k, "op=ce n=3 v=5 dialect=pytorch"), "supported");
  EXPECT_EQ(reason(k, "op=ce n=3 v=4 dialect=pytorch"), "five classes alone");
  BindOptions in_place;
  in_place.in_place = true;
  expect_right(numpy("own_memory"), kPlain, in_place);
}

/// The gradient is the input, bit by bit; a row of it is the loss.
void expect_echo(const Kernel& k, const std::string& problem, const BindOptions& o = {}) {
  const TestCase c = moderate_case(problem);
  const RunRecord r = run(k, c, o);
  ASSERT_TRUE(r.faults.none()) << problem << ": " << r.faults.raised;
  EXPECT_TRUE(r.faults.remarks.empty()) << problem;
  EXPECT_EQ(r.output.grad, c.input) << problem;
  for (std::int64_t i = 0; i < r.output.loss.size(); ++i) {
    EXPECT_EQ(r.output.loss.at(i), c.input.at(i * c.problem.v)) << problem;
  }
}

TEST(Python, ValuesPassThroughBitByBit) {
  const Kernel k = numpy("echo");
  expect_echo(k, "op=ce n=3 v=5 dtype=f32 dir=fwdbwd");
  expect_echo(k, "op=ce n=3 v=5 dtype=f64 dir=fwdbwd");
  expect_echo(k, "op=ce n=3 v=5 dtype=f64 dir=fwdbwd stride=9");
  expect_echo(numpy("echo_middle"),
              "op=ce n=6 v=4 t=3 layout=bct dtype=f64 dir=bwd targets=prob");
}

TEST(Python, WhatGoesWrongIsRaised) {
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"raises", "ValueError: not today (numpy_kernels.py:"},
      {"calls_exit", "SystemExit: 3 (numpy_kernels.py:"},
      {"shapeless", "ValueError: loss has shape [2], not [3]"},
      {"nothing", "ValueError: returned no loss"},
      {"no_gradient", "ValueError: returned no grad"},
      {"three", "ValueError: returned 3 values: give loss, or loss and gradient"},
      {"overwrites", "ValueError: output array is read-only (numpy_kernels.py:"},
      {"ends", "ended its process by exit(0)"},
      {"crashes", "crash: read through a null pointer (address 0x8) (SIGSEGV)"}};
  for (const auto& [name, text] : expected) {
    const Kernel k = numpy(name);
    const std::string raised = faults_of(k).raised;
    EXPECT_NE(raised.find(text), std::string::npos) << name << ": " << raised;
  }
}

TEST(Python, AChangeOfTypeIsRemarkedAndTheAnswerRight) {
  const Kernel k = numpy("wider");
  expect_right(k, kPlain);
  const Faults f = faults_of(k);
  ASSERT_EQ(f.remarks.size(), 1u);
  EXPECT_EQ(f.remarks[0], (Remark{"dtype.changed", "loss came back as f64, asked for f32"}));
}

TEST(Python, ArraysAreTheCallsOwnMemory) {
  const Faults f = faults_of(numpy("scribbles"));
  EXPECT_EQ(f.raised, "");
  EXPECT_EQ(f.inputs_changed, std::vector<std::string>{"logits[1,2] changed"});
}

TEST(Python, FilesAreNotWritten) {
  const Faults f = faults_of(numpy("opens"));
  ASSERT_FALSE(f.misconduct.empty());
  expect_has(f.misconduct.back(), {"python-was-here for writing"});
  EXPECT_FALSE(fs::exists("python-was-here"));
}

TEST(Python, ProgramsStartInTheWarmUpAlone) {
  const Kernel first = numpy("compiles");
  for (const char* problem : {kPlain, "op=ce n=1 v=5 dtype=f64 dir=fwd"}) {
    expect_right(first, problem);
    EXPECT_EQ(faults_of(first, problem).misconduct, std::vector<std::string>{});
  }
  expect_right(numpy("compiles_later"), kPlain);
  if (!sandbox_gap().empty()) GTEST_SKIP() << sandbox_gap();
  for (const char* name : {"compiles_unasked", "compiles_later"}) {
    const Faults f = faults_of(numpy(name), "op=ce n=1 v=5 dtype=f32 dir=fwdbwd");
    expect_has(f.raised, {"PermissionError: "});
    ASSERT_FALSE(f.misconduct.empty());
    EXPECT_EQ(f.misconduct.back(), "started a process");
  }
}

TEST(Python, WhoWaitsForACompilerIsNotIdle) {
  WorkerLimits limits;
  limits.idle_seconds = 1;
  const fs::path file = kFolder / "numpy_kernels.py";
  expect_right(python_kernels(file, "compiles_long", XENT_PYTHON, limits).at(0), kPlain);
}

TEST(Python, WhatAWarmUpLeavesIsSaidAndEnds) {
  double left = 0;
  {
    const RunRecord r = run(numpy("leaves_a_program"), moderate_case(kPlain));
    ASSERT_EQ(r.faults.raised, "");
    ASSERT_EQ(r.faults.remarks.size(), 1u);
    EXPECT_EQ(r.faults.remarks[0].id, "process.programs-left");
    left = r.output.loss.at(0);
  }
  EXPECT_TRUE(ends(std::lround(left))) << left;
}

TEST(Python, WhoRemembersAddressesIsMisledBySameOnes) {
  const Kernel k = numpy("remembers");
  BindOptions same;
  same.same_place = true;
  TestCase other = moderate_case(kPlain);
  for (std::int64_t i = 0; i < other.input.size(); ++i) other.input.set(i, static_cast<double>(i));
  for (const bool place : {false, true}) {
    const BindOptions o = place ? same : BindOptions{};
    run(k, moderate_case(kPlain), o);
    Reference reference(other);
    EXPECT_EQ(judge_loss(reference, k.budget(other.problem), run(k, other, o).output.loss).verdict,
              place ? Verdict::fail : Verdict::pass);
  }
}

/// PyTorch once for everything that is asked of it.
TEST(Python, Torch) {
  const fs::path file = kFolder / "torch_kernels.py";
  if (const std::string why = refusal(file, "none"); why.find("'torch'") != std::string::npos) {
    GTEST_SKIP() << why;
  }
  const Kernel k = python(file, "cross_entropy");
  expect_has(k.origin, {", torch "});
  for (const char* problem :
       {"op=ce n=5 v=4 dtype=f32 dir=fwdbwd reduction=none",
        "op=ce n=5 v=4 dtype=f64 dir=fwdbwd reduction=mean weights=on ignore=1",
        "op=ce n=5 v=4 dtype=f64 dir=bwd reduction=sum smoothing=0.25",
        "op=ce n=5 v=4 dtype=f64 dir=fwdbwd reduction=none upstream=row stride=6",
        "op=ce n=5 v=4 dtype=f32 dir=fwdbwd reduction=mean upstream=scalar",
        "op=ce n=6 v=4 t=3 layout=bct dtype=f64 dir=fwdbwd reduction=none",
        "op=ce n=6 v=4 dtype=f64 dir=fwdbwd reduction=none targets=prob"}) {
    expect_right(k, problem);
  }
  EXPECT_EQ(reason(k, "op=ce n=3 v=5 dtype=f16 dir=fwd reduction=none"), "takes no f16 (torch)");
  const auto besides = [](const char* z, const char* dtype = "f32") {
    return std::string("op=ce n=3 v=5 dir=fwdbwd dtype=") + dtype + " zloss=" + z;
  };
  EXPECT_EQ(faults_of(k, besides("1")).inputs_changed,
            std::vector<std::string>{"logits[1,2] changed"});
  const Faults wide = faults_of(k, besides("2"));
  ASSERT_EQ(wide.remarks.size(), 1u);
  EXPECT_EQ(wide.remarks[0], (Remark{"dtype.changed", "loss came back as f64, asked for f32"}));
  for (const char* dtype : {"bf16", "f32", "f64"}) expect_echo(k, besides("3", dtype));
  const std::string cuda = reason(python(file, "on_device"), "op=ce n=2 v=3 dtype=f32 dir=fwd");
  EXPECT_TRUE(cuda == "supported" || cuda == "torch finds no device cuda") << cuda;
  EXPECT_EQ(faults_of(k, besides("4")).raised, "ValueError: grad has shape [2, 3], not [3, 5]");
}

}  // namespace
}  // namespace xent
