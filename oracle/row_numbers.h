// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

// Elements [first, first + count) of a tensor of floats, many at once.
namespace xent {

std::vector<double> doubles_of(const Tensor&, std::int64_t first, std::int64_t count);

bool all_finite(const Tensor&, std::int64_t first, std::int64_t count);
/// All are finite and above 0, or above 0 and below 1.
bool all_positive(const Tensor&, std::int64_t first, std::int64_t count, bool below_one = false);

}  // namespace xent
