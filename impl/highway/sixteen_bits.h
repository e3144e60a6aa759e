// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace xent {

/// n numbers of bf16, f16 or f32 as binary32, and back, bit for bit as core/dtype.h's load and
/// store do it, in vectors of the best instruction set here. Aligned to their elements.
void widen(DType, const void* from, float* to, std::int64_t n);
void narrow(DType, const float* from, void* to, std::int64_t n);

}  // namespace xent
