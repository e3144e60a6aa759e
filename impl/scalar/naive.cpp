// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>

#include "impl/host_invocation.h"
#include "impl/scalar/kernels.h"

// Formula: the textbook's, term by term.
//   loss = log(sum exp(z_j)) - z_y,   gradient = exp(z_j) / sum - [j = y],   no shift.
// exp overflows beyond 88.7 (binary32), all of it underflows below -103.9, and 0 log 0 is NaN.

namespace xent {
namespace {

template <class T>
void softmax_row(const RowView<T>& w, std::int64_t r, T& total) {
  const T* const z = w.input_row(r);
  T sum = 0;
  for (std::int64_t j = 0; j < w.v; ++j) sum += std::exp(z[j]);
  const T lse = std::log(sum);
  const T loss = w.op == Op::lse ? lse : lse - z[w.label[r]];
  total += loss;
  if (w.loss != nullptr && w.reduction == Reduction::none) w.loss[r] = loss;
  T* const g = w.grad_row(r);
  if (g == nullptr) return;
  const T factor = w.upstream_of(r);
  for (std::int64_t j = 0; j < w.v; ++j) {
    const T p = std::exp(z[j]) / sum;
    g[j] = (j == w.label[r] ? p - 1 : p) * factor / w.divisor();
  }
}

template <class T>
void information_row(const RowView<T>& w, std::int64_t r) {
  const T* const q = w.input_row(r);
  const T* const p = w.op == Op::entropy ? q : w.target_row(r);
  T sum = 0;
  for (std::int64_t j = 0; j < w.v; ++j) {
    const T log_q = std::log(q[j]);
    sum += w.op == Op::kl ? p[j] * (std::log(p[j]) - log_q) : -p[j] * log_q;
  }
  w.loss[r] = sum;
}

template <class T>
void body(const RowView<T>& w) {
  T total = 0;
  for (std::int64_t r = 0; r < w.n; ++r) {
    if (w.op == Op::ce || w.op == Op::lse) {
      softmax_row(w, r, total);
    } else {
      information_row(w, r);
    }
  }
  if (w.loss != nullptr && w.reduction != Reduction::none) w.loss[0] = total / w.divisor();
}

}  // namespace

// Undertakes: what its author would claim, the standard class.
Kernel scalar_naive() {
  HostKernel k;
  k.name = "scalar/naive";
  k.role = Role::example_of_failure;
  k.summary = "the textbook formula without a shift: overflows, and 0 log 0 is NaN";
  k.promises.repeatable = true;
  k.ops = {Op::ce, Op::lse, Op::entropy, Op::cross_entropy, Op::kl};
  k.budget = ErrorBudget::standard;
  k.f32 = body<float>;
  k.f64 = body<double>;
  return make_kernel(std::move(k));
}

}  // namespace xent
