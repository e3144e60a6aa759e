// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "impl/highway/sixteen_bits.cpp"
#include "hwy/foreach_target.h"

#include "hwy/highway.h"
#include "impl/highway/sixteen_bits-inl.h"
#include "impl/highway/sixteen_bits.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace {
void WidenAll(DType dtype, const void* from, float* to, std::int64_t n) {
  Widen(dtype, from, to, n);
}
void NarrowAll(DType dtype, const float* from, void* to, std::int64_t n) {
  Narrow(dtype, from, to, n);
}
}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xent {
namespace {
HWY_EXPORT(WidenAll);
HWY_EXPORT(NarrowAll);
}  // namespace

void widen(DType dtype, const void* from, float* to, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(WidenAll)(dtype, from, to, n);
}
void narrow(DType dtype, const float* from, void* to, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(NarrowAll)(dtype, from, to, n);
}
}  // namespace xent
#endif
