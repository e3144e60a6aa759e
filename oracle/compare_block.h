// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "oracle/simd/rows.h"

namespace xent {

/// Consecutive outputs beside their enclosures and bounds.
struct ComparedBlock {
  alignas(64) double got[Elements::kMost];
  alignas(64) double bound[Elements::kMost];
  std::int64_t count = 0;

  // What compare_block finds.
  std::int64_t within = 0;  ///< outputs certainly within their bounds, and ordinary numbers
  /// Bins of error / bound and of |error| in ulp; Histogram::kNoBin for the outputs that are not
  /// within: they are in no other figure here either.
  alignas(64) std::int64_t over_bin[Elements::kMost];
  alignas(64) std::int64_t ulp_bin[Elements::kMost];
  double max_error;  ///< errors are upper bounds
  double min_over, max_over, sum_over;
  double min_abs_ulp, sum_abs_ulp;
  double min_ulp, max_ulp, sum_ulp;
};

/// Plain operations in one order: the same bits on every instruction set.
void compare_block(ComparedBlock&, const Elements&, DType format);

}  // namespace xent
