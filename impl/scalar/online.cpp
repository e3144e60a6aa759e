// SPDX-License-Identifier: Apache-2.0
#include "impl/scalar/online.h"

#include <utility>

#include "impl/host_invocation.h"
#include "impl/scalar/kernels.h"
#include "impl/scalar/libm.h"

// Formula (Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018): one pass with
// a running maximum m; a greater z_j first multiplies the sums by exp(m - z_j).
// The target is left out of t from the start, and whether it is the maximum is asked at the end.
// What is done with the sums is that of scalar/safe, as are the operations that have none.

namespace xent {
namespace {

/// Sums of e_j are sequential with a rescale at each step in the worst case. All others are those
/// of scalar/safe, which no sequential sum of as many terms outdoes.
ErrorBudget online_budget(const Problem& p) {
  ErrorBudget b = accurate_budget(p, kLibmExp, kLibmLog);
  if (p.op == Op::ce || p.op == Op::lse || p.op == Op::mse_softmax) {
    b.order = SumOrder::sequential;
    b.online = true;
  }
  return b;
}

}  // namespace

// Undertakes: online_budget; accurate_promises, whose reasons hold here too (a rescale is a
// product with a number in [0, 1], and monotone; differences of logits only).
Kernel scalar_online() {
  HostKernel k;
  k.name = "scalar/online";
  k.summary = "one pass with a running maximum, sequential sums, accurate target forms";
  k.promises = accurate_promises();
  k.ops = every_op();
  k.budget = online_budget;
  k.set_bodies([](const auto& w) { scalar_body(w, OnePass{}); });
  k.exponential = libm_exponential();
  return make_kernel(std::move(k));
}

}  // namespace xent
