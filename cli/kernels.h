// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/options.h"
#include "core/kernel.h"

namespace xent {

struct ChosenKernels {
  std::vector<Kernel> kernels;
  /// What of --kernel nothing answers to, beside others: `--kernel cuda/auto: no driver here`.
  std::vector<std::string> unmet;
  std::map<std::string, std::string> brought_by;  ///< options of those that are not built in

  /// What a replay line needs besides the kernel's name: ` --library ./x.so --promise sign-exact`.
  std::string replay_options(const Kernel&, const Options&) const;
};

/// The kernels that the command line names, in the registry's order, then those of --library and
/// --python. Without --kernel the products (for `run` the examples of failure too), or the latter
/// alone; with it the built-in ones named and all of the latter, unless some of them are named (for
/// `replay`: none but those named). A full name that is unknown is a UsageError with the nearest
/// ones; globs that match nothing give an empty list.
ChosenKernels chosen_kernels(const Options&);

/// What to say when nothing was chosen: why the kernels that match cannot run here.
std::string why_none(const Options&);

}  // namespace xent
