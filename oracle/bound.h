// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/error_budget.h"
#include "oracle/reference.h"

namespace xent {

/// Largest |computed - exact| of an output that the budget allows, in rigorous form: second-order
/// terms, underflow and the rounding to the output format included. Derivations with their
/// numbers: oracle/README.md. +infinity when the budget gives no bound for the case (tau > 1/8:
/// say, bf16 accumulation over a long row).
double loss_bound(Reference&, const ErrorBudget&, std::int64_t i);
double grad_bound(Reference&, const ErrorBudget&, std::int64_t row, std::int64_t j);

/// The bound of a row's loss before reduction and rounding to the output format; 0 where the row is
/// ignored.
double row_loss_bound(Reference&, const ErrorBudget&, std::int64_t row);

/// Upper bounds of the magnitudes that a kernel meets on the way: a row's loss and gradient before
/// unit, upstream and reduction, and the gaps that target mass multiplies.
double unscaled_loss(Reference&, const ErrorBudget&, std::int64_t row);
double unscaled_grad(Reference&, const ErrorBudget&, std::int64_t row, std::int64_t j);

/// The row is not ignored.
bool counts(Reference&, std::int64_t row);

/// 2^(max(floor(log2 |x|), emin) - p + 1), with the floor for x = 0 (Goldberg's ulp on the reals).
double ulp(double x, DType);

}  // namespace xent
