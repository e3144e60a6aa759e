// SPDX-License-Identifier: Apache-2.0
#include "impl/process/proc.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace xent::process {
namespace {

std::ifstream proc_file(pid_t pid, const char* name) {
  return std::ifstream("/proc/" + std::to_string(pid) + "/" + name);
}

}  // namespace

double cpu_seconds(pid_t pid) {
  clockid_t clock{};
  timespec t{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double group_cpu_seconds(pid_t leader) {
  std::error_code gone;
  long ticks = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || pid == leader || getpgid(pid) != leader) continue;
    std::string line;
    std::getline(proc_file(pid, "stat"), line);
    std::istringstream fields(line.substr(std::min(line.rfind(')') + 2, line.size())));
    std::string skipped;
    for (int i = 3; i < 14; ++i) fields >> skipped;
    long user = 0, system = 0;
    fields >> user >> system;
    ticks += user + system;
  }
  return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::uint64_t private_bytes(pid_t pid) {
  std::uint64_t size = 0, resident = 0, shared = 0;
  proc_file(pid, "statm") >> size >> resident >> shared;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return resident > shared ? (resident - shared) * page : 0;
}

int threads(pid_t pid) {
  std::ifstream status = proc_file(pid, "status");
  for (std::string word; status >> word;) {
    if (word != "Threads:") continue;
    int count = 0;
    status >> count;
    return count;
  }
  return 0;
}

int executable_mappings(pid_t pid) {
  std::ifstream maps = proc_file(pid, "maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::string range, access, offset, device, inode, path;
    words >> range >> access >> offset >> device >> inode >> path;
    count += access.find('x') != std::string::npos && path.empty() ? 1 : 0;
  }
  return count;
}

}  // namespace xent::process
