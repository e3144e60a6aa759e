// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/kernel.h"

namespace xent {

Kernel scalar_naive();   ///< scalar/naive, example of failure
Kernel scalar_safe();    ///< scalar/safe
Kernel scalar_online();  ///< scalar/online

}  // namespace xent
