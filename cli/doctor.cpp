// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cfenv>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/terminal.h"
#include "impl/registry.h"

namespace xent {
namespace {

/// Rounding to nearest and gradual underflow: what the oracle's doubles rely on.
bool sane_arithmetic() {
  volatile double least = 0x1p-1074, half = 0.5;
  volatile float least_f32 = 0x1p-149F;
  return std::fegetround() == FE_TONEAREST && least * 1.0 != 0 && least_f32 * 1.0F != 0 &&
         least * half == 0;
}

}  // namespace

Exit doctor_command(const Options&) {
  const Environment e = environment();
  fmt::print("xentcheck {}, {} build, {}\n", e.version, e.build, e.compiler);
  fmt::print("{}\n{}, {} cores\n", e.system, e.cpu.empty() ? "unknown processor" : e.cpu, e.cores);
  const bool sane = sane_arithmetic();
  fmt::print("{} rounding to nearest, gradual underflow\n", sane ? good("ok  ") : bad("bad "));
  for (const Kernel& k : builtin_kernels()) {
    if (k.role == Role::product) fmt::print("{} {}\n", good("ok  "), k.name);
  }
  for (const Unavailable& u : unavailable_kernels()) {
    fmt::print("{} {}: {}\n", dim("skip"), u.name, u.reason);
  }
  return sane ? Exit::ok : Exit::failed;
}

}  // namespace xent
