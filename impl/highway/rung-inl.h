// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_RUNG_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_RUNG_INL_H
#undef XENT_HIGHWAY_RUNG_INL_H
#else
#define XENT_HIGHWAY_RUNG_INL_H
#endif

#include <cstdint>
#include <vector>

#include "hwy/highway.h"
#include "impl/highway/reference_rows-inl.h"
#include "impl/highway/rungs.h"
#include "impl/highway/small-inl.h"
#include "impl/row_threads.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// Gradients of so many bytes do not stay in a core's own cache: they are written past it, and the
/// lines that they replace need not be read first.
inline constexpr std::int64_t kPastTheCache = std::int64_t{1} << 20;

/// All rows. Losses of each row go to where they are asked for if nothing comes after them.
template <class E, class O>
HWY_NOINLINE void RunRows(const NativeView& view, Rung rung) {
  const RowView<float>& w = view.w;
  const Divisors<float> divisors(w);
  const bool as_they_are = w.reduction == Reduction::none && w.unit == Unit::nats;
  thread_local std::vector<float> kept;
  if (!as_they_are || w.loss == nullptr) kept.resize(static_cast<std::size_t>(w.n));
  float* const losses = as_they_are && w.loss != nullptr ? w.loss : kept.data();
  rung.past_cache = view.grad != nullptr && !view.in_place &&
                    w.n * w.v * static_cast<std::int64_t>(sizeof(O)) > kPastTheCache;
  rung.keeps = w.v <= longest_kept(sizeof(E));
  for_rows(w.n, w.threads, [&](std::int64_t first, std::int64_t last) {
#if HWY_TARGET <= HWY_AVX3
    if constexpr (std::is_same_v<E, float>) {
      if (rung.small && SmallRows::take(view)) {
        return SmallRows(view, divisors, losses).Run(first, last);
      }
    }
#endif
    ReferenceRows<E, O>(view, divisors, losses, rung).Run(first, last);
  });
  if (w.loss == nullptr || losses == w.loss) return;
  LossOutput<float> output(w, divisors);
  for (std::int64_t r = 0; r < w.n; ++r) {
    w.ignored(r) ? output.put_ignored(r) : output.put(r, losses[r]);
  }
  output.finish();
}

/// Logits of f32, bf16 or f16; gradients of the same type or of f32.
inline void RunNative(const NativeView& view, Rung rung) {
  const bool wide = view.out == DType::f32;
  switch (view.in) {
    case DType::bf16:
      return wide ? RunRows<Bf16, float>(view, rung) : RunRows<Bf16, Bf16>(view, rung);
#if XENT_HIGHWAY_F16
    case DType::f16:
      return wide ? RunRows<F16, float>(view, rung) : RunRows<F16, F16>(view, rung);
#endif
    default: return RunRows<float, float>(view, rung);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
