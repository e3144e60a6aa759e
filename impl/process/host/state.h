// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "impl/process/protocol.h"

namespace xent::process {

/// The page shared with the parent, mapped by `open_control`.
Control& control();
void open_control();

/// What the process is doing from here on.
void set_phase(Phase);
Phase phase();

/// One more Incident; from signal handlers and any thread. `text` may be null, and is cut.
void record(IncidentKind, std::uint64_t a, std::uint64_t b, const char* text);

}  // namespace xent::process
