// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace xent {

/// The one summation tree of our kernels, for every instruction set, address and batch size.
/// Element j belongs to lane j mod L, with L the elements of a cache line. A lane adds runs of 64
/// of its elements, then the run totals one after the other; the lanes are added in halves. A term
/// passes through at most 63 + (ceil(ceil(n / L) / 64) - 1) + log2 L roundings, which is
/// SumOrder::blocked with lanes = L, block = 64: additions to 0 are exact.
inline constexpr std::int64_t kBlock = 64;

template <class T>
inline constexpr std::int64_t kLanes = 64 / static_cast<std::int64_t>(sizeof(T));

/// Lanes in halves: lane i takes lane i + L/2, then i + L/4, ... Overwrites the lanes.
template <class T>
T sum_of_lanes(T* lane) {
  for (std::int64_t half = kLanes<T> / 2; half > 0; half /= 2) {
    for (std::int64_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

template <class T>
class BlockedSum {
 public:
  /// Elements are added in order, j = 0, 1, 2, ...; one that does not count is added as 0.
  void add(std::int64_t j, T x) {
    run_[j % kLanes<T>] += x;
    if (j % (kLanes<T> * kBlock) == kLanes<T> * kBlock - 1) end_run();
  }
  T value() {
    end_run();
    return sum_of_lanes(total_);
  }

 private:
  void end_run() {
    for (std::int64_t i = 0; i < kLanes<T>; ++i) {
      total_[i] += run_[i];
      run_[i] = 0;
    }
  }
  T run_[kLanes<T>] = {};
  T total_[kLanes<T>] = {};
};

}  // namespace xent
