// SPDX-License-Identifier: Apache-2.0
#include "impl/highway/kernels.h"

#include <algorithm>
#include <utility>

#include "impl/highway/targets.h"
#include "impl/host_invocation.h"
#include "impl/row_formulas.h"
#include "impl/scalar/libm.h"

namespace xent {
namespace {

/// Perplexity is exp of a mean, once, by the C library.
ErrorBudget safe_budget(const Problem& p) {
  const double exp_rel = p.unit == Unit::perplexity ? std::max(kHighwayExp, kLibmExp) : kHighwayExp;
  ErrorBudget budget = accurate_budget(p, exp_rel, kHighwayLog);
  budget.tanh_rel = kHighwayTanh;
  return budget;
}

bool has_softmax(Op op) { return op == Op::ce || op == Op::lse || op == Op::mse_softmax; }

}  // namespace

/// The softmax family by one body, the other operations by another.
template <>
SafeBody<float> safe_body_of<float>(const HighwayTarget& t, Op op) {
  return has_softmax(op) ? t.body_f32 : t.classes_f32;
}
template <>
SafeBody<double> safe_body_of<double>(const HighwayTarget& t, Op op) {
  return has_softmax(op) ? t.body_f64 : t.classes_f64;
}
SafeNativeBody safe_native_body_of(const HighwayTarget& t, Op op) {
  return has_softmax(op) ? t.body_native : t.classes_native;
}
bool safe_widens(const Problem& p) {
  const std::size_t in = size_of(p.dtype), out = size_of(p.output_dtype());
  return (in == 2 || out == 2) && in <= 4 && out <= 4;
}

// Undertakes: accurate_budget with functions of its own; accurate_promises.
std::vector<Kernel> highway_safe() {
  std::vector<Kernel> kernels;
  for (const HighwayTarget& target : highway_targets()) {
    HostKernel k;
    k.name = "highway/safe/" + target.isa;
    k.summary = "scalar/safe in vectors of " + target.isa + " with exp, log and tanh of its own";
    k.promises = accurate_promises();
    k.ops = every_op();
    k.budget = safe_budget;
    k.f32 = [target](const RowView<float>& w) { safe_body_of<float>(target, w.op)(w); };
    k.f64 = [target](const RowView<double>& w) { safe_body_of<double>(target, w.op)(w); };
    k.native = [target](const NativeView& v) { safe_native_body_of(target, v.w.op)(v); };
    k.takes_native = safe_widens;
    k.exponential.compute = [exp = target.exp_f32](std::span<const float> x, std::span<float> y) {
      exp(x.data(), y.data(), x.size());
    };
    kernels.push_back(make_kernel(std::move(k)));
  }
  return kernels;
}

}  // namespace xent
