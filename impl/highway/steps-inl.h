// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_STEPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_STEPS_INL_H
#undef XENT_HIGHWAY_STEPS_INL_H
#else
#define XENT_HIGHWAY_STEPS_INL_H
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "impl/blocked_sum.h"

/// Of a lambda that loops call for each vector: a call would send vectors through memory.
#undef XENT_INLINED
#define XENT_INLINED HWY_ATTR __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Tag = hn::CappedTag<T, kLanes<T>>;
template <class T>
using VecOf = hn::Vec<Tag<T>>;

template <class T>
HWY_INLINE VecOf<T> Fixed(double x) {
  return hn::Set(Tag<T>(), static_cast<T>(x));
}

/// Vectors that make up a step of kLanes elements, on every instruction set the same elements.
template <class T>
constexpr std::size_t Parts() {
  return static_cast<std::size_t>(kLanes<T>) / hn::MaxLanes(Tag<T>());
}

/// Elements j, j + 1, ... of rows of v elements: kLanes of them, or at a row's end what is left.
/// Nothing else is read or written. Part i is vector i of the step.
template <class T>
class Step {
 public:
  HWY_INLINE Step(std::int64_t first, std::int64_t v) : j_(first), v_(v) {}

  /// Beyond the row's end 0.
  HWY_INLINE VecOf<T> Load(const T* row, std::size_t i) const {
    return Has(i) ? hn::LoadU(Tag<T>(), row + At(i)) : LoadRest(row, i);
  }
  HWY_INLINE void Store(VecOf<T> x, T* row, std::size_t i) const {
    if (Has(i)) hn::StoreU(x, Tag<T>(), row + At(i));
    else StoreRest(x, row, i);
  }
  /// The same, or if `streamed` past the caches, of a row that begins with a cache line.
  HWY_INLINE void Put(VecOf<T> x, T* row, std::size_t i, bool streamed) const {
    if (streamed && Has(i)) hn::Stream(x, Tag<T>(), row + At(i));
    else Store(x, row, i);
  }
  /// x, beyond the row's end `other`.
  HWY_INLINE VecOf<T> Within(VecOf<T> x, T other, std::size_t i) const {
    if (Has(i)) return x;
    const Tag<T> d;
    const auto in = hn::FirstN(d, static_cast<std::size_t>(Left(i)));
    return hn::IfThenElse(in, x, hn::Set(d, other));
  }
  /// Asks for the row's line that begins here, for the core's second cache.
  HWY_INLINE void Prefetch(const T* row) const { __builtin_prefetch(row + j_, 0, 2); }
  /// x with `value` at element y, which need not be one of these.
  HWY_INLINE VecOf<T> Replaced(VecOf<T> x, std::int64_t y, T value, std::size_t i) const {
    const Tag<T> d;
    const std::int64_t lane = y - At(i);
    if (lane < 0 || lane >= kWidth) return x;
    const auto here = hn::Eq(hn::Iota(d, T(0)), hn::Set(d, static_cast<T>(lane)));
    return hn::IfThenElse(here, hn::Set(d, value), x);
  }

 private:
  static constexpr std::int64_t kWidth = hn::MaxLanes(Tag<T>());

  HWY_INLINE std::int64_t At(std::size_t i) const {
    return j_ + static_cast<std::int64_t>(i) * kWidth;
  }
  HWY_INLINE bool Has(std::size_t i) const { return At(i) + kWidth <= v_; }
  HWY_INLINE std::int64_t Left(std::size_t i) const {
    return std::max(v_ - At(i), std::int64_t{0});
  }
  HWY_NOINLINE VecOf<T> LoadRest(const T* row, std::size_t i) const {
    T copy[kWidth] = {};
    if (Left(i) > 0) std::copy_n(row + At(i), Left(i), copy);
    return hn::LoadU(Tag<T>(), copy);
  }
  HWY_NOINLINE void StoreRest(VecOf<T> x, T* row, std::size_t i) const {
    T copy[kWidth];
    hn::StoreU(x, Tag<T>(), copy);
    if (Left(i) > 0) std::copy_n(copy, Left(i), row + At(i));
  }

  std::int64_t j_;
  std::int64_t v_;
};

/// f(step) for the elements from j to `end`, j the first of a step. Whole steps have a copy of f in
/// which the row's end is nowhere near.
template <class T, class F>
HWY_INLINE void ForSteps(std::int64_t j, std::int64_t end, const F& f) {
  for (; j + kLanes<T> <= end; j += kLanes<T>) f(Step<T>(j, j + kLanes<T>));
  if (j < end) f(Step<T>(j, end));
}

/// f(from, to) for the runs of BlockedSum that a row of v elements has.
template <class T, class F>
HWY_INLINE void ForRuns(std::int64_t v, const F& f) {
  constexpr std::int64_t run = kLanes<T> * kBlock;
  for (std::int64_t from = 0; from < v; from += run) f(from, std::min(from + run, v));
}

/// BlockedSum of vectors.
template <class T>
class VectorSum {
 public:
  HWY_INLINE VectorSum() {
    for (std::size_t i = 0; i < Parts<T>(); ++i) run_[i] = hn::Zero(Tag<T>());
  }
  /// Part i of a step; what lies beyond the row's end is not added.
  HWY_INLINE void Add(const Step<T>& step, std::size_t i, VecOf<T> x) {
    run_[i] = hn::Add(run_[i], step.Within(x, T(0), i));
  }
  /// A run in which the other sum has the same terms.
  HWY_INLINE void TakeRun(const VectorSum& other) {
    for (std::size_t i = 0; i < Parts<T>(); ++i) run_[i] = other.run_[i];
  }
  HWY_INLINE void EndRun() {
    std::size_t level = 0;
    for (std::int64_t n = runs_++; n & 1; n >>= 1, ++level) AddTo(run_, waiting_[level]);
    for (std::size_t i = 0; i < Parts<T>(); ++i) {
      waiting_[level][i] = run_[i];
      run_[i] = hn::Zero(Tag<T>());
    }
  }
  HWY_INLINE T Value() const {
    VecOf<T> all[Parts<T>()];
    for (std::size_t i = 0; i < Parts<T>(); ++i) all[i] = hn::Zero(Tag<T>());
    std::size_t level = 0;
    for (std::int64_t n = runs_; n != 0; n >>= 1, ++level) {
      if (n & 1) AddTo(all, waiting_[level]);
    }
    T lane[kLanes<T>];
    for (std::size_t i = 0; i < Parts<T>(); ++i) {
      hn::StoreU(all[i], Tag<T>(), lane + i * hn::MaxLanes(Tag<T>()));
    }
    return sum_of_lanes(lane);
  }

 private:
  HWY_INLINE static void AddTo(VecOf<T>* sum, const VecOf<T>* x) {
    for (std::size_t i = 0; i < Parts<T>(); ++i) sum[i] = hn::Add(sum[i], x[i]);
  }
  VecOf<T> run_[Parts<T>()];
  std::int64_t runs_ = 0;
  VecOf<T> waiting_[kLevels][Parts<T>()];  ///< as in PairwiseTotals
};

/// The sum of f(step, i) over a row.
template <class T, class F>
HWY_INLINE T SumOver(std::int64_t v, const F& f) {
  VectorSum<T> sum;
  ForRuns<T>(v, [&](std::int64_t from, std::int64_t to) XENT_INLINED {
    ForSteps<T>(from, to, [&](const Step<T>& step) XENT_INLINED {
      for (std::size_t i = 0; i < Parts<T>(); ++i) sum.Add(step, i, f(step, i));
    });
    sum.EndRun();
  });
  return sum.Value();
}

/// row_j = f(step, i), as Step::Put has it; f may read the elements that it replaces.
template <class T, class F>
HWY_INLINE void FillRow(T* row, std::int64_t v, const F& f, bool streamed = false) {
  ForSteps<T>(0, v, [&](const Step<T>& step) XENT_INLINED {
    for (std::size_t i = 0; i < Parts<T>(); ++i) step.Put(f(step, i), row, i, streamed);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
