// SPDX-License-Identifier: Apache-2.0
// Kernels of tests/zoo: right answers, and one vice or one habit each.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "impl/process/foreign.h"
#include "oracle/judge.h"
#include "tests/impl_cases.h"

namespace xent {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

/// Little, so that hangs and hogs are quick.
WorkerLimits limits(std::uint64_t memory) {
  WorkerLimits l;
  l.cpu_seconds = 1;
  l.idle_seconds = 1;
  l.memory_bytes = memory;
  return l;
}

/// The folder for temporary files, of this test alone.
class OwnFolder {
 public:
  OwnFolder() {
    std::string name = (fs::temp_directory_path() / "zoo-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    setenv("TMPDIR", name.c_str(), 1);
    path = name;
  }
  ~OwnFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  OwnFolder(const OwnFolder&) = delete;
  OwnFolder& operator=(const OwnFolder&) = delete;

  fs::path path;
};

const fs::path& own_folder() {
  static const OwnFolder folder;
  return folder.path;
}

std::map<std::string, Kernel> zoo(std::uint64_t memory = std::uint64_t{3} << 30) {
  own_folder();
  std::map<std::string, Kernel> all;
  for (Kernel& k : library_kernels(XENT_ZOO, limits(memory))) {
    all[k.name.substr(k.name.find('/') + 1)] = std::move(k);
  }
  return all;
}

const std::string kPlain = "op=ce n=3 v=5 dtype=f32 dir=fwdbwd";
TestCase zoo_case() { return moderate_case(kPlain); }

Faults faults_of(const Kernel& k, int watch_ms = 0, const std::string& problem = kPlain) {
  BindOptions o;
  o.watch_ms = watch_ms;
  return run(k, moderate_case(problem), o).faults;
}

/// The answers of a kernel that did not end its process are right.
void expect_right(const Kernel& k) {
  const TestCase c = zoo_case();
  const RunRecord r = run(k, c);
  ASSERT_EQ(r.faults.raised, "");
  Reference reference(c);
  const ErrorBudget budget = k.budget(c.problem);
  EXPECT_EQ(judge_loss(reference, budget, r.output.loss).verdict, Verdict::pass) << k.name;
  EXPECT_EQ(judge_grad(reference, budget, r.output.grad).verdict, Verdict::pass) << k.name;
}

void expect_no_traces() {
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD) << "a child is left";
  Lines left;
  for (const auto& entry : fs::directory_iterator(own_folder())) {
    left.push_back(entry.path().filename().string());
  }
  EXPECT_TRUE(left.empty()) << left.front() << " is left";
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

void expect_raised(const Pairs& expected, const std::string& problem = kPlain) {
  {
    const auto animals = zoo();
    for (const auto& [name, text] : expected) {
      EXPECT_EQ(faults_of(animals.at(name), 0, problem).raised, text) << name;
    }
  }
  expect_no_traces();
}

TEST(Zoo, ElementsOutsideAreNamed) {
  const Pairs tensors = {{"logits", "4"},   {"targets", "8"}, {"loss", "4"},
                         {"grad", "4"},     {"weights", "4"}, {"upstream", "4"}};
  Pairs expected;
  for (const auto& [tensor, bytes] : tensors) {
    for (const auto& [verb, did] : Pairs{{"reads", "read"}, {"writes", "wrote"}}) {
      expected.push_back({verb + "-before-" + tensor, "crash: " + did + " " + bytes +
                                                          " bytes before the start of " + tensor +
                                                          " (SIGSEGV)"});
      expected.push_back({verb + "-past-" + tensor, "crash: " + did + " " + bytes +
                                                        " bytes past the end of " + tensor +
                                                        " (SIGSEGV)"});
    }
  }
  expect_raised(expected, kPlain + " weights=on upstream=row");
}

TEST(Zoo, ThreadsThatCrashAtOnceAreNamedOnce) {
  const std::string text = "crash: read 4 bytes past the end of logits (SIGSEGV)";
  expect_raised(Pairs(20, {"threads-read-past", text}));
}

TEST(Zoo, WorkspacesHaveEndsToo) {
  const auto animals = zoo();
  for (const std::string verb : {"reads", "writes"}) {
    const std::string text = faults_of(animals.at(verb + "-past-workspace")).raised;
    EXPECT_NE(text.find(" past the end of workspace (SIGSEGV)"), std::string::npos) << text;
  }
}

TEST(Zoo, EndsOfTheProcessAreNamed) {
  expect_raised({{"aborts", "crash: abort (SIGABRT)"},
                 {"catches-crashes", "crash: abort (SIGABRT)"},
                 {"closes-files", "closed its connection to the judge between two calls"},
                 {"dies-in-a-thread",
                  "crash: wrote through a null pointer (address 0x10) (SIGSEGV)"},
                 {"raises-fault", "crash: raised SIGSEGV"},
                 {"exits", "ended its process by exit(0)"},
                 {"exits-at-once", "ended its process by exit(0)"},
                 {"overflows-stack", "stack overflow"},
                 {"reads-null", "crash: read through a null pointer (address 0x10) (SIGSEGV)"},
                 {"traps", "crash: trap in arithmetic, a division by zero (SIGFPE)"}});
}

TEST(Zoo, HangsAreNamed) {
  const auto animals = zoo();
  EXPECT_EQ(faults_of(animals.at("loops")).raised, "hang: no answer after 1 s of CPU");
  EXPECT_EQ(faults_of(animals.at("waits")).raised,
            "hang: waits for something that does not come, no CPU used for 1 s");
}

TEST(Zoo, EndlessAllocationIsNamed) {
  const std::string text = faults_of(zoo(std::uint64_t{1} << 28).at("allocates")).raised;
  EXPECT_EQ(text.find("memory: took all of the 0.25 GiB that it may have"), 0u) << text;
}

TEST(Zoo, ChangedInputsAreNamedAndTheKernelGoesOn) {
  const auto animals = zoo();
  for (const auto& [name, text] : Pairs{{"writes-logits", "logits[2,4] changed"},
                                        {"threads-write-logits", "logits[0,0] changed"},
                                        {"writes-target", "targets[0] changed"}}) {
    const Faults f = faults_of(animals.at(name));
    EXPECT_EQ(f.raised, "") << name;
    EXPECT_EQ(f.inputs_changed, Lines{text}) << name;
  }
}

/// What one of the animals tries to move away.
struct KeptFile {
  KeptFile() { std::ofstream(path) << "kept"; }
  ~KeptFile() { std::remove(path); }
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;
  const char* path = "zoo-keeps-this";
};

TEST(Zoo, MisconductIsNamedAndTheAnswersAreRight) {
  {
    const auto animals = zoo();
    const KeptFile kept;
    const Pairs expected = {
        {"forks", "started a process"},
        {"vforks", "started a process"},
        {"moves-file", "made, removed or changed " + fs::absolute(kept.path).string()},
        {"reads-judge", "called open for the memory of another process, which kernels may not"},
        {"executes", "started the program /bin/true"},
        {"connects", "opened a socket"},
        {"writes-file", "opened " + fs::absolute("zoo-was-here").string() + " for writing"},
        {"removes-file", "made, removed or changed /etc/zoo-never-was"},
        {"kills-parent", "sent signal 9 to process " + std::to_string(getpid())},
        {"flushes-to-zero", "left flush-to-zero on"},
    };
    for (const auto& [name, text] : expected) {
      const Faults f = faults_of(animals.at(name));
      EXPECT_EQ(f.raised, "") << name;
      EXPECT_EQ(f.misconduct, Lines{text}) << name;
      expect_right(animals.at(name));
    }
    EXPECT_FALSE(fs::exists("zoo-was-here"));
    EXPECT_TRUE(fs::exists(kept.path));
  }
  expect_no_traces();
}

TEST(Zoo, WhatLoadingDoesIsNamed) {
  own_folder();
  const std::vector<Kernel> kernels = library_kernels(XENT_ZOO_LOADING, limits(0));
  ASSERT_EQ(kernels.size(), 1u);
  const Faults f = faults_of(kernels[0]);
  EXPECT_EQ(f.raised, "");
  const std::string file = (fs::current_path() / "zoo-was-here").string();
  EXPECT_EQ(f.misconduct, Lines{"opened " + file + " for writing while it was loaded"});
#if defined(__x86_64__)
  ASSERT_EQ(f.remarks.size(), 1u);
  EXPECT_EQ(f.remarks[0].id, "process.load-changes-control-bits");
#endif
  expect_right(kernels[0]);
}

TEST(Zoo, WhoHandlesFaultsItselfIsRemarked) {
  const Faults f = faults_of(zoo().at("hides-faults"));
  EXPECT_TRUE(f.none()) << f.raised;
  ASSERT_EQ(f.remarks.size(), 1u);
  EXPECT_EQ(f.remarks[0].id, "process.signal-handler");
}

#if defined(__x86_64__)
TEST(Zoo, AlignedInstructionsAreNoNullPointers) {
  EXPECT_EQ(faults_of(zoo().at("loads-aligned")).raised,
            "crash: aligned load or store of memory that is not so aligned, or an impossible "
            "address (SIGSEGV)");
}
#endif

TEST(Zoo, AFolderForTemporaryFilesMayBeRelative) {
  const fs::path before = own_folder();
  setenv("TMPDIR", fs::relative(before, fs::current_path()).c_str(), 1);
  const Faults f = faults_of(zoo().at("writes-own-file"));
  setenv("TMPDIR", before.c_str(), 1);
  EXPECT_TRUE(f.none()) << f.raised;
}

TEST(Zoo, AShellIsNoWayOut) {
  const std::string text = faults_of(zoo().at("spawns-a-shell")).raised;
  EXPECT_NE(text.find("started a process"), std::string::npos) << text;
}

TEST(Zoo, AWriteAfterWaitIsNamed) {
  const Faults f = faults_of(zoo().at("writes-late"), 200);
  EXPECT_EQ(f.raised, "");
  EXPECT_EQ(f.misconduct, Lines{"grad[0,0] written after wait"});
}

TEST(Zoo, AnotherCallAfterACrashIsAnswered) {
  const auto animals = zoo();
  EXPECT_NE(faults_of(animals.at("aborts")).raised, "");
  EXPECT_NE(faults_of(animals.at("aborts")).raised, "");
  expect_right(animals.at("floods-stdout"));
}

/// Verdicts of the answers to two cases of one shape, one after the other.
std::vector<Verdict> verdicts(const Kernel& k, const BindOptions& o) {
  TestCase other = zoo_case();
  for (std::int64_t i = 0; i < other.input.size(); ++i) other.input.set(i, static_cast<double>(i));
  std::vector<Verdict> all;
  for (const TestCase& c : {zoo_case(), other}) {
    Reference reference(c);
    all.push_back(judge_loss(reference, k.budget(c.problem), run(k, c, o).output.loss).verdict);
  }
  return all;
}

TEST(Zoo, WhoRemembersAddressesIsMisledBySameOnes) {
  const auto animals = zoo();
  BindOptions same;
  same.same_place = true;
  EXPECT_EQ(verdicts(animals.at("caches-by-pointer"), {})[1], Verdict::pass);
  EXPECT_EQ(verdicts(animals.at("caches-by-pointer"), same)[1], Verdict::fail);
  EXPECT_EQ(verdicts(animals.at("answers-late"), {})[1], Verdict::fail);
}

TEST(Zoo, ThePrivateFolderHasNoWayUp) {
  const Faults f = faults_of(zoo().at("climbs-out"));
  ASSERT_EQ(f.misconduct.size(), 1u);
  EXPECT_TRUE(f.misconduct[0].ends_with("/..")) << f.misconduct[0];
}

TEST(Zoo, WhatIsNotWrittenStaysPoison) {
  const Output o = run(zoo().at("leaves-last-out"), zoo_case()).output;
  EXPECT_TRUE(is_poison(o.grad, o.grad.size() - 1));
  EXPECT_FALSE(is_poison(o.grad, o.grad.size() - 2));
}

/// From here on neither this process nor its children can filter system calls, as where the system
/// or a container does not let them.
void forbid_filters() {
  const auto argument = static_cast<std::uint32_t>(offsetof(seccomp_data, args));
  sock_filter refuse_seccomp[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{std::size(refuse_seccomp), refuse_seccomp};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::exit(2);
  }
}

TEST(ZooDeathTest, WithoutAFilterTheRestIsSeenAndTheGapIsTold) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto unfiltered = [] {
    forbid_filters();
    const Faults f = faults_of(zoo().at("writes-logits"));
    const bool told = f.remarks.size() == 1 && f.remarks[0].id == "process.not-filtered";
    std::exit(told && f.raised.empty() && f.inputs_changed.size() == 1 ? 0 : 1);
  };
  EXPECT_EXIT(unfiltered(), testing::ExitedWithCode(0), "");
}

/// What `f` returns in a child process, as an exit code.
template <class F>
int in_child(F f) {
  const pid_t child = fork();
  if (child == 0) _exit(f());
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// The next child is process 1, of a numbering of its own; not where neither root nor users may.
bool begin_numbering() {
  return unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;
}

TEST(ZooDeathTest, TheJudgeMayBeProcessOneAsInContainers) {
  if (in_child([] { return begin_numbering() ? 0 : 1; }) != 0) {
    GTEST_SKIP() << "this system lets nobody begin a numbering of processes";
  }
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto contained = [folder = own_folder()] {
    if (!begin_numbering()) _exit(2);
    const int code = in_child([] {
      return getpid() == 1 && faults_of(zoo().at("writes-null")).raised.empty() ? 0 : 1;
    });
    fs::remove_all(folder);
    _exit(code);  // what runs at exit may want a child, and there can be no more of them
  };
  EXPECT_EXIT(contained(), testing::ExitedWithCode(0), "");
}

TEST(Zoo, TheInnocentAreNotAccused) {
  {
    const auto animals = zoo();
    const Pairs expected = {{"keeps-threads", "process.threads-kept"},
                            {"reads-file", "process.files-read"},
                            {"reads-many-files", "process.files-read"},
                            {"names-no-file", ""},
                            {"maps-code", "process.executable-mappings"},
                            {"floods-for-ever", ""},
                            {"makes-folders", ""},
                            {"names-threads", ""},
                            {"asks-locally", "process.local-socket"},
                            {"writes-own-file", ""},
                            {"writes-null", ""},
                            {"signals-itself", ""},
                            {"reserves-memory", ""},
                            {"floods-stdout", ""}};
    for (const auto& [name, remark] : expected) {
      const Faults f = faults_of(animals.at(name));
      EXPECT_TRUE(f.none()) << name << ": " << f.raised;
      ASSERT_EQ(f.remarks.size(), remark.empty() ? 0u : 1u) << name;
      for (const Remark& r : f.remarks) EXPECT_EQ(r.id, remark);
      expect_right(animals.at(name));
    }
  }
  expect_no_traces();
}

}  // namespace
}  // namespace xent
