// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/reference_row.cuh"

namespace xent::cuda {

// A row by a cluster of blocks, relative to the target's logit. Each block has a run of the row's
// leaves, each leaf its place in the block's shared memory and its warp. One bulk copy brings it;
// the warp sums it, makes its gradient of the same place, and asks for that leaf of the cluster's
// next row. So a row is read once, and the next one's copies fly while this one is worked on.
// Totals of leaves are stored in every block of the cluster, and each adds them: the one tree.

/// A leaf's place: where its row is misaligned it has a vector more.
template <class E>
inline constexpr int kLeafVectors = kLeaf / E::kPerVector + 1;

inline constexpr int kMostSliceLeaves = most_slice_leaves(Element::bf16);
inline constexpr int kMostClusterLeaves = kMostClusterBlocks * kMostSliceLeaves;

/// Of the 227 KB that a block can have 5 are for barriers, totals and the team's numbers.
template <class E>
constexpr bool fits(Element e) {
  return most_slice_leaves(e) * kLeafVectors<E> * kVectorBytes <= (227 - 5) * 1024;
}
static_assert(fits<F32>(Element::f32) && fits<Bf16>(Element::bf16));

/// What orders the copies, the totals and those who read them.
struct ClusterOrder {
  static XENT_DEVICE void totals_are_there() { cluster_barrier(); }
  static XENT_DEVICE unsigned parity(unsigned phase) { return phase & 1; }
};

/// The warps of a whole cluster.
struct ClusterTeam {
  unsigned rank = cluster_rank();
  unsigned size = cluster_size();
  XENT_DEVICE int lane() const { return static_cast<int>(threadIdx.x) % kWarp; }
  XENT_DEVICE int warp() const { return static_cast<int>(rank * blockDim.x + threadIdx.x) / kWarp; }
  XENT_DEVICE int warps() const { return static_cast<int>(size * blockDim.x) / kWarp; }
};

/// A row that the cluster takes; y < 0: it has no class.
template <class E>
struct RowTaken {
  std::int64_t r;
  std::int64_t y = -1;
  float z_y = 0;
  XENT_DEVICE RowTaken(const DeviceCall& c, std::int64_t row) : r(row) {
    if (r < c.n) y = scored_class(c, r);
    if (y >= 0) z_y = E::number(row_of<E>(c, r)[y]);
  }
};

/// What of the cluster's rows is a warp's, in the block's shared memory.
template <class E, class O, class Order, class Vectors, class Barriers, class Totals>
class Slice {
 public:
  XENT_DEVICE Slice(const DeviceCall& c, Vectors& vectors, Barriers& full, Totals& totals)
      : c_(c), vectors_(vectors), full_(full), totals_(totals) {
    const auto leaves = static_cast<int>(leaves_of(c.v));
    const int each = (leaves + static_cast<int>(team_.size) - 1) / static_cast<int>(team_.size);
    first_ = static_cast<int>(team_.rank) * each;
    end_ = first_ + each < leaves ? first_ + each : leaves;
  }

  XENT_DEVICE void begin(const RowTaken<E>& row) const {
    for_leaves([&](int i) {
      if (team_.lane() == 0) barrier_init(full_ + i, 1);
      ask(row, i);
    });
  }

  /// S, the same in every thread of the cluster. Ends with a barrier: every logit has been read
  /// that somebody else's gradient overwrites.
  XENT_DEVICE float sum(const RowTaken<E>& row, const RowTaken<E>& next) {
    const int turn = static_cast<int>(phase_ & 1) * kMostClusterLeaves;
    for_leaves([&](int i) {
      barrier_wait(full_ + i, Order::parity(phase_));
      float slot[8] = {};
      for_pieces(row, i, [&](const auto& piece) { piece.add_to(slot, row.y, row.z_y); });
      const float total = sum_of_slots<E::kPerVector>(slot, team_.lane());
      const auto rank = static_cast<unsigned>(team_.lane());
      if (rank < team_.size) map_shared_rank(totals_ + turn, rank)[first_ + i] = total;
      if (c_.grad == nullptr) ask(next, i);
    });
    ++phase_;
    Order::totals_are_there();
    float mine = 0;
    for (int m = team_.lane(); m < leaves_of(c_.v); m += kWarp) mine += totals_[turn + m];
    return sum_of_lanes(mine);
  }

  /// After `sum` of a call that asks for gradients.
  XENT_DEVICE void store(const RowTaken<E>& row, const RowTaken<E>& next, const Finished& f) const {
    const GradientOf<E, O> to(c_.grad, c_.stride, row.r, logits(row));
    const Gradient gradient = {row.y, row.z_y, f.factor, f.at_target};
    for_leaves([&](int i) {
      if (f.good) for_pieces(row, i, [&](const auto& piece) { piece.store(to, gradient); });
      ask(next, i);
    });
  }

  /// Of a row without a class.
  XENT_DEVICE void store_nothing(const RowTaken<E>& row, const RowTaken<E>& next) const {
    zero_gradient<O>(team_, c_.grad, c_.stride, row.r, c_.v);
    for_leaves([&](int i) { ask(next, i); });
  }

  XENT_DEVICE bool is_first_block() const { return team_.rank == 0; }

 private:
  static constexpr int kPerVector = E::kPerVector;
  static constexpr int kSteps = kPerVector / 4;  // 2 vectors

  XENT_DEVICE RowOf<E> logits(const RowTaken<E>& row) const {
    return RowOf<E>(c_.input, c_.stride, row.r, c_.v);
  }

  /// use(i) for the warp's leaves first_ + i.
  template <class Use>
  XENT_DEVICE void for_leaves(Use use) const {
    XENT_ROLLED
    for (int i = static_cast<int>(threadIdx.x) / kWarp; i < end_ - first_;
         i += static_cast<int>(blockDim.x) / kWarp) {
      use(i);
    }
  }

  /// Asks for the row's leaf, whose place the warp has read: the vectors that are whole in the row.
  XENT_DEVICE void ask(const RowTaken<E>& taken, int i) const {
    if (taken.y < 0) return;
    __syncwarp();
    if (team_.lane() != 0) return;
    const RowOf<E> row = logits(taken);
    const std::int64_t begin = std::int64_t{first_ + i} * kLeaf;
    const std::int64_t whole = (row.v - begin + row.past) / kPerVector;
    const int most = kLeaf / kPerVector + (row.past > 0 ? 1 : 0);
    const int from = begin == 0 && row.past > 0 ? 1 : 0;
    const int end = whole < most ? static_cast<int>(whole) : most;
    const std::size_t bytes = end > from ? static_cast<std::size_t>(end - from) * kVectorBytes : 0;
    barrier_expect(full_ + i, bytes);
    if (bytes == 0) return;
    const auto* const z = row.z + (begin + from * kPerVector - row.past);
    copy_bulk(vectors_ + (i * kLeafVectors<E> + from), reinterpret_cast<const uint4*>(z), bytes,
              full_ + i);
  }

  /// use(piece) for the pieces of a leaf in its place.
  template <class Use>
  XENT_DEVICE void for_pieces(const RowTaken<E>& taken, int i, Use use) const {
    const RowOf<E> row = logits(taken);
    const auto whole = [&](int position) {
      const uint4 v = vectors_[i * kLeafVectors<E> + (position + row.past) / kPerVector];
      return Vector{{v.x, v.y, v.z, v.w}};
    };
    const std::int64_t left = row.v - std::int64_t{first_ + i} * kLeaf;
    XENT_ROLLED
    for (int step = 0; step < kLeafSteps && step * kSlots < left; step += kSteps) {
      Piece<E, kSteps> piece;
      piece.load(row, first_ + i, step, team_.lane(), whole);
      use(piece);
    }
  }

  const DeviceCall& c_;
  Vectors& vectors_;  ///< [leaves of the block][kLeafVectors]
  Barriers& full_;    ///< [leaves of the block]: a copy has arrived
  Totals& totals_;    ///< [2][kMostClusterLeaves], rows in turn
  ClusterTeam team_;
  int first_;
  int end_;
  unsigned phase_ = 0;  ///< rows that copies have brought
};

/// Cluster i takes rows i, i + clusters, ...; launched with as many clusters as run at once, and
/// with dynamic shared memory for the places of a block's leaves.
template <class E, class O, class Order = ClusterOrder>
__global__ void __launch_bounds__(256, 3) cluster_rows(XENT_PARAMETER DeviceCall c) {
  XENT_DYNAMIC_SHARED(uint4, vectors);
  XENT_SHARED(CopyBarrier, full, kMostSliceLeaves);
  XENT_SHARED(float, totals, 2 * kMostClusterLeaves);
  XENT_SHARED(float, floats, 2 * kWarp);
  XENT_SHARED(Place, places, 2 * kWarp);
  BlockTeam team(floats, places);
  Slice<E, O, Order, decltype(vectors), decltype(full), decltype(totals)> slice(c, vectors, full,
                                                                                totals);
  const unsigned clusters = gridDim.x / cluster_size();
  RowTaken<E> row(c, blockIdx.x / cluster_size());
  slice.begin(row);
  cluster_barrier();
  while (row.r < c.n) {
    const RowTaken<E> next(c, row.r + clusters);
    const bool puts_loss = slice.is_first_block() && threadIdx.x == 0;
    if (row.y < 0) {
      slice.store_nothing(row, next);
      if (puts_loss) put_loss(c, row.r, 0);
    } else {
      const Finished f = finish(c, row.r, row.y, row.z_y, slice.sum(row, next));
      if (f.good && puts_loss) put_loss(c, row.r, f.loss);
      if (c.grad != nullptr) slice.store(row, next, f);
      if (!f.good && slice.is_first_block()) general_row<E, O>(c, team, row.r);
    }
    row = next;
  }
}

}  // namespace xent::cuda
