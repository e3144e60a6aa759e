// SPDX-License-Identifier: Apache-2.0
// The rungs' bodies; what each adds is in the file of its name.
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "impl/highway/ladder.cpp"
#include "hwy/foreach_target.h"

#include "hwy/highway.h"
#include "impl/highway/rung-inl.h"
#include "impl/highway/rungs.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace {

void LadderOps(void* out) {
  auto& bodies = *static_cast<LadderBodies*>(out);
  bodies = {};
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3
  bodies.reference = [](const NativeView& view) { RunNative(view, LadderRows{}); };
  bodies.streams = [](const NativeView& view) { RunNative(view, LadderRows{{.streams = true}}); };
  bodies.fused = [](const NativeView& view) {
    RunNative(view, LadderRows{{.streams = true, .pipelined = true}});
  };
  bodies.automatic = [](const NativeView& view) {
    RunNative(view, LadderRows{{.streams = true, .pipelined = true, .small = true}});
  };
#endif
#if HWY_TARGET <= HWY_AVX3
  bodies.small = [](const NativeView& view) { RunNative(view, LadderRows{{.small = true}}); };
#endif
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xent {
HWY_EXPORT(LadderOps);
LadderBodies ladder_bodies() {
  LadderBodies bodies;
  HWY_DYNAMIC_DISPATCH(LadderOps)(&bodies);
  return bodies;
}
}  // namespace xent
#endif
