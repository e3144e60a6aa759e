// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/call.cuh"
#include "impl/cuda/general_row.cuh"
#include "impl/cuda/leaf.cuh"

namespace xent::cuda {

// Rows of one class y without smoothing or a transformation, relative to the target's logit:
//   S = sum over j != y of exp(z_j - z_y), y skipped;  loss log1p(S),
//   gradient exp(z_j - z_y) / (1 + S), the target's -S / (1 + S).
// One pass for the loss, and no maximum: Shift::target of core/error_budget.h.

/// S at or above it, 0 or NaN: the row is done again below its maximum.
inline constexpr float kShiftLimit = 1e37f;

XENT_BOTH bool has_reference(const DeviceCall& c) {
  return c.op == Operation::ce && c.target == nullptr && c.smoothing == 0 && c.softcap == 0 &&
         c.scale == 1;
}

/// What follows from the sums of a row.
struct Finished {
  bool good = false;    ///< else general_row does it again
  float loss = 0;       ///< of put_loss
  float factor = 0;     ///< gradient: exp(z_j - z_y) times it
  float at_target = 0;  ///< the target's
};

/// Of p_j = e_j * inverse, the target's p_y and p_y - 1, and -log p_y.
XENT_DEVICE Finished finish_row(const DeviceCall& c, std::int64_t r, std::int64_t y,
                                float minus_log, float lse, float inverse, float p_y,
                                float p_y_minus_1) {
  Finished f;
  f.good = true;
  const float weight = weight_of(c, y);
  f.loss = product(weight, minus_log);
  if (c.z_loss != 0) f.loss = f.loss + c.z_loss * lse * lse;
  if (c.grad == nullptr) return f;
  const Behind behind(c, r);
  const float z_factor = 2 * c.z_loss * lse;
  float at_target = weight * p_y_minus_1;
  float factor = weight;
  if (c.z_loss != 0) {
    at_target = at_target + z_factor * p_y;
    factor = weight + z_factor;
  }
  f.at_target = behind(at_target);
  f.factor = inverse * (factor * behind.upstream / behind.divisor);
  const float size = fabsf(f.factor);
  f.good = size >= 0x1p-126f && size <= kShiftLimit;
  return f;
}

XENT_DEVICE Finished finish(const DeviceCall& c, std::int64_t r, std::int64_t y, float z_y,
                            float s) {
  if (!(s > 0 && s < kShiftLimit)) return {};
  const float log_s = log1p_accurate(s);
  const float inverse = 1 / (1 + s);
  return finish_row(c, r, y, log_s, z_y + log_s, inverse, inverse, -(s / (1 + s)));
}

/// A team's row in two halves, so that a warp can begin with several at a time. The first kKept of
/// a warp's leaves, or their first kSteps, stay in registers between the sum and the gradient;
/// others pass by in pieces of kStream steps, once for each. kStream = 0: there are none.
template <class E, class O, int kKept, int kSteps, int kStream, class Team>
class ReferenceRow {
 public:
  XENT_DEVICE void begin(const DeviceCall& c, const Team& team, std::int64_t r) {
    r_ = r;
    y_ = r < c.n && has_reference(c) ? scored_class(c, r) : -1;
    if (y_ < 0) return;
    const RowOf<E> row(c.input, c.stride, r, c.v);
    XENT_UNROLL
    for (int i = 0; i < kKept; ++i) {
      if (leaf(team, i) < row.leaves()) kept_[i].load(row, leaf(team, i), 0, team.lane());
    }
    z_y_ = E::number(row.z[y_]);
  }

  /// False: the row is to be done by general_row.
  XENT_DEVICE bool end(const DeviceCall& c, Team& team) {
    if (y_ < 0) return r_ >= c.n;
    const RowOf<E> row(c.input, c.stride, r_, c.v);
    const Finished f = finish(c, r_, y_, z_y_, sum(row, team));
    if (!f.good) return false;
    if (thread_of(team) == 0) put_loss(c, r_, f.loss);
    if (c.grad == nullptr) return true;
    const GradientOf<E, O> to(c.grad, c.stride, r_, row);
    store(row, team, to, Gradient{y_, z_y_, f.factor, f.at_target});
    return true;
  }

 private:
  XENT_DEVICE std::int64_t leaf(const Team& team, int i) const {
    return team.warp() + std::int64_t{i} * team.warps();
  }

  /// Ends with a barrier: every logit has been read that somebody else's gradient overwrites.
  XENT_DEVICE float sum(const RowOf<E>& row, Team& team) const {
    float mine = 0;
    const auto add = [&](std::int64_t m, float (&slot)[8]) {
      const float total = sum_of_slots<E::kPerVector>(slot, team.lane());
      if (team.lane() == m % kWarp) mine += total;
    };
    XENT_UNROLL
    for (int i = 0; i < kKept; ++i) {
      if (leaf(team, i) >= row.leaves()) continue;
      float slot[8] = {};
      kept_[i].add_to(slot, y_, z_y_);
      add(leaf(team, i), slot);
    }
    if constexpr (kStream > 0) {
      XENT_ROLLED
      for (std::int64_t m = leaf(team, kKept); m < row.leaves(); m += team.warps()) {
        float slot[8] = {};
        for_pieces(row, team, m, [&](const Piece<E, kStream>& p) { p.add_to(slot, y_, z_y_); });
        add(m, slot);
      }
    }
    return team.sum(mine);
  }

  XENT_DEVICE void store(const RowOf<E>& row, const Team& team, const GradientOf<E, O>& to,
                         const Gradient& gradient) const {
    XENT_UNROLL
    for (int i = 0; i < kKept; ++i) {
      if (leaf(team, i) < row.leaves()) kept_[i].store(to, gradient);
    }
    if constexpr (kStream > 0) {
      XENT_ROLLED
      for (std::int64_t m = leaf(team, kKept); m < row.leaves(); m += team.warps()) {
        for_pieces(row, team, m, [&](const Piece<E, kStream>& p) { p.store(to, gradient); });
      }
    }
  }

  /// use(piece) for the pieces of leaf m, read from memory.
  template <class Use>
  XENT_DEVICE void for_pieces(const RowOf<E>& row, const Team& team, std::int64_t m,
                              Use use) const {
    const std::int64_t left = row.v - m * kLeaf;
    XENT_ROLLED
    for (int step = 0; step < kLeafSteps && step * kSlots < left; step += kStream) {
      Piece<E, kStream> piece;
      piece.load(row, m, step, team.lane());
      use(piece);
    }
  }

  std::int64_t r_ = 0;
  std::int64_t y_ = -1;
  float z_y_ = 0;
  Piece<E, kSteps> kept_[kKept > 0 ? kKept : 1];
};

}  // namespace xent::cuda
