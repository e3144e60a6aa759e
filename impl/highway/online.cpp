// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "impl/highway/online.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include "hwy/highway.h"
#include "impl/highway/careful_row-inl.h"
#include "impl/highway/native-inl.h"
#include "impl/highway/rungs.h"
#include "impl/losses.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// m, s, t of RowSums in one pass over memory (Milakov & Gimelshein, "Online normalizer calculation
/// for softmax", 2018), leaf by leaf: its maximum, which brings it near; the sums so far times
/// exp(m_before - m), the same rounded m that is then subtracted from every logit; its sum.
struct InOnePass {
  /// Leaves that have a maximum.
  static constexpr std::int64_t kStride = 4;

  template <class E>
  static HWY_INLINE RowSums<float> Of(const ExpBelow& exp, const RowLines<E>& row,
                                      std::int64_t y) {
    RowSums<float> r;
    r.m = kNothing;
    Line<E> s = Filled<E>(0), t = s;
    LeafTotals<E> totals;
    totals.prepare(row.leaves());
    for (std::int64_t k = 0; k < row.leaves(); k += kStride) {
      const std::int64_t end = std::min(k + kStride, row.leaves());
      const std::int64_t from = k * kLeaf<E>, to = std::min(end * kLeaf<E>, row.v);
      const float m = std::max(r.m, Maximum(row, from, to));
      // Nothing is there to be scaled, and exp(-inf - -inf) would be NaN.
      const float less = r.m == kNothing ? 0 : r.m - m;
      r.m = m;
      const VF factor = exp(hn::Set(F32(), less));
      const auto scale = [&](VF x) HWY_ATTR { return hn::Mul(x, factor); };
      s = Map(s, scale);
      t = Map(t, scale);
      const VF shift = hn::Set(F32(), finite_shift(m));
      const auto sum_without = [&](std::int64_t skipped) HWY_ATTR {
        LeafSums(exp, row, k, end, Skipped(row, skipped), shift, totals);
        return totals.sum(k, end);
      };
      const Line<E> all = sum_without(-1);
      AddTo(s, all);
      AddTo(t, y >= from && y < to ? sum_without(y) : all);
    }
    r.s = SumOfLine(s);
    r.t = SumOfLine(t);
    return r;
  }
};

struct OnlineRows {
  template <class E, class O>
  HWY_NOINLINE void Run(const NativeView& view) const {
    const RowView<float>& w = view.w;
    for_losses(w, [&](const Divisors<float>& divisors, float* losses, std::int64_t first,
                      std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r) {
        const E* const z = static_cast<const E*>(view.input) + r * w.stride;
        O* const g = view.grad == nullptr ? nullptr : static_cast<O*>(view.grad) + r * w.stride;
        if (w.scored_class(r) >= 0) {
          losses[r] = CarefulRow<E, O, InOnePass>(w, divisors, r, z, g).Run();
          continue;
        }
        losses[r] = 0;
        if (g == nullptr) continue;
        std::memset(static_cast<void*>(g), 0, static_cast<std::size_t>(w.v) * sizeof(O));
      }
    });
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace {

/// Below 0 alone.
void ExpArray(const float* x, float* y, std::size_t n) {
  const F32 d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t j = 0; j < n; j += lanes) {
    const std::size_t count = std::min(lanes, n - j);
    alignas(64) float copy[16] = {};
    std::copy_n(x + j, count, copy);
    hn::Store(Exp(d, hn::Load(d, copy)), d, copy);
    std::copy_n(copy, count, y + j);
  }
}

void OnlineOf(void* out) {
  auto* const rung = static_cast<HighwayRung*>(out);
  rung->exp = &ExpArray;
  rung->body = nullptr;
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3
  rung->body = [](const NativeView& view) { RunNative(view, OnlineRows()); };
#endif
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xent {
HWY_EXPORT(OnlineOf);
void online_of(HighwayRung* out) { HWY_DYNAMIC_DISPATCH(OnlineOf)(out); }
}  // namespace xent
#endif
