// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/reference_row.cuh"

namespace xent::cuda {

// Few long rows: a warp takes a leaf, whichever row it is of. Three kernels: the leaves' totals;
// each row's sum, loss, and whatever its target's logit does not serve; the gradient. Sums have the
// one tree, so the bits are those of the other rungs.

/// The leaf that is a warp's; y < 0: none, or general_row's.
template <class E>
struct LeafOfRow {
  std::int64_t r;
  std::int64_t m;
  std::int64_t y = -1;
  XENT_DEVICE explicit LeafOfRow(const DeviceCall& c) {
    const auto leaves = static_cast<std::uint32_t>(leaves_of(c.v));
    const std::uint32_t warp = (blockIdx.x * blockDim.x + threadIdx.x) / kWarp;
    r = warp / leaves;
    m = warp % leaves;
    if (r < c.n) y = scored_class(c, r);
  }
};

/// S of row r, the same in every lane of every warp that asks.
XENT_DEVICE float sum_of_totals(const DeviceCall& c, std::int64_t r, int lane) {
  const float* const totals = leaf_totals(c) + r * leaves_of(c.v);
  float mine = 0;
  for (std::int64_t m = lane; m < leaves_of(c.v); m += kWarp) mine += totals[m];
  return sum_of_lanes(mine);
}

template <class E>
__global__ void __launch_bounds__(128, 4) split_sums(XENT_PARAMETER DeviceCall c) {
  const LeafOfRow<E> leaf(c);
  if (leaf.y < 0) return;
  const int lane = WarpTeam().lane();
  const RowOf<E> row(c.input, c.stride, leaf.r, c.v);
  Piece<E, kLeafSteps> piece;
  piece.load(row, leaf.m, 0, lane);
  float slot[8] = {};
  piece.add_to(slot, leaf.y, E::number(row.z[leaf.y]));
  const float total = sum_of_slots<E::kPerVector>(slot, lane);
  if (lane == 0) leaf_totals(c)[leaf.r * row.leaves() + leaf.m] = total;
}

/// A block a row. The target's logit is kept: in place it will be overwritten.
template <class E, class O>
__global__ void __launch_bounds__(256, 2) split_losses(XENT_PARAMETER DeviceCall c) {
  XENT_SHARED(float, floats, 2 * kWarp);
  XENT_SHARED(Place, places, 2 * kWarp);
  BlockTeam team(floats, places);
  const std::int64_t r = blockIdx.x;
  const std::int64_t y = scored_class(c, r);
  Finished f;
  if (y >= 0) {
    const float z_y = E::number(row_of<E>(c, r)[y]);
    f = finish(c, r, y, z_y, sum_of_totals(c, r, team.lane()));
    if (threadIdx.x == 0) target_logits(c)[r] = z_y;
    if (f.good && threadIdx.x == 0) put_loss(c, r, f.loss);
    team.meet();
  }
  if (!f.good) general_row<E, O>(c, team, r);
}

template <class E, class O>
__global__ void __launch_bounds__(128, 4) split_gradients(XENT_PARAMETER DeviceCall c) {
  const LeafOfRow<E> leaf(c);
  if (leaf.y < 0) return;
  const int lane = WarpTeam().lane();
  const RowOf<E> row(c.input, c.stride, leaf.r, c.v);
  const float z_y = target_logits(c)[leaf.r];
  const Finished f = finish(c, leaf.r, leaf.y, z_y, sum_of_totals(c, leaf.r, lane));
  if (!f.good) return;
  const GradientOf<E, O> to(c.grad, c.stride, leaf.r, row);
  Piece<E, kLeafSteps> piece;
  piece.load(row, leaf.m, 0, lane);
  piece.store(to, Gradient{leaf.y, z_y, f.factor, f.at_target});
}

}  // namespace xent::cuda
