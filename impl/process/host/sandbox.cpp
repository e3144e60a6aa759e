// SPDX-License-Identifier: Apache-2.0
#include "impl/process/host/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "impl/process/host/state.h"
#include "impl/process/host/trapped_call.h"

namespace xent::process {
namespace {

/// No system call that is filtered by it has a sixth argument: a call that has this one is ours.
std::uint64_t ours = 0;
char private_folders[2][8192] = {"", ""};  ///< TMPDIR as it is, and without links
bool device_files = false;

/// Where a path, and the folder that it is relative to, are among the arguments.
struct Argument {
  int path = -1;    ///< -1: there is none
  int folder = -1;  ///< -1: the working folder
};

struct PathCall {
  int number;
  Argument changed;
  Argument moved = {};
};

constexpr PathCall kFileChanges[] = {
    {SCMP_SYS(unlink), {0}},      {SCMP_SYS(unlinkat), {1, 0}},
    {SCMP_SYS(mkdir), {0}},       {SCMP_SYS(mkdirat), {1, 0}},
    {SCMP_SYS(rename), {1}, {0}}, {SCMP_SYS(renameat), {3, 2}, {1, 0}},
    {SCMP_SYS(rmdir), {0}},       {SCMP_SYS(renameat2), {3, 2}, {1, 0}},
    {SCMP_SYS(link), {1}},        {SCMP_SYS(linkat), {3, 2}},
    {SCMP_SYS(symlink), {1}},     {SCMP_SYS(symlinkat), {2, 1}},
    {SCMP_SYS(mknod), {0}},       {SCMP_SYS(mknodat), {1, 0}},
    {SCMP_SYS(chmod), {0}},       {SCMP_SYS(fchmodat), {1, 0}},
    {SCMP_SYS(chown), {0}},       {SCMP_SYS(fchownat), {1, 0}},
    {SCMP_SYS(lchown), {0}},      {SCMP_SYS(truncate), {0}},
};
constexpr PathCall kOpens[] = {
    {SCMP_SYS(open), {0}}, {SCMP_SYS(openat), {1, 0}}, {SCMP_SYS(creat), {0}}};

struct NamedCall {
  int number;
  const char* name;
};
constexpr NamedCall kOthers[] = {
    {SCMP_SYS(ptrace), "ptrace"},
    {SCMP_SYS(process_vm_readv), "process_vm_readv"},
    {SCMP_SYS(process_vm_writev), "process_vm_writev"},
    {SCMP_SYS(pidfd_open), "pidfd_open"},
    {SCMP_SYS(pidfd_send_signal), "pidfd_send_signal"},
    {SCMP_SYS(shmget), "shmget"},
    {SCMP_SYS(semget), "semget"},
    {SCMP_SYS(msgget), "msgget"},
    {SCMP_SYS(mount), "mount"},
    {SCMP_SYS(umount2), "umount2"},
    {SCMP_SYS(pivot_root), "pivot_root"},
    {SCMP_SYS(chroot), "chroot"},
    {SCMP_SYS(setns), "setns"},
    {SCMP_SYS(unshare), "unshare"},
    {SCMP_SYS(bpf), "bpf"},
    {SCMP_SYS(kexec_load), "kexec_load"},
    {SCMP_SYS(init_module), "init_module"},
    {SCMP_SYS(finit_module), "finit_module"},
    {SCMP_SYS(reboot), "reboot"},
    {SCMP_SYS(userfaultfd), "userfaultfd"},
    {SCMP_SYS(settimeofday), "settimeofday"},
    {SCMP_SYS(clock_settime), "clock_settime"},
};

/// Whoever has no other way asks again without it.
constexpr int kUnknown[] = {SCMP_SYS(clone3), SCMP_SYS(openat2), SCMP_SYS(io_uring_setup)};

const char* text(std::uint64_t address) { return reinterpret_cast<const char*>(address); }

bool starts(const char* path, const char* with) {
  return std::strncmp(path, with, std::strlen(with)) == 0;
}

bool is_private(const char* path) {
  for (const char* folder : private_folders) {
    const std::size_t n = std::strlen(folder);
    if (n == 0 || !starts(path, folder) || path[n] != '/') continue;
    const std::size_t all = std::strlen(path);
    return std::strstr(path + n, "/../") == nullptr && std::strcmp(path + all - 3, "/..") != 0;
  }
  return false;
}

/// The memory of a process, the judge's for one. One's own is at hand anyway.
bool is_memory_of_another(const char* path) {
  const std::size_t n = std::strlen(path);
  return starts(path, "/proc/") && !starts(path, "/proc/self/") && n > 4 &&
         std::strcmp(path + n - 4, "/mem") == 0;
}

/// Files that everybody may open for writing: nothing is kept in them. Threads get names in /proc,
/// and the last one registers LLVM's OpenMP library with itself.
bool is_harmless(const char* path) {
  for (const char* one : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    if (std::strcmp(path, one) == 0) return true;
  }
  return starts(path, "/proc/self/") || starts(path, "/dev/shm/__KMP_REGISTERED_LIB_") ||
         (device_files && starts(path, "/dev/nvidia"));
}

std::uint64_t argument(const TrappedCall& call, int i) {
  return call.arguments[static_cast<std::size_t>(i)];
}

/// Whether there is a text at all: the system answers, instead of a crash.
bool is_text(std::uint64_t address) { return access(text(address), F_OK) == 0 || errno != EFAULT; }

/// The path from the root; as it is if the system doesn't tell.
struct FullPath {
  char text[8192] = "";

  FullPath(const TrappedCall& call, const Argument& where) {
    const char* const path = xent::process::text(argument(call, where.path));
    std::size_t used = 0;
    if (path[0] != '/') used = folder(call, where);
    if (used > 0) text[used++] = '/';
    const std::size_t length = std::strlen(path);
    if (used + length < sizeof text) std::memcpy(text + used, path, length + 1);
  }

 private:
  std::size_t folder(const TrappedCall& call, const Argument& where) {
    const int fd = where.folder < 0 ? AT_FDCWD : static_cast<int>(argument(call, where.folder));
    char link[64] = "/proc/self/cwd";
    if (fd != AT_FDCWD) {
      char digits[16];
      std::size_t n = 0;
      for (int rest = fd; n == 0 || rest > 0; rest /= 10) {
        digits[n++] = static_cast<char>('0' + rest % 10);
      }
      std::memcpy(link, "/proc/self/fd/", 14);
      for (std::size_t i = 0; i < n; ++i) link[14 + i] = digits[n - 1 - i];
      link[14 + n] = '\0';
    }
    const ssize_t n = readlink(link, text, sizeof text / 2);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }
};

bool opens_for_writing(const TrappedCall& call) {
  if (call.number == SCMP_SYS(creat)) return true;
  const std::uint64_t flags = call.arguments[call.number == SCMP_SYS(openat) ? 2 : 1];
  return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
}

/// The call itself, by us.
long perform(const TrappedCall& call) {
  const auto& a = call.arguments;
  const long result = syscall(call.number, a[0], a[1], a[2], a[3], a[4], ours);
  return result < 0 ? -errno : result;
}

const PathCall* find(const PathCall* first, std::size_t count, int number) {
  for (const PathCall* p = first; p != first + count; ++p) {
    if (p->number == number) return p;
  }
  return nullptr;
}

long open_file(const TrappedCall& call, const PathCall& how) {
  if (!is_text(argument(call, how.changed.path))) return -EFAULT;
  const FullPath full(call, how.changed);
  const char* const path = full.text;
  if (is_memory_of_another(path)) {
    record(IncidentKind::other_call, 0, 0, "open for the memory of another process");
    return -EACCES;
  }
  if (opens_for_writing(call) && !is_private(path) && !is_harmless(path)) {
    record(IncidentKind::write_open, 0, 0, path);
    return -EACCES;
  }
  const bool in_call = phase() == Phase::calling || phase() == Phase::waiting;
  if (in_call && !is_private(path) && !is_harmless(path)) {
    record(IncidentKind::read_open, 0, 0, path);
  }
  return perform(call);
}

/// 0, or the error that a change of this path is refused with. By itself: a FullPath is large, and
/// stacks of threads may be small.
[[gnu::noinline]] int refusal(const TrappedCall& call, const Argument& where) {
  if (!is_text(argument(call, where.path))) return EFAULT;
  const FullPath full(call, where);
  const char* const path = full.text;
  if (is_private(path) || starts(path, "/dev/shm/__KMP_REGISTERED_LIB_")) return 0;
  const bool makes_folder = call.number == SCMP_SYS(mkdir) || call.number == SCMP_SYS(mkdirat);
  if (makes_folder && access(path, F_OK) == 0) return EEXIST;  // changes nothing
  record(IncidentKind::file_changed, 0, 0, path);
  return EACCES;
}

long change_file(const TrappedCall& call, const PathCall& how) {
  int refused = refusal(call, how.changed);
  if (refused == 0 && how.moved.path >= 0) refused = refusal(call, how.moved);
  return refused == 0 ? perform(call) : -refused;
}

/// Names of users and addresses of this machine are asked for by such.
long open_socket(std::uint64_t family) {
  if (family == AF_UNIX || family == AF_NETLINK) {
    record(IncidentKind::remark, 0, 0,
           "process.local-socket asked for a local socket, which was refused");
    return -EAFNOSUPPORT;
  }
  record(IncidentKind::socket, family, 0, nullptr);
  return -EPERM;
}

long refuse_program(std::uint64_t path) {
  record(IncidentKind::exec, 0, 0, is_text(path) ? text(path) : "at no address");
  return -EPERM;
}

/// A thread of this process may be signalled by it.
long signal_thread(std::uint64_t thread, std::uint64_t signal) {
  if (syscall(SYS_tgkill, getpid(), thread, signal) == 0) return 0;
  record(IncidentKind::signal, thread, signal, nullptr);
  return -EPERM;
}

long refuse_other(int number) {
  for (const NamedCall& other : kOthers) {
    if (other.number == number) record(IncidentKind::other_call, 0, 0, other.name);
  }
  return -EPERM;
}

long decide(const TrappedCall& call) {
  const auto& a = call.arguments;
  if (const PathCall* p = find(kOpens, std::size(kOpens), call.number)) return open_file(call, *p);
  if (const PathCall* p = find(kFileChanges, std::size(kFileChanges), call.number)) {
    return change_file(call, *p);
  }
  switch (call.number) {
    case SCMP_SYS(socket): return open_socket(a[0]);
    case SCMP_SYS(tkill): return signal_thread(a[0], a[1]);
    case SCMP_SYS(connect):
    case SCMP_SYS(bind): record(IncidentKind::socket, a[0], 0, nullptr); return -EPERM;
    case SCMP_SYS(execve): return refuse_program(a[0]);
    case SCMP_SYS(execveat): return refuse_program(a[1]);
    case SCMP_SYS(clone):
    case SCMP_SYS(fork):
    case SCMP_SYS(vfork): record(IncidentKind::fork, 0, 0, nullptr); return -EPERM;
    case SCMP_SYS(kill):
    case SCMP_SYS(rt_sigqueueinfo):
      record(IncidentKind::signal, a[0], a[1], nullptr);
      return -EPERM;
    case SCMP_SYS(tgkill):
    case SCMP_SYS(rt_tgsigqueueinfo):
      record(IncidentKind::signal, a[0], a[2], nullptr);
      return -EPERM;
    default: return refuse_other(call.number);
  }
}

void on_system_call(int, siginfo_t* info, void* context) {
  const int saved = errno;
  auto& c = *static_cast<ucontext_t*>(context);
  answer(c, decide(trapped_call(*info, c)));
  errno = saved;
}

/// Rules for calls that this architecture lacks are refused by the library: nothing is lost.
void trap(scmp_filter_ctx filter, int number) {
  seccomp_rule_add(filter, SCMP_ACT_TRAP, number, 0);
}

void add_rules(scmp_filter_ctx filter) {
  for (const int number : kUnknown) {
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0);
  }
  const scmp_arg_cmp not_ours = SCMP_A5(SCMP_CMP_NE, ours);
  for (const PathCall& p : kOpens) seccomp_rule_add(filter, SCMP_ACT_TRAP, p.number, 1, not_ours);
  for (const PathCall& p : kFileChanges) {
    seccomp_rule_add(filter, SCMP_ACT_TRAP, p.number, 1, not_ours);
  }
  for (const NamedCall& other : kOthers) trap(filter, other.number);
  for (const int number : {SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(execve),
                           SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(tkill)}) {
    trap(filter, number);
  }
  seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(clone), 1,
                   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
  const auto self = static_cast<std::uint64_t>(getpid());
  for (const int number : {SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(rt_sigqueueinfo),
                           SCMP_SYS(rt_tgsigqueueinfo)}) {
    seccomp_rule_add(filter, SCMP_ACT_TRAP, number, 1, SCMP_A0(SCMP_CMP_NE, self));
  }
}

}  // namespace

void prepare_sandbox(bool devices) {
  device_files = devices;
  const char* const folder = std::getenv("TMPDIR");
  if (folder != nullptr && realpath(folder, private_folders[1]) != nullptr) {
    char here[4096] = "";
    const bool relative = folder[0] != '/' && getcwd(here, sizeof here) != nullptr;
    std::snprintf(private_folders[0], sizeof private_folders[0], "%s%s%s", relative ? here : "",
                  relative ? "/" : "", folder);
  } else {
    private_folders[1][0] = '\0';
  }
  std::random_device random;
  ours = static_cast<std::uint64_t>(random()) << 32 | random() | 1;
}

bool filter_system_calls() {
  struct sigaction action {};
  action.sa_sigaction = on_system_call;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
  sigaction(SIGSYS, &action, nullptr);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return false;
  // Threads that the library's own libraries have begun are held to it as well.
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
  add_rules(filter);
  const bool loaded = seccomp_load(filter) == 0;
  seccomp_release(filter);
  return loaded;
}

int open_past_filter(const char* path) {
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0, ours));
}

}  // namespace xent::process
