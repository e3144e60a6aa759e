// SPDX-License-Identifier: Apache-2.0
// Formula: that of scalar/softmax.h with scalar/safe's sums, on vectors, with exponential,
// logarithms and tanh of our own. One pass for the maximum, one for the sums, one or two behind.
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "impl/highway/safe.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "impl/highway/exp-inl.h"
#include "impl/highway/log-inl.h"
#include "impl/highway/safe_rows-inl.h"
#include "impl/highway/steps-inl.h"
#include "impl/highway/tanh-inl.h"
#include "impl/highway/targets.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

struct OwnExp {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const { return Exp(d, x); }
};
struct OwnLog {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const { return Log(d, x); }
};
struct OwnLog1p {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const { return Log1p(d, x); }
};
struct OwnTanh {
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const { return Tanh(d, x); }
};

template <class Function, class T>
void OfArray(const T* x, T* y, std::size_t n) {
  FillRow(y, static_cast<std::int64_t>(n), [x](const Step<T>& step, std::size_t i) HWY_ATTR {
    return Function()(Tag<T>(), step.Load(x, i));
  });
}

void SafeOps(void* out) {
  auto& t = *static_cast<HighwayTarget*>(out);
  t.isa = hwy::TargetName(HWY_TARGET);
  t.fma = HWY_NATIVE_FMA != 0;
  t.body_f32 = &RunRows<SafeRows<float>, float>;
  t.body_f64 = &RunRows<SafeRows<double>, double>;
  t.body_native = &RunWidenedRows<SafeRows<float>>;
  t.exp_f32 = &OfArray<OwnExp, float>;
  t.exp_f64 = &OfArray<OwnExp, double>;
  t.log_f32 = &OfArray<OwnLog, float>;
  t.log_f64 = &OfArray<OwnLog, double>;
  t.log1p_f32 = &OfArray<OwnLog1p, float>;
  t.log1p_f64 = &OfArray<OwnLog1p, double>;
  t.tanh_f32 = &OfArray<OwnTanh, float>;
  t.tanh_f64 = &OfArray<OwnTanh, double>;
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
    add_class_bodies(t);
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
