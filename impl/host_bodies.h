// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "core/kernel.h"
#include "impl/counted.h"
#include "impl/row_view.h"

namespace xent {

/// A kernel that runs in this process: reads and writes the view's arrays.
template <class T>
using HostBody = std::function<void(const RowView<T>&)>;

/// The same kernel for each way of having the data. All but the first two may be empty.
struct HostBodies {
  HostBody<float> f32;
  HostBody<double> f64;
  HostBody<Counted<float>> counted_f32;
  HostBody<Counted<double>> counted_f64;
  std::function<void(const NativeView&)> native;
  /// Of a supported problem: `native` takes it, with matrices as they are. Asked only where bodies
  /// compute in f32 and rows lie one after the other (layout nc or btv), not for dir=hvp.
  std::function<bool(const Problem&)> takes_native;
};

/// The problem goes to the native body.
bool is_native(const HostBodies&, const Problem&);

/// Calls the body that the problem goes to. Vectors are of working_dtype, and so are matrices
/// unless it is the native body.
void call_body(const HostBodies&, const Problem&, const CallMemory&, int threads);

DirectCall direct_call(HostBodies);

/// A direct call with vectors of the problem's own types, a loss in bf16: copied where the kernel
/// has others.
void call_with_own_vectors(const DirectCall&, const Problem&, const CallMemory&, int threads);

}  // namespace xent
