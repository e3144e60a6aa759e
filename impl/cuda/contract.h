// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "core/error_budget.h"
#include "core/kernel.h"
#include "core/problem.h"
#include "core/promises.h"
#include "impl/cuda/budget.h"
#include "impl/cuda/call.h"

namespace xent::cuda {

// What the rungs take and undertake: the same on a device and in the shim.

struct RungText {
  Rung rung;
  Form form;
  const char* name;  ///< "safe"
  const char* summary;
};
/// In the order of the ladder.
std::span<const RungText> rungs();

/// Nothing: no rung has it.
std::optional<Operation> operation(Op);
std::optional<Element> element(DType);

/// What a problem asks for, without memory. Of a problem that `takes` takes.
DeviceCall call_of(const Problem&);

Support takes(Rung, const Problem&);
ErrorBudget budget_of(Rung, const Problem&);
Promises promises_of(Rung);

}  // namespace xent::cuda
