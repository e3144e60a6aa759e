// SPDX-License-Identifier: Apache-2.0
#include "impl/process/host/signals.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "impl/process/host/region.h"
#include "impl/process/host/sandbox.h"
#include "impl/process/host/state.h"

namespace xent::process {
namespace {

constexpr std::size_t kStack = 64 * 1024;

#if defined(__x86_64__)
/// Bit 1 of a page fault's error code: the access was a write (Intel SDM 3A, 4.7).
bool was_write(const ucontext_t& c) { return (c.uc_mcontext.gregs[REG_ERR] & 2) != 0; }
std::uint64_t stack_pointer(const ucontext_t& c) {
  return static_cast<std::uint64_t>(c.uc_mcontext.gregs[REG_RSP]);
}
#elif defined(__aarch64__)
/// Bit WnR of the syndrome that Linux keeps beside the registers (Arm ARM, ESR_EL1).
bool was_write(const ucontext_t& c) {
  const auto* at = reinterpret_cast<const _aarch64_ctx*>(c.uc_mcontext.__reserved);
  while (at->magic != 0 && at->magic != ESR_MAGIC) {
    at = reinterpret_cast<const _aarch64_ctx*>(reinterpret_cast<const char*>(at) + at->size);
  }
  if (at->magic == 0) return false;
  return (reinterpret_cast<const esr_context*>(at)->esr >> 6 & 1) != 0;
}
std::uint64_t stack_pointer(const ucontext_t& c) { return c.uc_mcontext.sp; }
#else
bool was_write(const ucontext_t&) { return false; }
std::uint64_t stack_pointer(const ucontext_t&) { return 0; }
#endif

/// The kernel goes on with pages of its own will: only the property of untouched inputs fails.
/// Several threads may come here for one input.
bool let_input_be_written(std::uint64_t address) {
  const auto input = input_at(address);
  if (!input) return false;
  record(IncidentKind::input_written, address, 0, nullptr);
  Range open = *input;
  open.access = PROT_READ | PROT_WRITE;
  return protect(open);
}

/// The sixth number of /proc/self/statm: pages of data and stack.
std::uint64_t data_bytes() {
  const int fd = open_past_filter("/proc/self/statm");
  char text[256] = "";
  const ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  int word = 0;
  std::uint64_t pages = 0;
  for (ssize_t i = 0; i < n && word < 6; ++i) {
    if (text[i] == ' ') ++word;
    else if (word == 5) pages = pages * 10 + static_cast<std::uint64_t>(text[i] - '0');
  }
  return pages * 4096;
}

/// Several threads may fault at once: the first is told of and ends the process, the others wait.
std::atomic_flag told;

void tell(int signal, const siginfo_t& info, const ucontext_t& c, bool access, bool writing) {
  while (told.test_and_set()) pause();
  Control& to = control();
  to.code = info.si_code;
  to.address = access ? reinterpret_cast<std::uint64_t>(info.si_addr) : 0;
  to.writing = writing ? 1 : 0;
  to.stack_pointer = access ? stack_pointer(c) : 0;
  to.data_bytes = data_bytes();
  to.signal = static_cast<std::uint32_t>(signal);
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  const auto& c = *static_cast<const ucontext_t*>(context);
  const auto address = reinterpret_cast<std::uint64_t>(info->si_addr);
  const bool access = (signal == SIGSEGV || signal == SIGBUS) && info->si_code > 0;
  const bool writing = access && was_write(c);
  if (signal == SIGSEGV && writing && let_input_be_written(address)) {
    errno = saved;
    return;
  }
  tell(signal, *info, c, access, writing);
  ::signal(signal, SIG_DFL);
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
  errno = saved;
}

}  // namespace

void catch_signals() {
  stack_t stack{};
  stack.ss_sp = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack.ss_size = kStack;
  if (stack.ss_sp != MAP_FAILED) sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) {
    sigaction(signal, &action, nullptr);
  }
  ::signal(SIGXFSZ, SIG_IGN);  // a file that is too large: the write fails
}

bool still_catches_faults() {
  struct sigaction now {};
  sigaction(SIGSEGV, nullptr, &now);
  return now.sa_sigaction == on_fault;
}

}  // namespace xent::process
