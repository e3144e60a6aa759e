// SPDX-License-Identifier: Apache-2.0
#include "impl/scalar/referenced.h"

#include <utility>

#include "impl/host_invocation.h"
#include "impl/scalar/kernels.h"
#include "impl/scalar/libm.h"

// Formula: the target's logit is there before the row is read, and any reference near the maximum
// will do, so that one pass finds
//   S = sum of exp(z_j - z_y) over j != y;  loss = log1p(S),
//   gradient: e_j / (1 + S), the target's -S / (1 + S).
// Where S is not in (0, 1e37) the row is done again as scalar/safe does it: a gap of 85 and more,
// V = 1, infinities, NaN.

namespace xent {

ErrorBudget referenced_budget(const Problem& p) {
  ErrorBudget b = accurate_budget(p, kLibmExp, kLibmLog);
  if (has_reference(p)) b.shift = Shift::target;
  return b;
}

// Undertakes: referenced_budget; accurate_promises, whose reasons hold here too (differences of
// logits only; e_j <= S <= 1 + S).
Kernel scalar_referenced() {
  HostKernel k;
  k.name = "scalar/referenced";
  k.summary = "one pass with the target's logit as reference, blocked sums, accurate target forms";
  k.promises = accurate_promises();
  k.ops = every_op();
  k.budget = referenced_budget;
  k.set_bodies([](const auto& w) { referenced_body(w, ReferencedFormula{}); });
  k.exponential = libm_exponential();
  k.path = [](const Problem& p) {
    return has_reference(p) ? "one pass from the target's logit" : "two passes from the maximum";
  };
  return make_kernel(std::move(k));
}

}  // namespace xent
