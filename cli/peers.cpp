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
  const char* avx512 = "";  ///< the file instead of it on a machine that has AVX-512
};

constexpr PeerFile kPeers[] = {
    {"oneDNN", "libonednn_ce.so", "", "", "install libdnnl-dev and build again"},
    {"Eigen", "libeigen_ce.so", "", "", "install libeigen3-dev and build again",
     "libeigen_ce_avx512.so"},
    {"PyTorch", "pytorch_ce.py", "cross_entropy", "pytorch", "install python3-torch"},
};

bool has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

/// oneDNN takes the best that there is by itself; Debian's PyTorch stops at AVX2 unless told.
std::vector<std::string> environment(int threads) {
  const std::string count = std::to_string(threads);
  std::vector<std::string> all = {"OMP_NUM_THREADS=" + count, "MKL_NUM_THREADS=" + count};
  if (has_avx512()) all.push_back("ATEN_CPU_CAPABILITY=avx512");
  return all;
}

/// Memory that was freed stays with the process, in large pages where the system has them: a result
/// of each call's own costs no page faults.
constexpr const char* kTunedAllocator =
    "GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:"
    "glibc.malloc.trim_threshold=1099511627776";

std::vector<Kernel> load(const PeerFile& peer, const fs::path& file, const WorkerLimits& limits) {
  const std::string function = peer.function;
  std::vector<Kernel> all = function.empty()
                                ? library_kernels(file, limits)
                                : python_kernels(file, function, usual_interpreter(), limits);
  for (Kernel& k : all) {
    k.role = Role::peer;
    if (*peer.dialect != '\0') k.dialect = peer.dialect;
  }
  return all;
}

fs::path file_of(const PeerFile& peer, const fs::path& folder) {
  std::error_code failed;
  const fs::path better = folder / peer.avx512;
  const bool takes = *peer.avx512 != '\0' && has_avx512() && fs::exists(better, failed);
  return takes ? better : folder / peer.file;
}

/// Frameworks make each result anew, so that their time depends on the allocator.
void add_tuned(const PeerFile& peer, const fs::path& file, WorkerLimits limits, Peers& all) {
  if (*peer.function == '\0') return;
  limits.environment.emplace_back(kTunedAllocator);
  for (Kernel& k : load(peer, file, limits)) {
    const std::string like = k.name;
    k.name += "/allocator-tuned";
    k.summary += "; with the allocator tuned to keep memory";
    all.again.push_back({std::move(k), like});
  }
}

/// No longer than it must be from here.
std::string option(const PeerFile& peer, const fs::path& file) {
  const std::string function = peer.function;
  const std::string path = shell_word(fs::proximate(file).string());
  return function.empty() ? " --library " + path : " --python " + path + ":" + function;
}

}  // namespace

Peers peers(int threads) {
  Peers all;
  WorkerLimits limits;
  limits.environment = environment(threads);
  const fs::path folder = hosts_folder() / "peers";
  for (const PeerFile& peer : kPeers) {
    const auto skip = [&](const std::string& why) {
      all.missing.push_back("skip peer " + std::string(peer.name) + ": " + why);
    };
    const fs::path file = file_of(peer, folder);
    std::error_code failed;
    if (!fs::exists(file, failed)) {
      skip(std::string("not built; ") + peer.how);
      continue;
    }
    try {
      for (Kernel& k : load(peer, file, limits)) {
        all.kernels.push_back(std::move(k));
        all.brought_by.push_back(option(peer, file));
      }
      add_tuned(peer, file, limits, all);
    } catch (const std::exception& e) {
      skip(std::string(e.what()) + "; " + peer.how);
    }
  }
  return all;
}

}  // namespace xent
