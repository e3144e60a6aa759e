// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/results.h"

namespace xent {

/// How many non-negative numbers fell where: 128 bins an octave, each without its lower end and
/// with its upper. Bin 0 holds 0 alone. Memory: a kilobyte for each octave between those seen.
class Histogram {
 public:
  static constexpr std::int64_t kNoBin = -1;

  static std::int64_t bin_of(double x);
  static double upper_end(std::int64_t bin);

  void add(std::int64_t bin);
  /// Those that are kNoBin are left out; `least` and `most`: of all the others.
  void add(const std::int64_t* bins, std::int64_t count, std::int64_t least, std::int64_t most);
  void append(const Histogram&);
  /// Upper end of the bin that holds the number of this rank, the first being 1.
  double at_rank(std::int64_t rank) const;

 private:
  void reach(std::int64_t bin);

  std::int64_t zeros_ = 0, infinite_ = 0;
  std::int64_t first_ = 0;  ///< bin of counts_[0]
  std::vector<std::int64_t> counts_;
};

struct ComparedBlock;

/// Errors of many outputs: percentiles are the upper end of their bin (within 0.8 %), everything
/// else is exact but for the rounding of sums.
class ErrorSamples {
 public:
  void add(double over_bound, double ulp, double absolute, double conditioned);
  /// The outputs of the block that are within their bounds; `condition`: what an absolute error
  /// is divided by for the conditioned one.
  void add(const ComparedBlock&, double condition);
  /// A wrong output without a finite error: infinitely beyond its bound, in no other figure.
  void add_unbounded();
  void append(const ErrorSamples&);
  ErrorProfile profile() const;
  std::int64_t size() const { return size_; }
  double error_over_bound() const { return max_over_bound_; }

 private:
  void see_ulp(double);

  std::int64_t size_ = 0;
  Histogram over_bound_, ulp_;
  double max_over_bound_ = 0, sum_over_bound_ = 0;
  double worst_ulp_ = 0, sum_ulp_ = 0, sum_abs_ulp_ = 0;
  double max_abs_ = 0, max_conditioned_ = 0;
};

}  // namespace xent
