// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "impl/row_view.h"

namespace xent {

/// What highway/safe consists of, compiled for one instruction set.
struct HighwayTarget {
  std::string isa;   ///< lower case: "avx2"
  bool fma = false;  ///< multiply-adds round once
  void (*body_f32)(const RowView<float>&) = nullptr;
  void (*body_f64)(const RowView<double>&) = nullptr;
  /// The kernel's own exponential, n elements, for x <= 0.
  void (*exp_f32)(const float* x, float* y, std::size_t n) = nullptr;
  void (*exp_f64)(const double* x, double* y, std::size_t n) = nullptr;
};

/// Every instruction set that was compiled and that this processor has, best first.
const std::vector<HighwayTarget>& highway_targets();

/// Those that were compiled and that it has not.
std::vector<std::string> highway_targets_missing();

/// Declared error of exp_f32 and exp_f64 for normal results, in units of u = 2^-24, 2^-53, with and
/// without fused multiply-adds: 1 + p rounds by 1 u at most, p and r by 1/4 u each, the truncation
/// is below 0.1 u. Certified over every binary32 argument (`xentcheck certify-exp`): 1.4938 u, and
/// 1.4372 u without fused multiply-adds; binary64 has too many. Subnormal results: half a unit of
/// the last place more.
inline constexpr double kHighwayExp = 1.75;

}  // namespace xent
