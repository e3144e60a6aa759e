// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/kernel.h"

namespace xent {

/// Other people's kernels that were built beside the program (folder `peers`, from examples/), in
/// role peer: what ours are timed against.
struct Peers {
  std::vector<Kernel> kernels;
  std::vector<std::string> brought_by;  ///< of each: ` --library FILE`, for replay lines
  std::vector<std::string> missing;  ///< "peer oneDNN: skip: ..."
};
Peers peers();

}  // namespace xent
