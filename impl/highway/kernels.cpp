// SPDX-License-Identifier: Apache-2.0
#include "impl/highway/kernels.h"

#include <utility>

#include "impl/highway/targets.h"
#include "impl/host_invocation.h"
#include "impl/row_formulas.h"
#include "impl/scalar/libm.h"

namespace xent {

// Undertakes: accurate_budget with its own exponential and the C library's logarithms;
// accurate_promises.
std::vector<Kernel> highway_safe() {
  std::vector<Kernel> kernels;
  for (const HighwayTarget& target : highway_targets()) {
    HostKernel k;
    k.name = "highway/safe/" + target.isa;
    k.summary = "scalar/safe in vectors of " + target.isa + " with its own exponential";
    k.promises = accurate_promises();
    k.ops = {Op::ce, Op::lse};
    k.refuses = beyond_plain;
    k.budget = [](const Problem& p) { return accurate_budget(p, kHighwayExp, kLibmLog); };
    k.f32 = target.body_f32;
    k.f64 = target.body_f64;
    k.exponential.compute = [exp = target.exp_f32](std::span<const float> x, std::span<float> y) {
      exp(x.data(), y.data(), x.size());
    };
    kernels.push_back(make_kernel(std::move(k)));
  }
  return kernels;
}

}  // namespace xent
