// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace xent {

/// Elements [first, first + count) of a tensor of floats, exactly. `out` is aligned to 64 bytes and
/// has room for a multiple of 8.
void load_block(const Tensor&, std::int64_t first, std::int64_t count, double* out);

}  // namespace xent
