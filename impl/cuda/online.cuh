// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/reference_row.cuh"

namespace xent::cuda {

/// Sums below a maximum: s = sum exp(z_j - m), t without the target.
struct Running {
  float m = -kInfinity;
  float s = 0;
  float t = 0;

  /// Both below the greater of their maxima, the same number in every place.
  XENT_DEVICE void merge(const Running& other) {
    const float most = fmaxf(m, other.m);
    const float shift = most == -kInfinity ? 0.0f : most;
    const float mine = exp_approx(m - shift);
    const float its = exp_approx(other.m - shift);
    s = s * mine + other.s * its;
    t = t * mine + other.t * its;
    m = most;
  }
};

/// A row by a block: each leaf below its own maximum, with one exponential a logit, and sums of
/// leaves rescaled as they meet. One pass, and one for the gradient. What it does not serve
/// (infinities, NaN) general_row does again.
template <class E, class O>
class OnlineRow {
 public:
  template <class States>
  XENT_DEVICE bool run(const DeviceCall& c, const WarpTeam& lanes, int warp, int warps,
                       std::int64_t r, States& states) {
    const std::int64_t y = has_reference(c) ? scored_class(c, r) : -1;
    if (y < 0) return false;
    const RowOf<E> row(c.input, c.stride, r, c.v);
    const float z_y = E::number(row.z[y]);
    Running mine;
    XENT_ROLLED
    for (std::int64_t m = warp; m < row.leaves(); m += warps) {
      const Running leaf = sums_of(row, m, lanes.lane(), y);
      if (lanes.lane() == m % kWarp) mine.merge(leaf);
    }
    const Running all = merged(mine, lanes.lane(), warp, warps, states);
    return finish_row(c, r, row, y, z_y, all, lanes.lane(), warp, warps);
  }

 private:
  static constexpr int kSteps = kLeafSteps;

  static XENT_DEVICE Running sums_of(const RowOf<E>& row, std::int64_t m, int lane,
                                     std::int64_t y) {
    Piece<E, kSteps> piece;
    piece.load(row, m, 0, lane);
    Running leaf;
    leaf.m = piece.greatest();
    XENT_UNROLL
    for (int apart = kWarp / 2; apart > 0; apart /= 2) {
      leaf.m = fmaxf(leaf.m, __shfl_xor_sync(kAll, leaf.m, apart));
    }
    const float shift = leaf.m == -kInfinity ? 0.0f : leaf.m;
    XENT_ROLLED
    for (int i = y / kLeaf == m ? 0 : 1; i < 2; ++i) {
      float slot[8] = {};
      piece.add_to(slot, i == 0 ? y : -1, shift);
      const float total = sum_of_slots<E::kPerVector>(slot, lane);
      if (i == 0) leaf.t = total;
      else leaf.s = total;
    }
    if (y / kLeaf != m) leaf.t = leaf.s;
    return leaf;
  }

  /// In halves over what leaves number 0, 1, ... 31 of 32 have made.
  template <class States>
  static XENT_DEVICE Running merged(const Running& mine, int lane, int warp, int warps,
                                    States& states) {
    if (lane % warps == warp) {
      states[lane] = mine.m;
      states[kWarp + lane] = mine.s;
      states[2 * kWarp + lane] = mine.t;
    }
    __syncthreads();
    Running all = {states[lane], states[kWarp + lane], states[2 * kWarp + lane]};
    XENT_UNROLL
    for (int apart = kWarp / 2; apart > 0; apart /= 2) {
      all.merge({__shfl_xor_sync(kAll, all.m, apart), __shfl_xor_sync(kAll, all.s, apart),
                 __shfl_xor_sync(kAll, all.t, apart)});
    }
    return all;
  }

  static XENT_DEVICE bool finish_row(const DeviceCall& c, std::int64_t r, const RowOf<E>& row,
                                     std::int64_t y, float z_y, const Running& all, int lane,
                                     int warp, int warps) {
    if (!(all.s >= 1 && all.s < kShiftLimit && fabsf(all.m) < kInfinity)) return false;
    const float log_s = log_accurate(all.s);
    const float e_y = exp_approx(z_y - all.m);
    const float minus_log =
        z_y == all.m ? log1p_accurate(all.t / e_y) : (all.m - z_y) + log_s;
    const float inverse = 1 / all.s;
    const Finished f = cuda::finish_row(c, r, y, minus_log, all.m + log_s, inverse,
                                        e_y * inverse, -(all.t / all.s));
    if (!f.good) return false;
    if (warp == 0 && lane == 0) put_loss(c, r, f.loss);
    if (c.grad == nullptr) return true;
    const GradientOf<E, O> to(c.grad, c.stride, r, row);
    XENT_ROLLED
    for (std::int64_t m = warp; m < row.leaves(); m += warps) {
      Piece<E, kSteps> piece;
      piece.load(row, m, 0, lane);
      piece.store(to, Gradient{y, all.m, f.factor, f.at_target});
    }
    return true;
  }
};

template <class E, class O>
__global__ void __launch_bounds__(256, 1) online_rows(XENT_PARAMETER DeviceCall c) {
  XENT_SHARED(float, floats, 2 * kWarp);
  XENT_SHARED(Place, places, 2 * kWarp);
  XENT_SHARED(float, states, 3 * kWarp);
  BlockTeam team(floats, places);
  OnlineRow<E, O> row;
  if (!row.run(c, WarpTeam(), team.warp(), team.warps(), blockIdx.x, states)) {
    general_row<E, O>(c, team, blockIdx.x);
  }
}

}  // namespace xent::cuda
