// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace xent::process {

/// Of another process, as the system counts; 0 if it has gone.
double cpu_seconds(pid_t);
/// Of the others in the process group that it leads, those that live.
double group_cpu_seconds(pid_t);
std::uint64_t private_bytes(pid_t);  ///< in memory, without what it shares
int threads(pid_t);
int executable_mappings(pid_t);  ///< that no file is behind

}  // namespace xent::process
