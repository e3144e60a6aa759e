// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/options.h"
#include "core/verdict.h"

namespace xent {

// One function a command. Results go to stdout, progress to stderr.
Exit list_command(const Options&);
Exit judge_command(const Options&);  ///< verify, bench and run
Exit report_command(const Options&);
Exit replay_command(const Options&);
Exit doctor_command(const Options&);

}  // namespace xent
