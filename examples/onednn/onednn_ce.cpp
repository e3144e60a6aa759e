// SPDX-License-Identifier: Apache-2.0
// Cross-entropy as users of oneDNN put it together, in two ways. `logsoftmax`: its logsoftmax, the
// target's log-probability negated, and its backward pass, which is given -g at the target and 0
// elsewhere; everything that rounds runs in oneDNN, but for sums and means of losses (double,
// rounded once). `softmax`: its softmax where the gradient goes, the target's entry less 1, the
// loss -log of that probability: half the traffic, and infinite where the probability is 0. The
// operator is ONNX's SoftmaxCrossEntropyLoss.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>

#include "oneapi/dnnl/dnnl.hpp"
#include "xentcheck/kernel.h"

// oneDNN's own OpenMP runtime; absent where it has another one.
extern "C" __attribute__((weak)) void omp_set_num_threads(int);

namespace {

using dnnl::memory;
using Problem = xentcheck_problem;

int say(xentcheck_message* m, int code, const char* why) {
  std::snprintf(m->text, m->size, "%s", why);
  return code;
}

/// [N, C] with rows `stride` apart, or [B, C, T] with the classes in the middle.
memory::desc layout_of(const Problem& p) {
  const auto type =
      p.dtype == XENTCHECK_DTYPE_F32 ? memory::data_type::f32 : memory::data_type::bf16;
  if (p.layout != XENTCHECK_LAYOUT_BCT) return {{p.n, p.v}, type, {p.stride, 1}};
  return {{p.n / p.t, p.v, p.t}, type, memory::format_tag::abc};
}

#if DNNL_VERSION_MAJOR >= 3
using Forward = dnnl::softmax_forward;
using Backward = dnnl::softmax_backward;
constexpr auto kLog = dnnl::algorithm::softmax_log;

Forward::primitive_desc forward_of(const memory::desc& d, const dnnl::engine& e) {
  return {e, dnnl::prop_kind::forward_training, kLog, d, d, 1};
}
Backward::primitive_desc backward_of(const memory::desc& d, const dnnl::engine& e,
                                     const Forward::primitive_desc& forward) {
  return {e, kLog, d, d, d, 1, forward};
}

using Softmax = dnnl::softmax_forward;
Softmax::primitive_desc softmax_of(const memory::desc& d, const dnnl::engine& e) {
  return {e, dnnl::prop_kind::forward_inference, dnnl::algorithm::softmax_accurate, d, d, 1};
}
#else
using Forward = dnnl::logsoftmax_forward;
using Backward = dnnl::logsoftmax_backward;

Forward::primitive_desc forward_of(const memory::desc& d, const dnnl::engine& e) {
  return {{dnnl::prop_kind::forward_training, d, 1}, e};
}
Backward::primitive_desc backward_of(const memory::desc& d, const dnnl::engine& e,
                                     const Forward::primitive_desc& forward) {
  return {{d, d, 1}, e, forward};
}

using Softmax = dnnl::softmax_forward;
Softmax::primitive_desc softmax_of(const memory::desc& d, const dnnl::engine& e) {
  return {{dnnl::prop_kind::forward_inference, d, 1}, e};
}
#endif

struct Plan {
  Plan(const Problem& p, bool log) : layout(layout_of(p)) {
    if (p.n == 0) return;
    if (!log) {
      softmax = Softmax(softmax_of(layout, engine));
      return;
    }
    const auto description = forward_of(layout, engine);
    forward = Forward(description);
    if (p.dir != XENTCHECK_DIR_FWD) backward = Backward(backward_of(layout, engine, description));
  }

  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  memory::desc layout;
  Forward forward;
  Backward backward;
  Softmax softmax;
};

/// binary32, with reductions; or bfloat16, where a loss is a log-probability with the other sign.
int supports(const Problem* p, xentcheck_message* m) {
  const auto no = [m](const char* why) { return say(m, XENTCHECK_UNSUPPORTED, why); };
  if (p->op != XENTCHECK_OP_CE || p->targets != XENTCHECK_TARGETS_INDEX) {
    return no("cross-entropy with class indices only");
  }
  if (p->dir == XENTCHECK_DIR_HVP) return no("no second derivatives");
  const bool bf16 = p->dtype == XENTCHECK_DTYPE_BF16;
  if (!bf16 && p->dtype != XENTCHECK_DTYPE_F32) return no("f32 and bf16 only");
  if (p->output != p->dtype) return no("outputs have the type of the logits");
  if (p->accumulate == XENTCHECK_DTYPE_F64) return no("oneDNN adds in f32");
  if (p->smoothing != 0 || p->weights || p->z_loss != 0 || p->softcap != 0 || p->scale != 1) {
    return no("neither smoothing, weights, z-loss, soft cap nor scale");
  }
  if (p->shift || p->unit != XENTCHECK_UNIT_NATS) return no("labels in place, nats only");
  if (p->reduction == XENTCHECK_REDUCTION_MEAN && p->denominator != XENTCHECK_DENOMINATOR_VALID) {
    return no("means over the rows that are not ignored only");
  }
  if (bf16 && (p->reduction != XENTCHECK_REDUCTION_NONE || p->upstream != XENTCHECK_UPSTREAM_ONE)) {
    return no("bf16: a loss for each row only");
  }
  return XENTCHECK_OK;
}

template <bool kLogs>
int prepare(const Problem* p, std::int32_t threads, void** state, xentcheck_message* m) {
  try {
    if (omp_set_num_threads != nullptr) omp_set_num_threads(threads);
    *state = new Plan(*p, kLogs);
    return XENTCHECK_OK;
  } catch (const dnnl::error& e) {
    const bool lacks = e.status == dnnl_unimplemented;
    return say(m, lacks ? XENTCHECK_UNAVAILABLE : XENTCHECK_FAILED, e.what());
  } catch (const std::exception& e) {
    return say(m, XENTCHECK_FAILED, e.what());
  }
}

void release(void* state) { delete static_cast<Plan*>(state); }

/// Bytes of the log-probabilities, and of the gradients that arrive at them; whole cache lines.
std::size_t half_workspace(const Plan& plan) {
  return (plan.layout.get_size() + 63) / 64 * 64;
}

std::size_t workspace_bytes(void* state) {
  return 2 * half_workspace(*static_cast<Plan*>(state));
}

bool ignored(const Problem& p, std::int64_t label) {
  return p.has_ignore_index != 0 && label == p.ignore_index;
}

/// Where class y of row r lies.
std::int64_t place(const Problem& p, std::int64_t r, std::int64_t y) {
  if (p.layout != XENTCHECK_LAYOUT_BCT) return r * p.stride + y;
  return (r / p.t * p.v + y) * p.t + r % p.t;
}

double denominator(const Problem& p, const std::int64_t* labels) {
  if (p.reduction != XENTCHECK_REDUCTION_MEAN) return 1;
  std::int64_t rows = 0;
  for (std::int64_t r = 0; r < p.n; ++r) rows += ignored(p, labels[r]) ? 0 : 1;
  return static_cast<double>(rows);
}

/// Losses in binary32; sums are added in double.
void losses(const Problem& p, const std::int64_t* labels, const float* logp, float* loss) {
  double total = 0;
  for (std::int64_t r = 0; r < p.n; ++r) {
    const float own = ignored(p, labels[r]) ? 0 : -logp[place(p, r, labels[r])];
    total += own;
    if (p.reduction == XENTCHECK_REDUCTION_NONE) loss[r] = own;
  }
  if (p.reduction != XENTCHECK_REDUCTION_NONE) {
    *loss = static_cast<float>(total / denominator(p, labels));
  }
}

/// bfloat16: the sign is the first bit.
void losses(const Problem& p, const std::int64_t* labels, const std::uint16_t* logp,
            std::uint16_t* loss) {
  for (std::int64_t r = 0; r < p.n; ++r) {
    loss[r] = ignored(p, labels[r]) ? 0 : logp[place(p, r, labels[r])] ^ 0x8000;
  }
}

/// What arrives at the target's log-probability: -g / D, where g is 1 or comes from above.
float arriving(const Problem& p, const xentcheck_tensors& x, std::int64_t r, double d, float) {
  const auto* upstream = static_cast<const float*>(x.upstream);
  const std::int64_t i = p.upstream == XENTCHECK_UPSTREAM_ROW ? r : 0;
  return static_cast<float>(-(upstream == nullptr ? 1 : upstream[i]) / d);
}

std::uint16_t arriving(const Problem&, const xentcheck_tensors&, std::int64_t, double,
                       std::uint16_t) {
  return 0xBF80;  // -1
}

template <class T>
void run(Plan& plan, const Problem& p, const xentcheck_tensors& x) {
  const auto* labels = static_cast<const std::int64_t*>(x.target);
  auto* logp = static_cast<T*>(x.workspace);
  auto* g = reinterpret_cast<T*>(static_cast<char*>(x.workspace) + half_workspace(plan));
  const auto at = [&plan](const void* data) {
    return memory(plan.layout, plan.engine, const_cast<void*>(data));
  };
  if (p.n > 0) {
    plan.forward.execute(plan.stream, {{DNNL_ARG_SRC, at(x.input)}, {DNNL_ARG_DST, at(logp)}});
    plan.stream.wait();
  }
  if (x.loss != nullptr) losses(p, labels, logp, static_cast<T*>(x.loss));
  if (x.grad == nullptr || p.n == 0) return;
  const double d = denominator(p, labels);
  std::fill_n(g, half_workspace(plan) / sizeof(T), T(0));
  for (std::int64_t r = 0; r < p.n; ++r) {
    if (!ignored(p, labels[r])) g[place(p, r, labels[r])] = arriving(p, x, r, d, T());
  }
  plan.backward.execute(plan.stream, {{DNNL_ARG_DST, at(logp)},
                                      {DNNL_ARG_DIFF_DST, at(g)},
                                      {DNNL_ARG_DIFF_SRC, at(x.grad)}});
}

float as_float(float x) { return x; }
float as_float(std::uint16_t x) {
  const std::uint32_t bits = std::uint32_t{x} << 16;
  float f;
  std::memcpy(&f, &bits, sizeof f);
  return f;
}

/// To the nearest, ties to even; of numbers up to 800, no NaN.
void put(float x, float* to) { *to = x; }
void put(float x, std::uint16_t* to) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  *to = static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/// The softmax is where the gradient goes, in the workspace if none is asked for.
template <class T>
void run_softmax(Plan& plan, const Problem& p, const xentcheck_tensors& x) {
  const auto* labels = static_cast<const std::int64_t*>(x.target);
  auto* s = static_cast<T*>(x.grad != nullptr ? x.grad : x.workspace);
  const auto at = [&plan](const void* data) {
    return memory(plan.layout, plan.engine, const_cast<void*>(data));
  };
  if (p.n > 0) {
    plan.softmax.execute(plan.stream, {{DNNL_ARG_SRC, at(x.input)}, {DNNL_ARG_DST, at(s)}});
    plan.stream.wait();
  }
  for (std::int64_t r = 0; r < p.n; ++r) {
    const bool none = ignored(p, labels[r]);
    T* const own = none ? nullptr : s + place(p, r, labels[r]);
    const float probability = none ? 1 : as_float(*own);
    if (x.loss != nullptr) put(-std::log(probability) + 0.0F, static_cast<T*>(x.loss) + r);
    if (x.grad == nullptr) continue;
    if (none) std::fill_n(s + place(p, r, 0), p.v, T(0));
    else put(probability - 1, own);
  }
}

int supports_softmax(const Problem* p, xentcheck_message* m) {
  if (p->layout == XENTCHECK_LAYOUT_BCT || p->reduction != XENTCHECK_REDUCTION_NONE ||
      p->upstream != XENTCHECK_UPSTREAM_ONE) {
    return say(m, XENTCHECK_UNSUPPORTED, "rows as they come, a loss for each row only");
  }
  return supports(p, m);
}

template <bool kLogs>
int launch(void* state, const Problem* p, const xentcheck_tensors* x, void*,
           xentcheck_message* m) {
  try {
    Plan& plan = *static_cast<Plan*>(state);
    const bool wide = p->dtype == XENTCHECK_DTYPE_F32;
    if (kLogs) wide ? run<float>(plan, *p, *x) : run<std::uint16_t>(plan, *p, *x);
    else wide ? run_softmax<float>(plan, *p, *x) : run_softmax<std::uint16_t>(plan, *p, *x);
    return XENTCHECK_OK;
  } catch (const std::exception& e) {
    return say(m, XENTCHECK_FAILED, e.what());
  }
}

int wait(void* state, void*, xentcheck_message* m) {
  try {
    static_cast<Plan*>(state)->stream.wait();
    return XENTCHECK_OK;
  } catch (const std::exception& e) {
    return say(m, XENTCHECK_FAILED, e.what());
  }
}

template <bool kLogs>
xentcheck_kernel kernel() {
  xentcheck_kernel k = {};
  k.struct_size = sizeof k;
  k.name = kLogs ? "logsoftmax" : "softmax";
  k.summary = kLogs ? "oneDNN: logsoftmax, the target's entry negated; its backward pass"
                    : "oneDNN: softmax, -log of the target's entry; that entry less 1";
  k.dialect = "onnx";
  k.promises = XENTCHECK_IN_PLACE;
  k.supports = kLogs ? supports : supports_softmax;
  k.prepare = prepare<kLogs>;
  k.workspace_bytes = workspace_bytes;
  k.launch = launch<kLogs>;
  k.wait = wait;
  k.release = release;
  return k;
}

const char* version() {
  static char text[40];
  const dnnl_version_t* v = dnnl_version();
  std::snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
  return text;
}

}  // namespace

XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(std::uint32_t major, std::uint32_t) {
  static const xentcheck_kernel logs = kernel<true>(), plain = kernel<false>();
  static const xentcheck_kernel* const kernels[] = {&logs, &plain};
  static const xentcheck_library library = {
      sizeof library, XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR, version(), 2, kernels};
  return major == XENTCHECK_ABI_MAJOR ? &library : nullptr;
}
