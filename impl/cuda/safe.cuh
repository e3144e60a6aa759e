// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/general_row.cuh"

namespace xent::cuda {

/// A row by a block: a pass for the maximum, two for the sums, one for the gradient, each from
/// memory. Every option.
template <class E, class O>
__global__ void __launch_bounds__(512, 2) safe_rows(XENT_PARAMETER DeviceCall c) {
  XENT_SHARED(float, floats, 2 * kWarp);
  XENT_SHARED(Place, places, 2 * kWarp);
  general_row<E, O>(c, BlockTeam(floats, places), blockIdx.x);
}

}  // namespace xent::cuda
