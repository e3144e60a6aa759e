// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "core/kernel.h"
#include "impl/process/arena.h"
#include "impl/process/worker.h"

namespace xent::process {

/// What a host noted, as misconduct or remark; each line once. Writes to inputs go to `arena`,
/// which may be null.
void add_incidents(Faults&, const std::vector<Incident>&, Arena*);

/// Threads kept and executable mappings, as remarks.
void add_habits(Faults&, const Worker::Habits&);

}  // namespace xent::process
