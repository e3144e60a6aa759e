// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/call.cuh"
#include "impl/cuda/tree.cuh"

namespace xent::cuda {

// What rows share, before and after them, by one block: the divisors of a mean, and the sum of the
// losses. Both have the tree of a row.

/// Rows in [from, from + rows) that are not ignored. Exact up to 2^24.
template <class Team>
XENT_DEVICE float valid_rows(Team& team, const DeviceCall& c, std::int64_t from,
                             std::int64_t rows) {
  if (c.label == nullptr) return static_cast<float>(rows);
  return sum_of(team, rows, [&](std::int64_t i) {
    return scored_class(c, from + i) < 0 ? 0.0f : 1.0f;
  });
}

/// That, or the sum of their targets' weights.
template <class Team>
XENT_DEVICE float size_of_rows(Team& team, const DeviceCall& c, std::int64_t from,
                               std::int64_t rows) {
  if (c.label == nullptr || c.weight.data == nullptr) return valid_rows(team, c, from, rows);
  return sum_of(team, rows, [&](std::int64_t i) {
    const std::int64_t y = scored_class(c, from + i);
    return y < 0 ? 0.0f : number_at(c.weight, y);
  });
}

/// Of a mean: D, or each sequence's own and the number of sequences that have one.
template <class Team>
XENT_DEVICE void find_divisors(Team& team, const DeviceCall& c) {
  float whole = c.divide == Divide::number ? c.denominator : static_cast<float>(c.n);
  if (c.divide == Divide::valid) whole = size_of_rows(team, c, 0, c.n);
  if (has_sequences(c)) {
    float* const own = own_divisors(c);
    float* const counts = own_counts(c);
    for (std::int64_t i = 0; i < sequences(c); ++i) {
      const float size = size_of_rows(team, c, i * c.t, c.t);
      const float count = valid_rows(team, c, i * c.t, c.t);
      if (threadIdx.x == 0) own[i] = size, counts[i] = count;
    }
    team.meet();
    whole = sum_of(team, sequences(c),
                   [&](std::int64_t i) { return counts[i] > 0 ? 1.0f : 0.0f; });
  }
  if (threadIdx.x == 0) *whole_divisor(c) = whole;
}

/// The losses' sum, or the sum of the sequences' means, over D.
template <class Team>
XENT_DEVICE void reduce_losses(Team& team, const DeviceCall& c) {
  const float* const losses = row_losses(c);
  float total;
  if (has_sequences(c)) {
    float* const means = own_counts(c);
    for (std::int64_t i = 0; i < sequences(c); ++i) {
      const float sum = sum_of(team, c.t, [&](std::int64_t k) { return losses[i * c.t + k]; });
      if (threadIdx.x == 0) means[i] = means[i] > 0 ? sum / own_divisors(c)[i] : 0.0f;
    }
    team.meet();
    total = sum_of(team, sequences(c), [&](std::int64_t i) { return means[i]; });
  } else {
    total = sum_of(team, c.n, [&](std::int64_t i) { return losses[i]; });
  }
  if (c.reduce == Reduce::mean) total = total / *whole_divisor(c);
  if (c.unit == Scale::perplexity) total = expf(total);
  if (threadIdx.x == 0) set_number(c.loss, c.loss_type, 0, total);
}

/// A template, so that every file that launches it has it.
template <bool kBefore>
__global__ void __launch_bounds__(512, 2) around_rows(XENT_PARAMETER DeviceCall c) {
  XENT_SHARED(float, floats, 2 * kWarp);
  XENT_SHARED(Place, places, 2 * kWarp);
  BlockTeam team(floats, places);
  if constexpr (kBefore) find_divisors(team, c);
  else reduce_losses(team, c);
}

}  // namespace xent::cuda
