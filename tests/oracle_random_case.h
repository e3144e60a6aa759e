// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/oracle_cases.h"

namespace xent::oracle_tests {

/// Any operation with any options that have a meaning together, on up to four rows of up to
/// `most_classes`, masks, weights of 0, ignored rows and edges of [0, 1] among them.
TestCase random_case(Draw&, Op, std::int64_t most_classes = 7);

}  // namespace xent::oracle_tests
