// SPDX-License-Identifier: Apache-2.0
// Formula: that of scalar/safe, with the exponential of exp-inl.h. One pass for the maximum, one
// for the sums, one for the gradient; log and log1p once a row, from the C library.
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "impl/highway/safe.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "impl/highway/exp-inl.h"
#include "impl/highway/targets.h"
#include "impl/row_formulas.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Tag = hn::CappedTag<T, kLanes<T>>;

/// Vectors that make up a step of kLanes elements, on every instruction set the same elements.
template <class T>
constexpr std::size_t Parts() {
  return static_cast<std::size_t>(kLanes<T>) / hn::MaxLanes(Tag<T>());
}

/// A step of kLanes elements from z + j; beyond the end of the row it holds -inf, whose exponential
/// adds 0.
template <class T>
class Step {
 public:
  HWY_INLINE const T* at(const T* z, std::int64_t j, std::int64_t v) {
    count = std::min(kLanes<T>, v - j);
    if (count == kLanes<T>) return z + j;
    std::fill_n(std::copy_n(z + j, count, padded), kLanes<T> - count,
                -std::numeric_limits<T>::infinity());
    return padded;
  }
  std::int64_t count = 0;

 private:
  T padded[kLanes<T>];
};

template <class T>
T Maximum(const T* z, std::int64_t v) {
  const Tag<T> d;
  constexpr std::size_t parts = Parts<T>();
  const std::size_t lanes = hn::Lanes(d);
  Step<T> step;
  auto m = hn::Set(d, -std::numeric_limits<T>::infinity());
  for (std::int64_t j = 0; j < v; j += kLanes<T>) {
    const T* const from = step.at(z, j, v);
    for (std::size_t i = 0; i < parts; ++i) m = hn::Max(m, hn::LoadU(d, from + i * lanes));
  }
  T lane[kLanes<T>];
  hn::StoreU(m, d, lane);
  return *std::max_element(lane, lane + lanes);
}

/// BlockedSum of vectors.
template <class T>
class VectorSum {
 public:
  HWY_INLINE VectorSum() {
    for (std::size_t i = 0; i < Parts<T>(); ++i) run_[i] = total_[i] = hn::Zero(Tag<T>());
  }
  HWY_INLINE void Add(std::size_t part, hn::Vec<Tag<T>> x) { run_[part] = hn::Add(run_[part], x); }
  HWY_INLINE void EndRun() {
    for (std::size_t i = 0; i < Parts<T>(); ++i) {
      total_[i] = hn::Add(total_[i], run_[i]);
      run_[i] = hn::Zero(Tag<T>());
    }
  }
  HWY_INLINE T Value() {
    const Tag<T> d;
    EndRun();
    T lane[kLanes<T>];
    for (std::size_t i = 0; i < Parts<T>(); ++i) {
      hn::StoreU(total_[i], d, lane + i * hn::Lanes(d));
    }
    return sum_of_lanes(lane);
  }

 private:
  hn::Vec<Tag<T>> run_[Parts<T>()];
  hn::Vec<Tag<T>> total_[Parts<T>()];
};

/// s and t of a row; y < 0: no target. `e` receives every exp(z_j - shift) unless null.
template <class T>
RowSums<T> Sums(const T* z, std::int64_t v, std::int64_t y, T* e) {
  const Tag<T> d;
  constexpr std::size_t parts = Parts<T>();
  const std::size_t lanes = hn::Lanes(d);
  RowSums<T> row;
  row.m = Maximum(z, v);
  const T shift = finite_shift(row.m);
  if (y >= 0) row.z_y = z[y];
  row.e_y = std::exp(row.z_y - shift);
  const auto vshift = hn::Set(d, shift);
  Step<T> step;
  VectorSum<T> all;
  VectorSum<T> others;
  for (std::int64_t j = 0, in_run = 1; j < v; j += kLanes<T>, ++in_run) {
    const T* const from = step.at(z, j, v);
    T x[kLanes<T>];
    for (std::size_t i = 0; i < parts; ++i) {
      const auto part = Exp(d, hn::Sub(hn::LoadU(d, from + i * lanes), vshift));
      all.Add(i, part);
      hn::StoreU(part, d, x + i * lanes);
    }
    if (e != nullptr) std::copy_n(x, step.count, e + j);
    if (y >= j && y < j + kLanes<T>) x[y - j] = 0;
    for (std::size_t i = 0; i < parts; ++i) others.Add(i, hn::LoadU(d, x + i * lanes));
    if (in_run % kBlock == 0) {
      all.EndRun();
      others.EndRun();
    }
  }
  row.s = all.Value();
  row.t = others.Value();
  return row;
}

/// In place over e_j: (e_j / s) (g / N); g / N is exactly 1 where there is neither.
template <class T>
void Gradient(T* g, std::int64_t v, T s, T factor) {
  const Tag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto vs = hn::Set(d, s);
  const auto vfactor = hn::Set(d, factor);
  std::int64_t j = 0;
  for (; j + lanes <= v; j += lanes) {
    hn::StoreU(hn::Mul(hn::Div(hn::LoadU(d, g + j), vs), vfactor), d, g + j);
  }
  for (; j < v; ++j) g[j] = g[j] / s * factor;
}

template <class T>
void Body(const RowView<T>& w) {
  const Divisors<T> divisors(w);
  const T divisor = divisors.whole();
  LossOutput<T> losses(w, divisors);
  for (std::int64_t r = 0; r < w.n; ++r) {
    const std::int64_t y = w.op == Op::ce ? w.label[r] : -1;
    T* const g = w.grad_row(r);
    const RowSums<T> row = Sums(w.input_row(r), w.v, y, g);
    losses.put(r, w.op == Op::ce ? accurate_loss(row) : row.m + std::log(row.s));
    if (g != nullptr) {
      Gradient(g, w.v, row.s, w.upstream_of(r) / divisor);
      g[y] = accurate_target_gradient(row) * w.upstream_of(r) / divisor;
    }
  }
  losses.finish();
}

template <class T>
void ExpArray(const T* x, T* y, std::size_t n) {
  const Tag<T> d;
  Step<T> step;
  for (std::size_t j = 0; j < n; j += static_cast<std::size_t>(kLanes<T>)) {
    const T* const from = step.at(x, static_cast<std::int64_t>(j), static_cast<std::int64_t>(n));
    T e[kLanes<T>];
    for (std::size_t i = 0; i < static_cast<std::size_t>(kLanes<T>); i += hn::Lanes(d)) {
      hn::StoreU(Exp(d, hn::LoadU(d, from + i)), d, e + i);
    }
    std::copy_n(e, step.count, y + j);
  }
}

void SafeOps(void* out) {
  *static_cast<HighwayTarget*>(out) = {hwy::TargetName(HWY_TARGET),
                                       HWY_NATIVE_FMA != 0,
                                       &Body<float>,
                                       &Body<double>,
                                       &ExpArray<float>,
                                       &ExpArray<double>};
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xent {
namespace {

HWY_EXPORT(SafeOps);

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}

std::vector<HighwayTarget> collect() {
  std::vector<HighwayTarget> found;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    HighwayTarget t;
    HWY_DYNAMIC_DISPATCH(SafeOps)(&t);
    t.isa = lower(t.isa);
    found.push_back(std::move(t));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
  return found;
}

}  // namespace

const std::vector<HighwayTarget>& highway_targets() {
  static const std::vector<HighwayTarget> targets = collect();
  return targets;
}

std::vector<std::string> highway_targets_missing() {
  std::vector<std::string> missing;
  for (std::int64_t left = HWY_TARGETS & ~hwy::SupportedTargets(); left != 0; left &= left - 1) {
    missing.push_back(lower(hwy::TargetName(left & -left)));
  }
  return missing;
}

}  // namespace xent
#endif
