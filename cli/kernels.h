// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "cli/options.h"
#include "core/kernel.h"

namespace xent {

/// The kernels that the command line names, in the registry's order: by default the products, and
/// for `run` the examples of failure too. A full name that is unknown is a UsageError with the
/// nearest ones; globs that match nothing give an empty list.
std::vector<Kernel> chosen_kernels(const Options&);

/// What to say when nothing was chosen: why the kernels that match cannot run here.
std::string why_none(const Options&);

}  // namespace xent
