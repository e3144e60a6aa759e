// SPDX-License-Identifier: Apache-2.0
#include "cli/environment.h"

#include <sys/utsname.h>

#include <ctime>
#include <fstream>
#include <thread>

#include "core/text.h"
#include "impl/registry.h"

namespace xent {
namespace {

std::string field_of(const char* path, std::string_view key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const auto at = line.find_first_of(":=");
    if (at == std::string::npos) continue;
    std::string value = line.substr(at + 1);
    const auto first = value.find_first_not_of(" \"");
    const auto last = value.find_last_not_of(" \"");
    return first == std::string::npos ? "" : value.substr(first, last - first + 1);
  }
  return "";
}

std::string instruction_sets() {
  std::vector<std::string> names;
  for (const Kernel& k : builtin_kernels()) {
    const auto parts = split(k.name, '/');
    if (parts.size() == 3 && parts[1] == "safe") names.emplace_back(parts[2]);
  }
  return join(names, " ");
}

std::string utc_now() {
  const std::time_t t = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&t));
  return text;
}

}  // namespace

Environment environment() {
  Environment e;
  e.version = XENTCHECK_VERSION;
  e.compiler = XENTCHECK_COMPILER;
  e.build = XENTCHECK_BUILD;
  e.cpu = field_of("/proc/cpuinfo", "model name");
  e.isa = instruction_sets();
  utsname u{};
  if (uname(&u) == 0) e.system = std::string(u.sysname) + " " + u.release + " " + u.machine;
  const std::string distribution = field_of("/etc/os-release", "PRETTY_NAME");
  if (!distribution.empty()) e.system = distribution + ", " + e.system;
  e.cores = static_cast<int>(std::thread::hardware_concurrency());
  e.started = utc_now();
  return e;
}

}  // namespace xent
