// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/call.h"
#include "impl/cuda/functions.cuh"
#include "impl/cuda/vectors.cuh"

namespace xent::cuda {

// What rows have around them: labels, divisors, losses, everything behind the gradient.

/// a x, where 0 times infinity is 0; NaN stays.
XENT_DEVICE float product(float a, float x) { return a == 0 && x == x ? 0.0f : a * x; }

/// Parts of DeviceCall::workspace.
XENT_BOTH bool has_sequences(const DeviceCall& c) {
  return c.reduce == Reduce::mean && c.divide == Divide::sequence;
}
XENT_BOTH std::int64_t sequences(const DeviceCall& c) {
  return has_sequences(c)
             ? static_cast<std::uint32_t>(c.n) / static_cast<std::uint32_t>(c.t)
             : 0;
}
XENT_DEVICE float* whole_divisor(const DeviceCall& c) { return c.workspace; }
/// D of each sequence, and the number of its rows that are not ignored.
XENT_DEVICE float* own_divisors(const DeviceCall& c) { return c.workspace + 4; }
XENT_DEVICE float* own_counts(const DeviceCall& c) { return own_divisors(c) + sequences(c); }
XENT_DEVICE float* row_losses(const DeviceCall& c) { return own_counts(c) + sequences(c); }
XENT_DEVICE float* target_logits(const DeviceCall& c) { return row_losses(c) + c.n; }
XENT_DEVICE float* leaf_totals(const DeviceCall& c) { return target_logits(c) + c.n; }

/// Of a row; n and t are below 2^31 (refusal), and divisions of 64 bits are calls.
XENT_DEVICE std::int64_t sequence_of(const DeviceCall& c, std::int64_t r) {
  return static_cast<std::uint32_t>(r) / static_cast<std::uint32_t>(c.t);
}

/// The class that scores row r; -1: the row is ignored or there are no class indices.
XENT_DEVICE std::int64_t scored_class(const DeviceCall& c, std::int64_t r) {
  if (c.label == nullptr || (c.shift && r - sequence_of(c, r) * c.t == c.t - 1)) return -1;
  const std::int64_t y = c.label[c.shift ? r + 1 : r];
  return c.has_ignore && y == c.ignore ? -1 : y;
}

XENT_DEVICE float weight_of(const DeviceCall& c, std::int64_t j) {
  return c.weight.data == nullptr ? 1.0f : number_at(c.weight, j);
}

/// Everything behind the row's own gradient: g * weight * upstream / divisor, from the left.
struct Behind {
  float weight = 1;
  float upstream = 1;
  float divisor = 1;

  XENT_DEVICE Behind(const DeviceCall& c, std::int64_t r) {
    if (c.upstream.data != nullptr) upstream = number_at(c.upstream, c.upstream_per_row ? r : 0);
    if (c.reduce == Reduce::mean) divisor = *whole_divisor(c);
    if (has_sequences(c)) divisor = own_divisors(c)[sequence_of(c, r)] * divisor;
    if (c.unit == Scale::bits) divisor = divisor * kLog2;
  }
  XENT_DEVICE float operator()(float g) const { return product(upstream, g * weight) / divisor; }
};

/// The row's loss in nats, by one thread.
XENT_DEVICE void put_loss(const DeviceCall& c, std::int64_t r, float loss) {
  if (c.loss == nullptr) return;
  if (c.unit == Scale::bits) loss = loss / kLog2;
  if (c.reduce == Reduce::none) set_number(c.loss, c.loss_type, r, loss);
  else row_losses(c)[r] = loss;
}

}  // namespace xent::cuda
