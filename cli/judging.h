// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>

#include "cli/kernels.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/results.h"
#include "properties/engine.h"

namespace xent {

// What the commands that judge share.

/// Results with the environment, the command, the seed and the profile; with expectations for
/// `run` only.
Results begin_results(const Options&);

/// The engine's options. The line must outlive them; notes of --tensors go into the results.
VerifyOptions verify_options(const Options&, const ChosenKernels&, Results&, ProgressLine&);

/// verify, each kernel asked in its dialect: that of --dialect, else its own; built-in ones beside
/// others in theirs. What was judged is in the results even if this throws.
void verify_in_dialects(const std::vector<Kernel>&, const Options&, const VerifyOptions&, Results&);

/// From here on the first Ctrl-C sets the flag, so that what was gathered is written; a second one
/// kills.
const std::atomic<bool>& stop_on_interrupt();

double seconds_since(std::chrono::steady_clock::time_point);

/// Fails before the work, not after it, and leaves older results alone.
void require_writable(const Options&);
/// results.json and the reports asked for (`all`: every one), if any were asked for.
void write_reports(const Results&, const Options&, bool all);

}  // namespace xent
