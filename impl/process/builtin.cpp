// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>

#include "impl/process/foreign.h"

namespace xent {

std::vector<Kernel> in_process_of_their_own(const std::vector<Kernel>& builtin) {
  const std::filesystem::path plugin = hosts_folder() / "xentcheck_builtin.so";
  std::error_code failed;
  if (!std::filesystem::exists(plugin, failed)) return {};
  const std::vector<Kernel> theirs = library_kernels(plugin, {});
  std::vector<Kernel> moved;
  for (const Kernel& k : builtin) {
    const auto same = std::find_if(theirs.begin(), theirs.end(), [&](const Kernel& t) {
      return t.name == "xentcheck_builtin/" + k.name;
    });
    if (same == theirs.end()) continue;
    moved.push_back(k);
    moved.back().origin = "built in";
    moved.back().bind = same->bind;
    moved.back().supports = [here = k.supports, there = same->supports](const Problem& p) {
      const Support s = here(p);
      return s ? there(p) : s;
    };
  }
  return moved;
}

}  // namespace xent
