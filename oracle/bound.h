// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "core/error_budget.h"
#include "oracle/reference.h"

namespace xent {

/// Largest |computed - exact| of an output that the budget allows, in rigorous form: second-order
/// terms, underflow and the rounding to the output format included. Derivations with their
/// numbers: oracle/README.md. +infinity when the budget gives no bound for the case (tau > 1/8:
/// say, bf16 accumulation over a long row).
double loss_bound(Reference&, const ErrorBudget&, std::int64_t i);
double grad_bound(Reference&, const ErrorBudget&, std::int64_t row, std::int64_t j);

/// loss_bound and row_loss_bound of many rows. One object a thread.
class LossBounds {
 public:
  LossBounds(Reference&, const ErrorBudget&);
  ~LossBounds();
  double element(std::int64_t i);
  double row(std::int64_t row);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The bound of a row's loss before reduction and rounding to the output format; 0 where the row is
/// ignored.
double row_loss_bound(Reference&, const ErrorBudget&, std::int64_t row);

/// Upper bound of the magnitudes that a kernel meets on the way to a row's loss before unit and
/// reduction, the gaps that target mass multiplies among them.
double unscaled_loss(Reference&, const ErrorBudget&, std::int64_t row);

/// The row is not ignored.
bool counts(Reference&, std::int64_t row);

/// 2^(max(floor(log2 |x|), emin) - p + 1), with the floor for x = 0 (Goldberg's ulp on the reals).
double ulp(double x, DType);

}  // namespace xent
