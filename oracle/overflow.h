// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/error_budget.h"
#include "oracle/reference.h"

// Where a right kernel's output may be lost to what came up on the way to it: an infinity, a
// difference of infinities, or a factor that became 0. Such outputs are not judged.
namespace xent {

/// Numbers of at least this magnitude round to infinity; of binary64 the largest double.
double overflow_threshold(DType);

/// Loss element i, or an element of the gradient, that is `got` and exactly `exact`. Finite outputs
/// are excused by a divisor that overflows (the quotient is 0) and by a target mass that underflows
/// before an infinite term alone.
bool loss_lost_on_the_way(Reference&, const ErrorBudget&, std::int64_t i, double got,
                          const Enclosure& exact);
bool grad_lost_on_the_way(Reference&, const ErrorBudget&, std::int64_t row, std::int64_t j,
                          double got, const Enclosure& exact);

}  // namespace xent
