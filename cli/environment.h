// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/results.h"

namespace xent {

/// What this program was built with and runs on. No host names and no paths.
Environment environment();

}  // namespace xent
