// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/error_budget.h"
#include "core/promises.h"
#include "impl/row_output.h"
#include "impl/row_view.h"

namespace xent {

/// What is left of a row of logits z after the summation, with target y:
///   m = max z,  e_j = exp(z_j - m),  s = sum e_j,  t = sum of e_j over j != y  (y skipped, not
/// subtracted).
template <class T>
struct RowSums {
  T m = 0;
  T s = 0;
  T t = 0;
  T z_y = 0;
  T e_y = 0;
};

/// The number that is subtracted from every logit: m, or 0 when the row holds nothing but -inf (or
/// NaN), so that exp(-inf - shift) is 0 and never -inf - -inf.
template <class T>
T finite_shift(T m) {
  return m == -std::numeric_limits<T>::infinity() ? T(0) : m;
}

/// z_y = m:  -log p_y = log(1 + t / e_y), with full relative accuracy however small.
/// z_y < m:  -log p_y = (m - z_y) + log s >= log 2, so every rounding is relative to it.
template <class T>
T accurate_loss(const RowSums<T>& r) {
  using std::log;
  using std::log1p;
  return r.z_y == r.m ? log1p(r.t / r.e_y) : (r.m - r.z_y) + log(r.s);
}

/// p_y - 1 = -t / s.
template <class T>
T accurate_target_gradient(const RowSums<T>& r) {
  return -(r.t / r.s);
}

/// Binary32 for inputs of at most that; binary64 for f64, or where acc=f64 asks for it.
DType working_dtype(const Problem&);

/// The budget of every kernel that sums with BlockedSum and uses the formulas above, in
/// working_dtype. `exp_rel` and `log_rel` in units of u.
ErrorBudget accurate_budget(const Problem&, double exp_rel, double log_rel);

/// Undertaken by every kernel of this form, and why it holds:
///   repeatable, batch-, alignment-, thread-invariant: a row is one thread's, and a tree depends on
///     the class index alone (and, in what is reduced, by one thread, the row's).
///   shift-exact: without scale, softcap and zloss the loss of ce has logits only as differences
///     z_j - m and m - z_y.
///   sign-exact: e_j >= 0, and rounded addition of non-negative numbers is monotone, so
///     0 <= e_j <= s and 0 <= t <= s, hence 0 <= e_j / s <= 1 and -1 <= -t / s <= 0; likewise
///     0 <= sigma <= 1.
///   in-place: the gradient's memory takes the e_j only where no logit is needed after the sums;
///     else each x_j is read before its own gradient is written.
Promises accurate_promises();

}  // namespace xent
