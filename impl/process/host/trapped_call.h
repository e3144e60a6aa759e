// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <ucontext.h>

#include <array>
#include <cstdint>

namespace xent::process {

/// A system call that the filter handed to the SIGSYS handler.
struct TrappedCall {
  int number = 0;
  std::array<std::uint64_t, 6> arguments{};
};

#if defined(__x86_64__)
inline TrappedCall trapped_call(const siginfo_t& info, const ucontext_t& c) {
  const auto& g = c.uc_mcontext.gregs;
  const auto word = [&g](int i) { return static_cast<std::uint64_t>(g[i]); };
  return {info.si_syscall,
          {word(REG_RDI), word(REG_RSI), word(REG_RDX), word(REG_R10), word(REG_R8), word(REG_R9)}};
}
inline void answer(ucontext_t& c, long result) { c.uc_mcontext.gregs[REG_RAX] = result; }
#elif defined(__aarch64__)
inline TrappedCall trapped_call(const siginfo_t& info, const ucontext_t& c) {
  const auto& r = c.uc_mcontext.regs;
  return {info.si_syscall, {r[0], r[1], r[2], r[3], r[4], r[5]}};
}
inline void answer(ucontext_t& c, long result) {
  c.uc_mcontext.regs[0] = static_cast<std::uint64_t>(result);
}
#else
inline TrappedCall trapped_call(const siginfo_t& info, const ucontext_t&) {
  return {info.si_syscall, {}};
}
inline void answer(ucontext_t&, long) {}
#endif

}  // namespace xent::process
