// SPDX-License-Identifier: Apache-2.0
#include "impl/process/death.h"

#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <string_view>

#include "core/text.h"

namespace xent::process {
namespace {

std::string signal_name(int signal) {
  static constexpr std::pair<int, std::string_view> names[] = {
      {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},
      {SIGABRT, "SIGABRT"}, {SIGKILL, "SIGKILL"}, {SIGTERM, "SIGTERM"}, {SIGTRAP, "SIGTRAP"},
      {SIGSYS, "SIGSYS"},   {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGXCPU, "SIGXCPU"},
  };
  for (const auto& [number, text] : names) {
    if (number == signal) return std::string(text);
  }
  return "signal " + std::to_string(signal);
}

std::string hexadecimal(std::uint64_t x) {
  std::string digits;
  do digits.insert(digits.begin(), "0123456789abcdef"[x % 16]);
  while ((x /= 16) != 0);
  return "0x" + digits;
}

/// Frames are probed or pushed within this of the stack pointer.
bool near_stack(const Control& c) {
  constexpr std::uint64_t kReach = 1 << 20;
  const std::uint64_t a = c.address, sp = c.stack_pointer;
  return sp != 0 && (a > sp ? a - sp : sp - a) < kReach;
}

bool is_access(int signal) { return signal == SIGSEGV || signal == SIGBUS; }

std::string access(const Control& c, const Addresses& addresses) {
  const std::string verb = c.writing != 0 ? "wrote " : "read ";
  const std::uint64_t address = c.address;
  if (c.code == SI_KERNEL && address == 0) {  // x86 tells no address with these
    return "aligned load or store of memory that is not so aligned, or an impossible address";
  }
  if (const auto place = addresses.place(address)) return verb + place->text;
  if (near_stack(c)) return "stack overflow";
  const bool null = address < 65536;
  return verb + (null ? "through a null pointer" : "where it has no memory") + " (address " +
         hexadecimal(address) + ")";
}

/// It crashed with less left than what one more allocation asks for, as far as one can tell.
bool out_of_memory(const Control& c) {
  constexpr std::uint64_t kLittle = std::uint64_t{96} << 20;
  return c.data_limit != 0 && c.data_bytes + kLittle > c.data_limit;
}

std::string cause(int signal, const Control& c, const Addresses& addresses) {
  const bool told = static_cast<int>(c.signal) == signal;
  if (is_access(signal)) {
    if (told && c.code <= 0) return "crash: raised " + signal_name(signal);
    const std::string what = told ? access(c, addresses)
                                  : "access to memory, a stack overflow of a thread perhaps";
    return what == "stack overflow" ? what : "crash: " + what + " (" + signal_name(signal) + ")";
  }
  if (signal == SIGFPE) return "crash: trap in arithmetic, a division by zero (SIGFPE)";
  if (signal == SIGILL) return "crash: an instruction that this processor lacks (SIGILL)";
  if (signal == SIGABRT) return "crash: abort (SIGABRT)";
  if (signal == SIGSYS) return "crash: started a process or called what kernels may not (SIGSYS)";
  if (signal == SIGKILL) return "killed by the system (SIGKILL), out of memory perhaps";
  return "crash: " + signal_name(signal);
}

std::string_view when(Phase phase) {
  switch (phase) {
    case Phase::loading: return " while it was loaded";
    case Phase::warming_up: return " in its warm-up";
    case Phase::idle: return " between two calls";
    case Phase::preparing: return " in prepare";
    case Phase::closing: return " in release";
    case Phase::waiting: return " in wait";
    case Phase::after_wait: return " after wait";
    case Phase::calling: break;
  }
  return "";
}

std::string sentence(const Remains& r, const Control& c, const Addresses& addresses) {
  switch (r.ending) {
    case Ending::busy: return "hang: no answer after " + r.limit;
    case Ending::idle: return "hang: waits for something that does not come, " + r.limit;
    case Ending::memory: return "memory: took more than " + r.limit;
    case Ending::silent: return "closed its connection to the judge";
    case Ending::own: break;
  }
  if (WIFEXITED(r.status)) {
    return "ended its process by exit(" + std::to_string(WEXITSTATUS(r.status)) + ")";
  }
  const std::string text = cause(WTERMSIG(r.status), c, addresses);
  if (c.signal == 0 || !out_of_memory(c)) return text;
  return "memory: took all of the " + shortest(static_cast<double>(c.data_limit) / 0x1p30) +
         " GiB that it may have, then " + text;
}

/// The place of a write that came too late: of an earlier call, or of this one after wait.
std::string late(const Remains& r, const Control& c, const Addresses& addresses) {
  const bool crashed = r.ending == Ending::own && WIFSIGNALED(r.status);
  if (!crashed || !is_access(WTERMSIG(r.status)) || c.signal == 0 || c.writing == 0) return {};
  const auto place = addresses.place(c.address);
  if (!place || !place->inside) return {};
  const auto phase = static_cast<Phase>(c.phase);
  const bool over = phase == Phase::after_wait || phase == Phase::idle || phase == Phase::closing;
  return place->earlier || (place->output && over) ? place->text : "";
}

}  // namespace

Death death_of(const Remains& r, const Control& c, const Addresses& addresses) {
  const auto phase = static_cast<Phase>(c.phase);
  std::string text = sentence(r, c, addresses) + std::string(when(phase));
  if (!r.last_words.empty()) text += "; it printed: " + one_line(r.last_words);
  Death death(text);
  death.hang = r.ending == Ending::busy || r.ending == Ending::idle;
  death.late = late(r, c, addresses);
  death.phase = phase;
  return death;
}

}  // namespace xent::process
