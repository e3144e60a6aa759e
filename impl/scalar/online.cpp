// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "impl/host_invocation.h"
#include "impl/row_formulas.h"
#include "impl/scalar/information.h"
#include "impl/scalar/kernels.h"
#include "impl/scalar/libm.h"

// Formula (Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018): one pass with
// a running maximum m; a greater z_j first multiplies the sums by exp(m - z_j).
// The target is left out of t from the start, and whether it is the maximum is asked at the end.

namespace xent {
namespace {

template <class T>
RowSums<T> online_sums(const T* z, std::int64_t v, std::int64_t y) {
  constexpr T kNone = -std::numeric_limits<T>::infinity();
  RowSums<T> row;
  row.m = kNone;
  for (std::int64_t j = 0; j < v; ++j) {
    T e = 1;
    if (z[j] > row.m) {
      const T rescale = std::exp(row.m - z[j]);
      row.s *= rescale;
      row.t *= rescale;
      row.m = z[j];
    } else {
      e = z[j] == kNone ? T(0) : std::exp(z[j] - row.m);
    }
    row.s += e;
    if (j != y) row.t += e;
  }
  if (y >= 0) row.z_y = z[y];
  row.e_y = std::exp(row.z_y - finite_shift(row.m));
  return row;
}

template <class T>
void gradient_row(const T* z, T* g, std::int64_t v, std::int64_t y, const RowSums<T>& row,
                  T upstream, T divisor) {
  const T shift = finite_shift(row.m);
  for (std::int64_t j = 0; j < v; ++j) {
    const T p = j == y ? accurate_target_gradient(row) : std::exp(z[j] - shift) / row.s;
    g[j] = p * upstream / divisor;
  }
}

template <class T>
void body(const RowView<T>& w) {
  if (w.op != Op::ce && w.op != Op::lse) return information_body(w);
  LossOutput<T> losses(w);
  for (std::int64_t r = 0; r < w.n; ++r) {
    const std::int64_t y = w.op == Op::ce ? w.label[r] : -1;
    const T* const z = w.input_row(r);
    const RowSums<T> row = online_sums(z, w.v, y);
    losses.put(r, w.op == Op::ce ? accurate_loss(row) : row.m + std::log(row.s));
    if (T* const g = w.grad_row(r)) {
      gradient_row(z, g, w.v, y, row, w.upstream_of(r), w.divisor());
    }
  }
  losses.finish();
}

/// Sums over classes are sequential with a rescale at each step in the worst case; sums over rows,
/// and the entropies, are those of scalar/safe.
ErrorBudget online_budget(const Problem& p) {
  ErrorBudget b = accurate_budget(p, kLibmExp, kLibmLog);
  if (p.op == Op::ce || p.op == Op::lse) {
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
  k.ops = {Op::ce, Op::lse, Op::entropy, Op::cross_entropy, Op::kl};
  k.budget = online_budget;
  k.f32 = body<float>;
  k.f64 = body<double>;
  return make_kernel(std::move(k));
}

}  // namespace xent
