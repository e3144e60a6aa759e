// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cfenv>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/interpreters.h"
#include "cli/terminal.h"
#include "cli/unavailable.h"
#include "core/error.h"
#include "core/text.h"
#include "impl/process/foreign.h"
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

/// Whether kernels that are not built in can be run, and how well they are kept apart.
bool hosts_present() {
  std::string missing;
  try {
    hosts_folder();
  } catch (const UsageError& e) {
    missing = e.what();
  }
  const bool there = missing.empty();
  fmt::print("{} --library, --python{}\n", there ? good("ok  ") : bad("bad "),
             there ? "" : ": " + missing);
  if (const std::string gap = sandbox_gap(); there && !gap.empty()) {
    fmt::print("{} system calls of other people's kernels are not watched: {}\n", dim("gap "), gap);
  }
  return there;
}

void print_interpreters() {
  for (const Interpreter& i : interpreters()) {
    fmt::print("{} --interpreter {}", i.has_numpy() ? good("ok  ") : dim("skip"), i.path);
    if (i.version.empty()) {
      fmt::print(": does not run\n");
      continue;
    }
    fmt::print(" {}", i.version);
    if (!i.packages.empty()) fmt::print(": {}", join(i.packages, ", "));
    if (!i.missing.empty()) fmt::print("; no {}", join(i.missing, ", "));
    fmt::print("\n");
    if (!i.has_numpy()) fmt::print("     to get numpy: {} -m pip install numpy\n", i.path);
  }
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
  for (const Kernel& k : device().kernels) fmt::print("{} {}\n", good("ok  "), k.name);
  for (const Unavailable& u : unavailable()) {
    fmt::print("{} {}: {}\n", dim("skip"), u.name, u.reason);
  }
  const bool hosts = hosts_present();
  print_interpreters();
  return sane && hosts ? Exit::ok : Exit::failed;
}

}  // namespace xent
