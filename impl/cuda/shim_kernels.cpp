// SPDX-License-Identifier: Apache-2.0
#include "impl/cuda/shim_kernels.h"

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "impl/cuda/budget.h"
#include "impl/cuda/contract.h"
#include "impl/cuda/dispatch.cuh"
#include "impl/host_invocation.h"
#include "impl/row_formulas.h"

namespace xent {
namespace {

/// A tenth of a microsecond each, and cases are many.
constexpr std::int64_t kMostElements = 1 << 18;
/// Whose blocks are half as large: fibers of short rows have little to do but meet.
constexpr std::int64_t kManyRows = 5;

cuda::DeviceCall device_call(const NativeView& view, std::vector<float>& workspace) {
  const RowView<float>& w = view.w;
  cuda::DeviceCall c;
  c.input = view.input;
  c.label = w.label;
  c.target = view.target;
  c.grad = view.grad;
  c.loss = w.loss;
  c.weight.data = w.weight;
  c.upstream.data = w.upstream;
  c.n = w.n;
  c.v = w.v;
  c.t = w.t;
  c.stride = w.stride;
  c.ignore = w.ignore.value_or(0);
  c.has_ignore = w.ignore.has_value();
  c.smoothing = w.smoothing;
  c.scale = w.scale;
  c.softcap = w.softcap;
  c.z_loss = w.z_loss;
  c.denominator = w.denominator_value;
  c.in = cuda::element(view.in).value();
  c.grad_type = cuda::element(view.out).value();
  c.op = cuda::operation(w.op).value();
  c.reduce = static_cast<cuda::Reduce>(w.reduction);
  c.divide = static_cast<cuda::Divide>(w.denominator);
  c.unit = static_cast<cuda::Scale>(w.unit);
  c.shift = w.shift;
  c.upstream_per_row = w.upstream_per_row;
  workspace.assign(cuda::workspace_floats(c), std::numeric_limits<float>::signaling_NaN());
  c.workspace = workspace.data();
  return c;
}

NativeView as_native(const RowView<float>& w) {
  NativeView view;
  view.w = w;
  view.input = w.input;
  view.target = w.target;
  view.grad = w.grad;
  view.in_place = w.grad != nullptr && w.grad == w.input;
  return view;
}

void run(std::uint64_t kernel, const FiberBody& body, const NativeView& view) {
  std::vector<float> workspace;
  const cuda::DeviceCall call = device_call(view, workspace);
  const std::size_t first_row = static_cast<std::size_t>(call.n > 0 ? call.v : 0);
  cuda::continue_schedule(kernel, {static_cast<const std::byte*>(view.input),
                                   first_row * size_of(view.in)});
  body(call, (view.w.threads > 1 ? 4u : 2u) / (call.n < kManyRows ? 1 : 2));
}

bool takes_native(const Problem& p) {
  const DType out = p.output_dtype();
  return working_dtype(p) == DType::f32 && (out == p.dtype || out == DType::f32);
}

/// And what the rung leaves out. Gradients of other types are staged.
std::optional<std::string> beyond(const Problem& p, cuda::Rung rung) {
  if (auto option = beyond_fibers(p)) return option;
  cuda::DeviceCall c = cuda::call_of(p);
  if (has_vector_targets(p)) c.target = &p;
  const char* const why = cuda::refusal(rung, c);
  return why == nullptr ? std::nullopt : std::optional<std::string>(why);
}

/// With few warps a block of a cluster has a leaf, else up to 4: the cluster's size must not show.
std::size_t slice_bytes(unsigned warps) {
  constexpr std::size_t kLeafBytes = 8 * 1024 + cuda::kVectorBytes;
  return warps > 2 ? 4 * kLeafBytes : kLeafBytes;
}

Kernel make_rung(const cuda::RungText& text) {
  const auto body = [rung = text.rung](const cuda::DeviceCall& c, unsigned warps) {
    cuda::enqueue(rung, c, {warps * cuda::kWarp, (warps + 1) / 2, slice_bytes(warps)}, nullptr);
  };
  HostKernel k = on_fibers(std::string("cuda-shim/") + text.name, text.form, body);
  k.summary = std::string(text.summary) + "; CUDA threads as fibers";
  k.refuses = [rung = text.rung](const Problem& p) { return beyond(p, rung); };
  return make_kernel(std::move(k));
}

Exponential exponential() {
  Exponential e;
  e.compute = [](std::span<const float> x, std::span<float> y) {
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = cuda::exp_approx(x[i]);
  };
  e.positive = true;
  return e;
}

}  // namespace

std::optional<std::string> beyond_fibers(const Problem& p) {
  if (working_dtype(p) != DType::f32) return "dtype=f64";
  if (p.dir == Dir::hvp) return "dir=hvp";
  if (p.n * p.v > kMostElements) {
    return "more than " + std::to_string(kMostElements) + " logits, each a fiber's work,";
  }
  return std::nullopt;
}

/// accurate_promises hold here for the same reasons: a leaf's place depends on the class index
/// alone; e_j <= S <= 1 + S as computed; differences of logits only; a row's logits have been read
/// when its gradient is written, except by the thread that writes it.
HostKernel on_fibers(std::string name, cuda::Form form, FiberBody body) {
  const std::uint64_t id = std::hash<std::string>()(name);
  HostKernel k;
  k.name = std::move(name);
  k.promises = accurate_promises();
  k.ops = {Op::ce, Op::lse, Op::nll, Op::entropy, Op::cross_entropy, Op::kl};
  k.refuses = beyond_fibers;
  k.budget = [form](const Problem& p) { return cuda::device_budget(p, form); };
  k.f32 = [=](const RowView<float>& w) { run(id, body, as_native(w)); };
  k.f64 = [](const RowView<double>&) {};
  k.native = [=](const NativeView& view) { run(id, body, view); };
  k.takes_native = takes_native;
  k.exponential = exponential();
  k.untimed = "its threads are fibers, whose time says nothing of a device";
  return k;
}

std::vector<Kernel> cuda_shim_kernels() {
  std::vector<Kernel> kernels;
  for (const cuda::RungText& text : cuda::rungs()) kernels.push_back(make_rung(text));
  return kernels;
}

}  // namespace xent
