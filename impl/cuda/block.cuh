// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/reference_row.cuh"

namespace xent::cuda {

/// A row by a block, relative to the target's logit. A warp keeps its first kKept leaves in
/// registers, so that of these the gradient needs no second read; kStream: see ReferenceRow.
template <class E, class O, int kKept, int kStream, int kThreads, int kBlocksAtOnce>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce) block_rows(XENT_PARAMETER DeviceCall c) {
  XENT_SHARED(float, floats, 2 * kWarp);
  XENT_SHARED(Place, places, 2 * kWarp);
  BlockTeam team(floats, places);
  ReferenceRow<E, O, kKept, kLeafSteps, kStream, decltype(team)> row;
  row.begin(c, team, blockIdx.x);
  if (!row.end(c, team)) general_row<E, O>(c, team, blockIdx.x);
}

}  // namespace xent::cuda
