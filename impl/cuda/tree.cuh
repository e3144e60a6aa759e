// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/platform.cuh"

namespace xent::cuda {

// The one summation tree: SumOrder::leaves of core/error_budget.h. Element j of a row is in leaf
// j / 2048 and there in slot j mod 256. A slot adds its 8 elements in order; slots are added in
// halves (128 apart, then 64, ... 1). Of the leaves' totals number i mod 32 are added in order; the
// 32 sums are added in halves. Nothing of it depends on who adds, or where: a rotation of the slots
// has the same halves, and addition commutes.
inline constexpr int kSlots = 256;
inline constexpr int kLeafSteps = 8;
inline constexpr int kLeaf = kSlots * kLeafSteps;
inline constexpr int kWarp = 32;
inline constexpr unsigned kAll = 0xffffffffu;

XENT_BOTH std::int64_t leaves_of(std::int64_t elements) {
  return (elements + kLeaf - 1) / kLeaf;
}

/// In halves over the lanes, `first` apart at first; the same bits in every lane.
XENT_DEVICE float sum_of_lanes(float x, int first = kWarp / 2) {
  XENT_UNROLL
  for (int apart = first; apart > 0; apart /= 2) x += __shfl_xor_sync(kAll, x, apart);
  return x;
}

/// Lanes `bit` apart share the work: each keeps half of N sums.
template <int N>
XENT_DEVICE void share(float* sum, int lane, int bit) {
  const bool upper = (lane & bit) != 0;
  XENT_UNROLL
  for (int i = 0; i < N / 2; ++i) {
    const float given = upper ? sum[i] : sum[i + N / 2];
    const float kept = upper ? sum[i + N / 2] : sum[i];
    sum[i] = kept + __shfl_xor_sync(kAll, given, bit);
  }
}

/// A lane's 8 of a leaf's 256 slots. Of vectors of 8: slots 8 lane + i; of 4: 4 lane + i, and those
/// 128 further; rotated together by any number.
template <int kPerVector>
XENT_DEVICE float sum_of_slots(float (&slot)[8], int lane);

template <>
XENT_DEVICE float sum_of_slots<8>(float (&slot)[8], int lane) {
  share<8>(slot, lane, 16);
  share<4>(slot, lane, 8);
  share<2>(slot, lane, 4);
  slot[0] = sum_of_lanes(slot[0], 2);
  XENT_UNROLL
  for (int apart = 16; apart >= 4; apart /= 2) slot[0] += __shfl_xor_sync(kAll, slot[0], apart);
  return slot[0];
}

template <>
XENT_DEVICE float sum_of_slots<4>(float (&slot)[8], int lane) {
  XENT_UNROLL
  for (int i = 0; i < 4; ++i) slot[i] += slot[i + 4];
  share<4>(slot, lane, 16);
  share<2>(slot, lane, 8);
  slot[0] = sum_of_lanes(slot[0], 4);
  slot[0] += __shfl_xor_sync(kAll, slot[0], 16);
  return slot[0] + __shfl_xor_sync(kAll, slot[0], 8);
}

/// Where a row's greatest number is, as something to compare: the number, then the lower index.
using Place = unsigned long long;

XENT_DEVICE Place place_of(float x, std::uint32_t index) {
  const std::uint32_t bits = __float_as_uint(x + 0.0f);
  const std::uint32_t ordered = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return Place{ordered} << 32 | (0xffffffffu - index);
}
XENT_DEVICE float number_of(Place p) {
  const auto ordered = static_cast<std::uint32_t>(p >> 32);
  return __uint_as_float((ordered & 0x80000000u) != 0 ? ordered & 0x7fffffffu : ~ordered);
}
XENT_DEVICE std::int64_t index_of(Place p) {
  return 0xffffffffu - static_cast<std::uint32_t>(p);
}

XENT_DEVICE Place greatest_of_lanes(Place x) {
  XENT_UNROLL
  for (int apart = kWarp / 2; apart > 0; apart /= 2) {
    const Place other = __shfl_xor_sync(kAll, x, apart);
    x = other > x ? other : x;
  }
  return x;
}

/// Who has a row: leaf m is the work of warp m mod warps(), and its total of lane m mod 32 there.
/// A warp alone:
struct WarpTeam {
  XENT_DEVICE int lane() const { return static_cast<int>(threadIdx.x) % kWarp; }
  XENT_DEVICE int warp() const { return 0; }
  XENT_DEVICE int warps() const { return 1; }
  XENT_DEVICE float sum(float totals) { return sum_of_lanes(totals); }
  XENT_DEVICE Place greatest(Place x) { return greatest_of_lanes(x); }
  /// What lanes have stored or read so far comes before what they do next.
  XENT_DEVICE void meet() { __syncwarp(); }
};

/// Or a block of 1, 2, 4, 8, 16 or 32 warps. Two sets of shared numbers take turns, so that one
/// barrier a use is enough.
template <class Floats, class Places>
struct BlockTeam {
  Floats& floats;  ///< [2 * 32]
  Places& places;  ///< [2 * 32]
  int turn = 0;

  XENT_DEVICE BlockTeam(Floats& f, Places& p) : floats(f), places(p) {}
  XENT_DEVICE int lane() const { return static_cast<int>(threadIdx.x) % kWarp; }
  XENT_DEVICE int warp() const { return static_cast<int>(threadIdx.x) / kWarp; }
  XENT_DEVICE int warps() const { return static_cast<int>(blockDim.x) / kWarp; }
  XENT_DEVICE float sum(float totals) {
    turn = kWarp - turn;
    if (lane() % warps() == warp()) floats[turn + lane()] = totals;
    __syncthreads();
    return sum_of_lanes(floats[turn + lane()]);
  }
  XENT_DEVICE Place greatest(Place x) {
    turn = kWarp - turn;
    x = greatest_of_lanes(x);
    if (lane() == 0) places[turn + warp()] = x;
    __syncthreads();
    return greatest_of_lanes(lane() < warps() ? Place{places[turn + lane()]} : Place{0});
  }
  XENT_DEVICE void meet() { __syncthreads(); }
};

/// The tree over term(0), ... term(count - 1), with one copy of the term's code: of a lane's slots
/// lane + 32 i one after the other, i such that halves meet.
template <class Team, class Term>
XENT_DEVICE float sum_of(Team& team, std::int64_t count, Term term) {
  constexpr std::uint32_t kOrder = 0x73516240;  // i of turn n in digit n
  float totals = 0;
  for (std::int64_t m = team.warp(); m < leaves_of(count); m += team.warps()) {
    float one = 0, two = 0, four = 0, sum = 0;
    XENT_ROLLED
    for (int turn = 0; turn < 8; ++turn) {
      const auto i = static_cast<int>(kOrder >> 4 * turn & 7);
      const std::int64_t first = m * kLeaf + team.lane() + kWarp * i;
      const std::int64_t end = first + kLeaf < count ? first + kLeaf : count;
      sum = 0;
      XENT_ROLLED
      for (std::int64_t j = first; j < end; j += kSlots) sum += term(j);
      if ((turn & 1) != 0) sum = one + sum;
      if ((turn & 3) == 3) sum = two + sum;
      if (turn == 7) sum = four + sum;
      if ((turn & 1) == 0) one = sum;
      if ((turn & 3) == 1) two = sum;
      if (turn == 3) four = sum;
    }
    const float total = sum_of_lanes(sum);
    if (team.lane() == m % kWarp) totals += total;
  }
  return team.sum(totals);
}

}  // namespace xent::cuda
