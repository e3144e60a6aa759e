// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/kernel.h"

namespace xent {

/// What a kernel's process is given.
struct WorkerLimits {
  double cpu_seconds = 20;  ///< of one call, plus what the size of the case adds; then it hangs
  std::uint64_t memory_bytes = std::uint64_t{8} << 30;  ///< beyond the tensors; 0: no limit
  /// After so many of either the kernel is given up: what it was not asked is skipped.
  int crashes = 25, hangs = 3;
  double idle_seconds = 20;  ///< without an answer and without using the processor; then it hangs
  std::vector<std::string> environment = {};  ///< NAME=VALUE, over what this process has
};

/// Kernels of a shared library that exports xentcheck_plugin (include/xentcheck/kernel.h), named
/// `STEM/NAME` after the file (`libonednn_ce.so` is `onednn_ce`), role product. Loaded in a process
/// of its own alone. Throws UsageError, one line: no such file, not a library for this machine,
/// missing symbol, other ABI version, a kernel without launch, two of a name.
std::vector<Kernel> library_kernels(const std::filesystem::path& file, const WorkerLimits&);

/// How the origin of a kernel ends whose tensors are on a device.
inline constexpr std::string_view kOnDevice = ", on a CUDA device";

/// Our own kernels that compute on a CUDA device, `cuda/NAME`; or why there are none here, as one
/// line: built without them, no driver, no device that they run on.
struct DeviceKernels {
  std::vector<Kernel> kernels;
  std::vector<std::string> names;  ///< of all that were built, whether or not they run here
  std::filesystem::path file;  ///< the library that they are in
  std::string missing;
};
DeviceKernels device_kernels();

/// One function of a Python file, named `STEM/FUNCTION`, called by `interpreter`. Throws
/// UsageError, one line: no such file, function or interpreter, syntax error, an exception at
/// import, an interpreter without numpy.
std::vector<Kernel> python_kernels(const std::filesystem::path& file, const std::string& function,
                                   const std::string& interpreter, const WorkerLimits&);

/// Those of the built-in kernels that can run in a child process, bound there: to be timed beside
/// strangers at the same expense. Same names, budgets and promises.
std::vector<Kernel> in_process_of_their_own(const std::vector<Kernel>& builtin);

/// Where the hosts lie: beside the program, or in ../libexec/xentcheck of it. XENTCHECK_HOSTS in
/// the environment overrules. Throws UsageError if they are missing.
std::filesystem::path hosts_folder();

/// "", or why kernels cannot be kept from the system here (no seccomp): they run all the same, and
/// run.well-behaved sees less.
std::string sandbox_gap();

}  // namespace xent
