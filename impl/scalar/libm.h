// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/kernel.h"

namespace xent {

/// Errors of the C library, in units of u (1 ulp <= 2u of the value): glibc's manual, "Known
/// Maximum Errors in Math Functions", gives 1 ulp for exp and log, 2 ulp for log1p and tanh, in
/// binary32 and binary64. glibc 2.36's expf errs by 1 u at most (xentcheck certify-exp), but these
/// kernels run on whatever library there is. exp(0) is exactly 1 and exp(-inf) exactly 0.
inline constexpr double kLibmExp = 2;
inline constexpr double kLibmLog = 4;
inline constexpr double kLibmTanh = 4;

/// expf, as kernels of the C library call it; above 0 for perplexities.
Exponential libm_exponential();

}  // namespace xent
