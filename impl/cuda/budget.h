// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/error_budget.h"

namespace xent::cuda {

/// exp(x) = 2^(x log2 e), of functions.cuh: 2^x is at most 2 ulp from the correctly rounded result,
/// 5 u at most; the argument errs by 1.2241 u |x|.
inline constexpr double kDeviceExp = 5.0625;
inline constexpr double kDeviceExpSlope = 1.25;
/// 2^x below 2^-126 is 0.
inline constexpr double kDeviceExpCutoff = -87.33;
/// Of log, log1p and tanh: the same operations as impl/highway has, in the same order.
inline constexpr double kDeviceLog = 1.5;
inline constexpr double kDeviceTanh = 4;

enum class Form { maximum, running_maximum, target };

/// What every rung undertakes, by what it subtracts from logits.
ErrorBudget device_budget(const Problem&, Form);

}  // namespace xent::cuda
