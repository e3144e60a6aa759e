// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace xent::process {

/// What kills the process is told to the parent first; a write to an input is told and allowed.
void catch_signals();

/// Whether the handler of catch_signals is still the one for SIGSEGV.
bool still_catches_faults();

}  // namespace xent::process
