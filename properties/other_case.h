// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/test_case.h"

namespace xent {

/// Another valid case of the same problem and of the same kind of data, whose answer a kernel that
/// shows stale results would give: rows and classes change places, numbers shrink by a quarter,
/// targets move on by one class. Ignored rows stay ignored.
TestCase other_case(const TestCase&);

}  // namespace xent
