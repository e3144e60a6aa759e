// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace xent::process {

/// Before the filter: remembers TMPDIR, below which files may be written, and makes the number that
/// lets the handler's own system calls through.
void prepare_sandbox(bool devices);

/// From here on the process cannot write to the file system outside TMPDIR, reach the network, make
/// processes or signal others: such a call is recorded and refused. False if this system has no
/// filter to offer. A guard against mistakes and shortcuts, not against an attacker.
bool filter_system_calls();

/// Opens a file for reading past the filter; negative if that fails.
int open_past_filter(const char* path);

}  // namespace xent::process
