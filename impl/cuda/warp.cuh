// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/reference_row.cuh"

namespace xent::cuda {

/// A row by a warp, without barriers: kRows rows at once, their loads together. Of each the first
/// kSteps * 256 elements, or kKept leaves (kSteps = 8), stay in registers; kStream: see
/// ReferenceRow.
template <class E, class O, int kRows, int kKept, int kSteps, int kStream,
          int kBlocksAtOnce>
__global__ void __launch_bounds__(128, kBlocksAtOnce) warp_rows(XENT_PARAMETER DeviceCall c) {
  const std::int64_t warp = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / kWarp;
  WarpTeam team;
  ReferenceRow<E, O, kKept, kSteps, kStream, WarpTeam> row[kRows];
  XENT_UNROLL
  for (int i = 0; i < kRows; ++i) row[i].begin(c, team, warp * kRows + i);
  unsigned again = 0;
  XENT_UNROLL
  for (int i = 0; i < kRows; ++i) again |= row[i].end(c, team) ? 0u : 1u << i;
  XENT_ROLLED
  for (int i = 0; again != 0; ++i, again >>= 1) {
    if ((again & 1) != 0) general_row<E, O>(c, team, warp * kRows + i);
  }
}

}  // namespace xent::cuda
