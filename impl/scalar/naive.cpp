// SPDX-License-Identifier: Apache-2.0
#include "impl/scalar/naive.h"

#include <optional>
#include <utility>

#include "impl/host_invocation.h"
#include "impl/scalar/kernels.h"
#include "impl/scalar/libm.h"

// Formula: the textbook's, term by term.
//   loss = log(sum exp(z_j)) - z_y,   gradient = exp(z_j) / sum - [j = y],   no shift.
//   sigmoid = 1 / (1 + exp(-x)),      loss = -(y log sigmoid + (1 - y) log(1 - sigmoid)).
// exp overflows beyond 88.7 (binary32), all of it underflows below -103.9, and 0 log 0 is NaN.

namespace xent {

// Undertakes: what its author would claim, the standard class.
Kernel scalar_naive() {
  HostKernel k;
  k.name = "scalar/naive";
  k.role = Role::example_of_failure;
  k.summary = "the textbook formula without a shift: overflows, and 0 log 0 is NaN";
  k.promises.repeatable = true;
  k.ops = every_op();
  k.refuses = [](const Problem& p) -> std::optional<std::string> {
    if (p.dir == Dir::hvp) return "dir=hvp";
    return std::nullopt;
  };
  k.budget = ErrorBudget::standard;
  k.set_bodies([](const auto& w) { naive_body(w); });
  k.exponential = libm_exponential();
  return make_kernel(std::move(k));
}

}  // namespace xent
