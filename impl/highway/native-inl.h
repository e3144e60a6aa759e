// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_NATIVE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_NATIVE_INL_H
#undef XENT_HIGHWAY_NATIVE_INL_H
#else
#define XENT_HIGHWAY_NATIVE_INL_H
#endif

#include "impl/highway/lines-inl.h"
#include "impl/row_view.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// rows.Run<E, O>(view) with the view's types: logits E of f32, bf16 or f16; gradients O of the
/// same type or of f32.
template <class Rows>
HWY_INLINE void RunNative(const NativeView& view, const Rows& rows) {
  const bool wide = view.out == DType::f32;
  switch (view.in) {
    case DType::bf16:
      return wide ? rows.template Run<Bf16, float>(view) : rows.template Run<Bf16, Bf16>(view);
#if XENT_HIGHWAY_F16
    case DType::f16:
      return wide ? rows.template Run<F16, float>(view) : rows.template Run<F16, F16>(view);
#endif
    default: return rows.template Run<float, float>(view);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
