// SPDX-License-Identifier: Apache-2.0
#include "cli/peers.h"

#include <exception>
#include <filesystem>
#include <utility>

#include "cli/interpreters.h"
#include "core/text.h"
#include "impl/process/foreign.h"

namespace xent {
namespace {

namespace fs = std::filesystem;

/// A peer's file in the folder, and what brings it.
struct PeerFile {
  const char* name;
  const char* file;
  const char* function;  ///< of a Python file
  const char* dialect;   ///< if its kernels do not say one
  const char* how;       ///< to get it
};

constexpr PeerFile kPeers[] = {
    {"oneDNN", "libonednn_ce.so", "", "", "install libdnnl-dev and build again"},
    {"Eigen", "libeigen_ce.so", "", "", "install libeigen3-dev and build again"},
    {"PyTorch", "pytorch_ce.py", "cross_entropy", "pytorch", "install python3-torch"},
};

std::vector<Kernel> load(const PeerFile& peer, const fs::path& file) {
  const std::string function = peer.function;
  if (function.empty()) return library_kernels(file, {});
  return python_kernels(file, function, usual_interpreter(), {});
}

/// No longer than it must be from here.
std::string option(const PeerFile& peer, const fs::path& file) {
  const std::string function = peer.function;
  const std::string path = shell_word(fs::proximate(file).string());
  return function.empty() ? " --library " + path : " --python " + path + ":" + function;
}

}  // namespace

Peers peers() {
  Peers all;
  const fs::path folder = hosts_folder() / "peers";
  for (const PeerFile& peer : kPeers) {
    const auto skip = [&](const std::string& why) {
      all.missing.push_back("skip peer " + std::string(peer.name) + ": " + why);
    };
    std::error_code failed;
    if (!fs::exists(folder / peer.file, failed)) {
      skip(std::string("not built; ") + peer.how);
      continue;
    }
    try {
      for (Kernel& k : load(peer, folder / peer.file)) {
        k.role = Role::peer;
        if (*peer.dialect != '\0') k.dialect = peer.dialect;
        all.kernels.push_back(std::move(k));
        all.brought_by.push_back(option(peer, folder / peer.file));
      }
    } catch (const std::exception& e) {
      skip(std::string(e.what()) + "; " + peer.how);
    }
  }
  return all;
}

}  // namespace xent
