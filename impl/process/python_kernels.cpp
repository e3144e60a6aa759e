// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "impl/process/foreign.h"
#include "impl/process/foreign_kernel.h"

namespace xent {
namespace {

namespace fs = std::filesystem;

/// A name without a folder is looked for as posix_spawnp does.
bool can_be_started(const std::string& program) {
  if (program.find('/') != std::string::npos) return access(program.c_str(), X_OK) == 0;
  const char* const path = std::getenv("PATH");
  const std::vector<std::string_view> folders = split(path ? path : "/bin:/usr/bin", ':');
  return std::any_of(folders.begin(), folders.end(), [&](std::string_view folder) {
    return access((fs::path(folder) / program).c_str(), X_OK) == 0;
  });
}

/// Interpreters that buffer nothing and leave no caches beside the user's file; what compilers of
/// kernels keep goes to the process's own folder (TMPDIR, which the host script puts in).
process::HostCommand python_host(const fs::path& file, const std::string& function,
                                 const std::string& interpreter, const WorkerLimits& limits) {
  const fs::path hosts = hosts_folder();
  return {{interpreter, "-B", "-u", (hosts / "xentcheck_host.py").string(),
           (hosts / "libxentcheck_host.so").string(), std::to_string(limits.memory_bytes),
           fs::absolute(file).string(), function},
          limits.environment,
          file.string()};
}

}  // namespace

std::vector<Kernel> python_kernels(const fs::path& file, const std::string& function,
                                   const std::string& interpreter, const WorkerLimits& limits) {
  std::error_code failed;
  if (!fs::is_regular_file(file, failed)) {
    throw UsageError("no Python file " + file.string() + ": give FILE.py:FUNCTION");
  }
  if (!can_be_started(interpreter)) {
    throw UsageError("no interpreter " + interpreter +
                     " that can be started: name a Python by --interpreter PATH");
  }
  try {
    return process::host_kernels(python_host(file, function, interpreter, limits), limits,
                                 file.stem().string() + "/");
  } catch (const UsageError& e) {
    const std::string text = e.what();
    if (text.find(" while it was loaded") == std::string::npos) throw;
    throw UsageError(text + " (by " + interpreter + "; --interpreter PATH names another Python)");
  }
}

}  // namespace xent
