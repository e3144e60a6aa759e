// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "cli/options.h"
#include "cli/peers.h"
#include "cli/terminal.h"
#include "core/kernel.h"
#include "core/results.h"

namespace xent {

/// The problems that the options ask to be timed. Throws UsageError.
std::vector<Problem> problems_to_time(const Options&);

/// Times kernels by the verdicts in the results, and peers again in other environments, which have
/// the verdict of the same peer; what was wrong while the clock ran becomes a failure. What stops
/// the bench is noted: false.
bool time_kernels(const std::vector<Kernel>&, const std::vector<PeerAgain>&, const Options&,
                  Results&, ProgressLine&);

}  // namespace xent
