// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/options.h"
#include "core/verdict.h"

namespace xent {

// One function a command. Results go to stdout, progress to stderr.
Exit list_command(const Options&);
Exit list_dialects(const std::string& glob);
Exit judge_command(const Options&);  ///< verify, bench and run
Exit claims_command(const Options&);
Exit selftest_command(const Options&);  ///< mutants x properties
Exit certify_command(const Options&);   ///< certify-exp
Exit report_command(const Options&);
Exit replay_command(const Options&);
Exit doctor_command(const Options&);

}  // namespace xent
