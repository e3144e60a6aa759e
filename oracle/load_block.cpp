// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set: this file includes itself through foreach_target.h.
#include "oracle/load_block.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oracle/load_block.cpp"
#include "hwy/foreach_target.h"

#include <cstddef>
#include <span>

#include "hwy/highway.h"

#if HWY_NATIVE_FMA
#include "oracle/simd/load-inl.h"
#endif

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace {

void LoadBlock(const Tensor& t, std::int64_t first, std::int64_t count, double* out) {
#if HWY_NATIVE_FMA
  LoadDoubles(t, first, count, 0, out);
#else
  t.read(first, std::span(out, static_cast<std::size_t>(count)));
#endif
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xent {
HWY_EXPORT(LoadBlock);

void load_block(const Tensor& t, std::int64_t first, std::int64_t count, double* out) {
  HWY_DYNAMIC_DISPATCH(LoadBlock)(t, first, count, out);
}

}  // namespace xent
#endif
