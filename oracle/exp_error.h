// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "core/error_budget.h"
#include "core/verdict.h"

namespace xent {

/// A maximum over many arguments: no error is greater than `hi`, and the error at `x`, whose result
/// was `y`, is at least `lo`.
struct ExpWorst {
  double lo = 0;
  double hi = 0;
  float x = 0;
  float y = 0;
};

/// One argument and its result.
struct ExpPoint {
  float x = 0;
  float y = 0;
};

/// Errors of a binary32 exponential y = exp^(x) over neighbouring arguments, by enclosures of exp x
/// that are good to 2^-28 u; u = 2^-24. A result that is no number is infinitely wrong.
struct ExpErrors {
  std::int64_t inputs = 0;
  ExpWorst relative;  ///< |y / exp x - 1| / u - b |x|, of results >= 2^-126: against a
  ExpWorst ulp;       ///< |y - exp x| / ulp(exp x), of the same
  /// |y - exp x| / 2^-149 of results below 2^-126 and of arguments below the budget's cutoff; less
  /// b |x| u exp x while that is anything to the format.
  ExpWorst tiny;
  /// The first neighbours whose results are in the wrong order.
  std::optional<std::pair<ExpPoint, ExpPoint>> not_monotone;
  std::optional<float> least_nonzero;  ///< least argument whose result is not 0
  ExpPoint front, back;                ///< the first and the last tried

  /// Joins what was found on the arguments that follow these.
  void append(const ExpErrors& next);
};

/// Results at arguments that are no part of a sweep.
struct ExpSpecials {
  float at_zero, at_minus_infinity, at_nan;
};

/// Errors on the arguments x: rising or falling, none of them NaN. +infinity is right where exp x
/// is at least 2^128 (1 - 2^-25), elsewhere above 0 it counts as that number. With Shift::target
/// any result from shift_limit up is right above x = 88, and NaN and -infinity, where exp x is at
/// least twice that limit. Only where the tiers are usable (simd_tiers_unusable).
ExpErrors exp_errors(std::span<const float> x, std::span<const float> y, const ErrorBudget&);

/// What `tiny` may be in the kernel model (K3): omega / 2^-149.
double tiny_allowed(const ErrorBudget&);

/// Whether an error is within what is allowed, beyond it, or too near to tell.
Verdict within(const ExpWorst&, double allowed);

/// K6: exp(0) is 1, and exp(-infinity) is 0 unless a cutoff stands for it.
bool specials_hold(const ExpSpecials&, const ErrorBudget&);

/// K3 and K6 on what was tried. The budget is one of binary32.
Verdict judge(const ExpErrors&, const ExpSpecials&, const ErrorBudget&);

}  // namespace xent
