// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace xent::process {

/// How a kernel's process is started, and what messages call it.
struct HostCommand {
  std::vector<std::string> words;             ///< program, arguments
  std::vector<std::string> environment = {};  ///< NAME=VALUE, over what this process has
  std::string file;                           ///< library or Python file
};

/// The three descriptors that a host inherits (protocol.h).
struct HostEnds {
  int socket = -1, control = -1, log = -1;
};

/// Starts the program with TMPDIR set to `folder`, from one thread that lives as long as this
/// process does: a host dies with the thread that started it. Throws std::runtime_error.
pid_t spawn(const HostCommand&, const HostEnds&, const std::filesystem::path& folder);

}  // namespace xent::process
