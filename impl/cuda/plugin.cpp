// SPDX-License-Identifier: Apache-2.0
// The rungs on a device as a library of include/xentcheck/kernel.h.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/problem.h"
#include "impl/cuda/contract.h"
#include "impl/cuda/device.h"
#include "impl/process/problem_abi.h"
#include "include/xentcheck/kernel.h"

namespace xent::cuda {
namespace {

int complain(xentcheck_message* m, int code, const std::string& text) {
  std::snprintf(m->text, m->size, "%s", text.c_str());
  return code;
}

/// Nothing that is thrown gets out of a C function.
template <class F>
int guarded(xentcheck_message* m, F f) {
  try {
    return f();
  } catch (const std::exception& e) {
    return m == nullptr ? XENTCHECK_FAILED : complain(m, XENTCHECK_FAILED, e.what());
  }
}

int outcome(const char* error, xentcheck_message* m) {
  return error == nullptr ? XENTCHECK_OK : complain(m, XENTCHECK_FAILED, error);
}

int supports(Rung rung, const xentcheck_problem* p, xentcheck_message* m) {
  return guarded(m, [&] {
    if (const char* const why = unusable(rung)) return complain(m, XENTCHECK_UNAVAILABLE, why);
    const Support s = takes(rung, parse_problem(p->text));
    return s ? XENTCHECK_OK : complain(m, XENTCHECK_UNSUPPORTED, s.reason);
  });
}

int budget(Rung rung, const xentcheck_problem* p, xentcheck_budget* b) {
  return guarded(nullptr, [&] {
    process::to_abi(budget_of(rung, parse_problem(p->text)), b);
    return XENTCHECK_OK;
  });
}

int prepare(const xentcheck_problem* p, std::int32_t, void** state, xentcheck_message* m) {
  return guarded(m, [&] {
    *state = std::make_unique<DeviceCall>(call_of(parse_problem(p->text))).release();
    return XENTCHECK_OK;
  });
}

std::size_t workspace_bytes(void* state) {
  return workspace_floats(*static_cast<DeviceCall*>(state)) * sizeof(float);
}

int launch(Rung rung, void* state, const xentcheck_problem* p, const xentcheck_tensors* x,
           void* stream, xentcheck_message* m) {
  DeviceCall call = *static_cast<const DeviceCall*>(state);
  call.input = x->input;
  if (p->targets == XENTCHECK_TARGETS_INDEX) {
    call.label = static_cast<const std::int64_t*>(x->target);
  } else {
    call.target = x->target;
  }
  call.weight.data = x->weight;
  call.upstream.data = x->upstream;
  call.loss = x->loss;
  call.grad = x->grad;
  call.workspace = static_cast<float*>(x->workspace);
  return outcome(start(rung, call, stream), m);
}

int wait(void*, void* stream, xentcheck_message* m) { return outcome(finish(stream), m); }
void release(void* state) { delete static_cast<DeviceCall*>(state); }
void exponential(const float* x, float* y, std::size_t count) {
  if (exponentials(x, y, count) != nullptr) y[0] = -1;  // no exponential of anything
}

/// The functions of a rung, which get no user data.
template <std::size_t I>
xentcheck_kernel kernel() {
  const RungText& text = rungs()[I];
  xentcheck_kernel k{};
  k.struct_size = sizeof k;
  k.name = text.name;
  k.summary = text.summary;
  k.dialect = "math";
  k.device = XENTCHECK_DEVICE_CUDA;
  k.accuracy = XENTCHECK_DECLARED;
  k.promises = process::to_abi(promises_of(text.rung));
  k.supports = [](const xentcheck_problem* p, xentcheck_message* m) {
    return supports(rungs()[I].rung, p, m);
  };
  k.budget = [](const xentcheck_problem* p, xentcheck_budget* b) {
    return budget(rungs()[I].rung, p, b);
  };
  k.prepare = prepare;
  k.workspace_bytes = workspace_bytes;
  k.launch = [](void* s, const xentcheck_problem* p, const xentcheck_tensors* x, void* stream,
                xentcheck_message* m) { return launch(rungs()[I].rung, s, p, x, stream, m); };
  k.wait = wait;
  k.release = release;
  k.exponential = exponential;
  k.exponential_positive = 1;
  return k;
}

constexpr std::size_t kMost = 8;

struct Exported {
  std::vector<xentcheck_kernel> kernels;
  std::vector<const xentcheck_kernel*> pointers;
  xentcheck_library library{};

  template <std::size_t... I>
  explicit Exported(std::index_sequence<I...>) {
    ((I < rungs().size() ? kernels.push_back(kernel<I>()) : void()), ...);
    for (const xentcheck_kernel& k : kernels) pointers.push_back(&k);
    library = {sizeof library, XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR,
               "(unproven on hardware)", pointers.size(), pointers.data()};
  }
};

}  // namespace
}  // namespace xent::cuda

const xentcheck_library* xentcheck_plugin(std::uint32_t major, std::uint32_t) {
  static const xent::cuda::Exported exported{
      std::make_index_sequence<xent::cuda::kMost>()};
  return major == XENTCHECK_ABI_MAJOR ? &exported.library : nullptr;
}
