// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace xent {

/// The one summation tree of our kernels, for every instruction set, address and batch size.
/// Element j belongs to lane j mod L, with L the elements of a cache line. A lane adds runs of 16
/// of its elements; the run totals are added pairwise: runs 2i and 2i + 1, these pairs likewise,
/// and so on, what has no partner as it is; the lanes are added in halves. A term passes through
/// at most 15 + ceil(log2 ceil(n / 16L)) + log2 L roundings, which is SumOrder::pairwise with
/// lanes = L, block = 16: additions to 0 are exact.
inline constexpr std::int64_t kBlock = 16;

template <class T>
inline constexpr std::int64_t kLanes = 64 / static_cast<std::int64_t>(sizeof(T));

/// Levels of the tree that any row has: its runs' bytes are a power of 2 too.
inline constexpr int kLevels = 48;

/// The totals of runs, as they come, added pairwise. `Total` is one, with `+=`.
template <class Total>
class PairwiseTotals {
 public:
  void add(Total x) {
    int level = 0;
    for (std::int64_t n = count_++; n & 1; n >>= 1) x += waiting_[level++];
    waiting_[level] = x;
  }
  /// Of all so far, and `last`.
  Total sum(Total last) const {
    int level = 0;
    for (std::int64_t n = count_; n != 0; n >>= 1, ++level) {
      if (n & 1) last += waiting_[level];
    }
    return last;
  }

 private:
  std::int64_t count_ = 0;
  Total waiting_[kLevels];  ///< of 2^level runs, where count_ has that bit
};

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
    run_.lane[j % kLanes<T>] += x;
    if (j % (kLanes<T> * kBlock) == kLanes<T> * kBlock - 1) end_run();
  }
  /// x[0 .. n] as add(0, x[0]), add(1, x[1]), ... would; nothing else was added before.
  void add_all(const T* x, std::int64_t n) {
    constexpr std::int64_t lanes = kLanes<T>;
    std::int64_t j = 0;
    while (n - j >= lanes * kBlock) {
      for (std::int64_t end = j + lanes * kBlock; j < end; j += lanes) {
        for (std::int64_t i = 0; i < lanes; ++i) run_.lane[i] += x[j + i];
      }
      end_run();
    }
    for (; j < n; ++j) run_.lane[j % lanes] += x[j];
  }
  T value() {
    Run all = totals_.sum(run_);
    return sum_of_lanes(all.lane);
  }

 private:
  struct Run {
    T lane[kLanes<T>];
    Run& operator+=(const Run& x) {
      for (std::int64_t i = 0; i < kLanes<T>; ++i) lane[i] += x.lane[i];
      return *this;
    }
  };
  void end_run() {
    totals_.add(run_);
    run_ = {};
  }
  Run run_ = {};
  PairwiseTotals<Run> totals_;
};

}  // namespace xent
