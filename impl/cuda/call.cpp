// SPDX-License-Identifier: Apache-2.0
#include "impl/cuda/call.h"

namespace xent::cuda {
namespace {

constexpr std::int64_t kLeafElements = 2048;
constexpr std::int64_t kLongestWarpRow = 4096;

bool plain(const DeviceCall& c) {
  return c.op == Operation::ce && c.target == nullptr && c.smoothing == 0 && c.softcap == 0 &&
         c.scale == 1;
}

}  // namespace

std::size_t workspace_floats(const DeviceCall& c) {
  const std::int64_t sequences = c.t > 0 ? c.n / c.t : 0;
  const std::int64_t leaves = (c.v + kLeafElements - 1) / kLeafElements;
  return static_cast<std::size_t>(4 + 2 * sequences + c.n * (2 + leaves));
}

const char* refusal(Rung rung, const DeviceCall& c) {
  if (c.v >= std::int64_t{1} << 31) return "v of 2^31 and more";
  if (c.n >= std::int64_t{1} << 31) return "n of 2^31 and more";
  if (c.grad != nullptr && c.grad_type != c.in && c.grad_type != Element::f32) return "out";
  if (rung == Rung::warp && c.v > kLongestWarpRow) return "v above 4096";
  const std::int64_t leaves = (c.v + kLeafElements - 1) / kLeafElements;
  if (rung == Rung::split && c.n * leaves >= std::int64_t{1} << 26) {
    return "so many rows: block and warp are for them";
  }
  if (rung == Rung::cluster && leaves > kMostClusterBlocks * most_slice_leaves(c.in)) {
    return c.in == Element::f32 ? "v above 442368" : "v above 901120";
  }
  const bool only_plain =
      rung == Rung::split || rung == Rung::online || rung == Rung::cluster;
  if (only_plain && !plain(c)) {
    return "an option beside class weights, zloss and ignored rows";
  }
  return nullptr;
}

}  // namespace xent::cuda
