// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/kernel.h"

namespace xent {

/// A peer in another environment, for the bench alone; `like` is its name in the usual one.
struct PeerAgain {
  Kernel kernel;
  std::string like;
};

/// Other people's kernels that were built beside the program (folder `peers`, from examples/), in
/// role peer: what ours are timed against.
struct Peers {
  std::vector<Kernel> kernels;
  std::vector<std::string> brought_by;  ///< of each: ` --library FILE`, for replay lines
  std::vector<PeerAgain> again;
  std::vector<std::string> missing;  ///< "peer oneDNN: skip: ..."
};
/// With AVX-512 where this machine has it, and `threads` threads.
Peers peers(int threads);

}  // namespace xent
