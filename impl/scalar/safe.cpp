// SPDX-License-Identifier: Apache-2.0
#include "impl/scalar/safe.h"

#include <utility>

#include "impl/host_invocation.h"
#include "impl/scalar/kernels.h"
#include "impl/scalar/libm.h"

// Formula: shift by the maximum; the target left out of the sum t.
//   z_y = m:  loss = log1p(t / e_y);   else  loss = (m - z_y) + log s
//   gradient: e_j / s,  the target's -t / s
// lse = m + log s. Vector targets, smoothing, zloss, Hessian, squared error: softmax.h; binary
// losses: binary.h; entropies, divergence, nll: information.h; reductions: ../row_output.h.

namespace xent {

// Undertakes: accurate_budget with the C library's functions; accurate_promises.
Kernel scalar_safe() {
  HostKernel k;
  k.name = "scalar/safe";
  k.summary = "two passes, shift by the maximum, blocked sums, accurate target forms";
  k.promises = accurate_promises();
  k.ops = every_op();
  k.budget = [](const Problem& p) { return accurate_budget(p, kLibmExp, kLibmLog); };
  k.set_bodies([](const auto& w) { safe_body(w, SafeFormula{}); });
  k.exponential = libm_exponential();
  return make_kernel(std::move(k));
}

}  // namespace xent
