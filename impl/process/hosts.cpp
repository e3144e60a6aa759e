// SPDX-License-Identifier: Apache-2.0
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "impl/process/foreign.h"

namespace xent {

namespace fs = std::filesystem;

fs::path hosts_folder() {
  if (const char* const given = std::getenv("XENTCHECK_HOSTS")) {
    if (fs::exists(fs::path(given) / "xentcheck-host")) return given;
    throw UsageError("no xentcheck-host in " + std::string(given) +
                     ", which XENTCHECK_HOSTS names: unset it, or name its folder");
  }
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed).parent_path();
  for (const fs::path& folder : {program, program.parent_path() / "libexec/xentcheck"}) {
    if (fs::exists(folder / "xentcheck-host", failed)) return folder;
  }
  throw UsageError("no xentcheck-host beside the program: build or install it, or set "
                   "XENTCHECK_HOSTS to its folder");
}

std::string sandbox_gap() {
  const std::uint32_t action = SECCOMP_RET_TRAP;
  if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) return "";
  return std::string("this system filters no calls (seccomp: ") + std::strerror(errno) + ")";
}

}  // namespace xent
