// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace xent {

/// Errors of y = exp^(x) on at most kMost arguments, as upper bounds; units are those of ExpErrors.
struct ExpBlock {
  static constexpr std::size_t kMost = 512;
  /// Outside, exp of the nearer of these is enclosed; errors bound only what lies inside and does
  /// not overflow.
  static constexpr float kLeast = -105, kGreatest = 89;
  alignas(64) double mid[kMost];  ///< |exp x - mid| <= rad
  alignas(64) double rad[kMost];
  alignas(64) double relative[kMost];
  alignas(64) double ulp[kMost];
  alignas(64) double tiny[kMost];
  double most_relative, most_ulp, most_tiny;  ///< maxima over the block, at least 0
};

struct ExpBlockInput {
  const float* x;
  const float* y;
  std::size_t count;  ///< a multiple of 16, at most kMost
  double slope;       ///< the budget's b
  double cutoff;      ///< arguments below it belong to `tiny`
  /// From here up to 0 `tiny`, too, is less the slope's part; below, exp x is nothing.
  double dead = 0;
};

struct ExpBlockTarget {
  std::string isa;  ///< lower case: "avx3"
  void (*fill)(const ExpBlockInput&, ExpBlock&);
};

/// The instruction sets that this machine has and that were compiled, best first; all of them give
/// the same.
const std::vector<ExpBlockTarget>& exp_block_targets();

}  // namespace xent
