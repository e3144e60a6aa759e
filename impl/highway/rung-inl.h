// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_RUNG_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_RUNG_INL_H
#undef XENT_HIGHWAY_RUNG_INL_H
#else
#define XENT_HIGHWAY_RUNG_INL_H
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "impl/highway/native-inl.h"
#include "impl/highway/reference_rows-inl.h"
#include "impl/highway/rungs.h"
#include "impl/highway/small-inl.h"
#include "impl/losses.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// Gradients of so many bytes do not stay in a core's own cache: they are written past it, and the
/// lines that they replace need not be read first.
inline constexpr std::int64_t kPastTheCache = std::int64_t{1} << 20;

/// All rows by a rung.
struct LadderRows {
  RungChoice how;

  template <class E, class O>
  HWY_NOINLINE void Run(const NativeView& view) const;
};
template <class E, class O>
void LadderRows::Run(const NativeView& view) const {
  const RowView<float>& w = view.w;
  RungChoice rung = how;
  rung.past_cache = view.grad != nullptr && !view.in_place &&
                    w.n * w.v * static_cast<std::int64_t>(sizeof(O)) > kPastTheCache;
  rung.keeps = w.v <= longest_kept(sizeof(E));
  for_losses(w, [&](const Divisors<float>& divisors, float* losses, std::int64_t first,
                    std::int64_t last) {
#if HWY_TARGET <= HWY_AVX3
    if constexpr (std::is_same_v<E, float>) {
      if (rung.small && SmallRows::take(view)) {
        return SmallRows(view, divisors, losses).Run(first, last);
      }
    }
#endif
    ReferenceRows<E, O>(view, divisors, losses, rung).Run(first, last);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
