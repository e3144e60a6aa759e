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
  /// x, beyond the row's end `other`.
  HWY_INLINE VecOf<T> Within(VecOf<T> x, T other, std::size_t i) const {
    if (Has(i)) return x;
    const Tag<T> d;
    const auto in = hn::FirstN(d, static_cast<std::size_t>(Left(i)));
    return hn::IfThenElse(in, x, hn::Set(d, other));
  }
  /// x with `value` at element y, which need not be one of these.
  HWY_INLINE VecOf<T> Replaced(VecOf<T> x, std::int64_t y, T value, std::size_t i) const {
    const Tag<T> d;
    const std::int64_t lane = y - At(i);
    if (lane < 0 || lane >= kWidth) return x;
    const auto here = hn::Eq(hn::Iota(d, T(0)), hn::Set(d, static_cast<T>(lane)));
    return hn::IfThenElse(here, hn::Set(d, value), x);
  }
  /// The last of a run of BlockedSum.
  HWY_INLINE bool EndsRun() const {
    return j_ % (kLanes<T> * kBlock) == kLanes<T> * (kBlock - 1);
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

/// BlockedSum of vectors.
template <class T>
class VectorSum {
 public:
  HWY_INLINE VectorSum() {
    for (std::size_t i = 0; i < Parts<T>(); ++i) run_[i] = total_[i] = hn::Zero(Tag<T>());
  }
  /// Part i of a step; what lies beyond the row's end is not added.
  HWY_INLINE void Add(const Step<T>& step, std::size_t i, VecOf<T> x) {
    run_[i] = hn::Add(run_[i], step.Within(x, T(0), i));
    if (i + 1 == Parts<T>() && step.EndsRun()) EndRun();
  }
  HWY_INLINE T Value() {
    EndRun();
    T lane[kLanes<T>];
    for (std::size_t i = 0; i < Parts<T>(); ++i) {
      hn::StoreU(total_[i], Tag<T>(), lane + i * hn::MaxLanes(Tag<T>()));
    }
    return sum_of_lanes(lane);
  }

 private:
  HWY_INLINE void EndRun() {
    for (std::size_t i = 0; i < Parts<T>(); ++i) {
      total_[i] = hn::Add(total_[i], run_[i]);
      run_[i] = hn::Zero(Tag<T>());
    }
  }
  VecOf<T> run_[Parts<T>()];
  VecOf<T> total_[Parts<T>()];
};

/// The sum of f(step, i) over a row.
template <class T, class F>
HWY_INLINE T SumOver(std::int64_t v, F f) {
  VectorSum<T> sum;
  for (std::int64_t j = 0; j < v; j += kLanes<T>) {
    const Step<T> step(j, v);
    for (std::size_t i = 0; i < Parts<T>(); ++i) sum.Add(step, i, f(step, i));
  }
  return sum.Value();
}

/// row_j = f(step, i); f may read the elements that it replaces.
template <class T, class F>
HWY_INLINE void FillRow(T* row, std::int64_t v, F f) {
  for (std::int64_t j = 0; j < v; j += kLanes<T>) {
    const Step<T> step(j, v);
    for (std::size_t i = 0; i < Parts<T>(); ++i) step.Store(f(step, i), row, i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
