// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "impl/row_view.h"

namespace xent {

using NativeBody = void (*)(const NativeView&);

/// A rung of the ladder, compiled for one instruction set.
struct HighwayRung {
  std::string name;
  std::string summary;
  std::string isa;   ///< lower case: "avx2"
  bool fma = false;  ///< multiply-adds round once
  NativeBody body = nullptr;
  /// Its exponential, n elements: of a sum that is accepted WideExp, else Exp.
  void (*exp)(const float* x, float* y, std::size_t n) = nullptr;
  bool f16 = false;         ///< the body takes f16 as it is
  bool has_small = false;
  bool pipelined = false;   ///< a row's gradient is written beside the next row's sum
  bool exp_cutoff = false;  ///< it gives 0 below kWideExpCutoff
};

/// Null where there is none for the instruction set.
struct LadderBodies {
  NativeBody reference = nullptr;
  NativeBody streams = nullptr;
  NativeBody fused = nullptr;
  NativeBody small = nullptr;
  NativeBody automatic = nullptr;  ///< fused, and small where that takes the problem
};

/// Longest rows that keep their exponentials for the gradient. Beyond, what is kept goes through
/// the core's second cache and back, which costs more than to compute it again; 16-bit logits are
/// dearer to compute with.
inline std::int64_t longest_kept(std::size_t bytes_of_logit) {
  return bytes_of_logit == 2 ? 1 << 16 : 1 << 11;
}

// For the instruction set that Highway's dispatch is set to.
LadderBodies ladder_bodies();
void wide_exp_of(HighwayRung* out);  ///< sets everything but names and body
void online_of(HighwayRung* out);    ///< sets body and exp

}  // namespace xent
