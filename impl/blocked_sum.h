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
  /// x[0 .. n] as add(0, x[0]), add(1, x[1]), ... would; nothing else was added before.
  void add_all(const T* x, std::int64_t n) {
    constexpr std::int64_t lanes = kLanes<T>;
    std::int64_t j = 0;
    while (n - j >= lanes * kBlock) {
      for (std::int64_t end = j + lanes * kBlock; j < end; j += lanes) {
        for (std::int64_t i = 0; i < lanes; ++i) run_[i] += x[j + i];
      }
      end_run();
    }
    for (; j < n; ++j) run_[j % lanes] += x[j];
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
