// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/error_budget.h"
#include "core/kernel.h"

namespace xent {

Kernel scalar_naive();       ///< scalar/naive, example of failure
Kernel scalar_safe();        ///< scalar/safe
Kernel scalar_online();      ///< scalar/online
Kernel scalar_referenced();  ///< scalar/referenced

ErrorBudget referenced_budget(const Problem&);  ///< of scalar/referenced

}  // namespace xent
