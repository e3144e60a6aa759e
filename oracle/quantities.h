// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/problem.h"
#include "oracle/interval.h"

namespace xent {

// One function a quantity, under one law: if the arguments contain the exact values, so does the
// result. Inputs are the exact floats of the case.

/// z = f(x): scale x, or cap tanh(scale x / cap). Infinite x only with a cap.
template <class I>
I logit_of(double x, const Problem& p) {
  if (p.softcap == 0) return p.scale == 1 ? I(x) : I(I(p.scale) * I(x));
  if (std::isinf(x)) return I((x > 0) == (p.scale > 0) ? p.softcap : -p.softcap);
  return I(p.softcap) * tanh_of(I(I(p.scale) * I(x) / I(p.softcap)));
}

/// f'(x) = scale, times sech^2 of the cap's argument.
template <class I>
I slope_of(double x, const Problem& p) {
  if (p.softcap == 0) return I(p.scale);
  if (std::isinf(x)) return I(0);
  const I sech = sech_of(I(I(p.scale) * I(x) / I(p.softcap)));
  return I(p.scale) * sech * sech;
}

/// n x.
template <class I>
I several(std::int64_t n, const I& x) {
  return n == 1 ? x : I(I(static_cast<double>(n)) * x);
}

/// A row of logits, of which equal ones may stand together: x_j stands count_j times. f is
/// monotone, so that `top` is a j whose z is the exact maximum m, known or not: with gap_j =
/// m - z_j its own gap is exactly 0 and its exponential exactly 1.
template <class I>
struct Softmax {
  std::vector<double> x;
  std::vector<std::int64_t> count;  ///< empty: 1 each
  std::size_t top = 0;
  std::vector<I> z;  ///< empty where f is the identity
  std::vector<I> e;  ///< exp(-gap_j); exactly 0 for absent classes
  I m;
  I rest;            ///< sum of e without one class of top
  I s, log_s, lse;
  bool capped = false;

  bool live(std::size_t j) const { return capped || !std::isinf(x[j]); }
  I logit(std::size_t j) const { return z.empty() ? I(x[j]) : z[j]; }
  /// m - z_j >= 0; 0 for absent classes.
  I gap(std::size_t j) const { return live(j) && x[j] != x[top] ? I(m - logit(j)) : I(0); }
  std::int64_t many(std::size_t j) const { return count.empty() ? 1 : count[j]; }

  /// Sum over all classes but one of j: left out, not subtracted, so that nothing cancels.
  template <class Term>
  I sum_without(std::size_t j, const Term& term) const {
    I sum(0);
    for (std::size_t k = 0; k < x.size(); ++k) {
      const std::int64_t n = many(k) - (k == j ? 1 : 0);
      if (n > 0) sum += several(n, I(term(k)));
    }
    return sum;
  }
  I rest_without(std::size_t j) const {
    return sum_without(j, [&](std::size_t k) -> const I& { return e[k]; });
  }
};

/// At least one logit is finite, none is +inf or NaN. log s = log1p(rest): s = 1 + rest.
template <class I>
Softmax<I> softmax_of(std::vector<double> x, const Problem& p,
                      std::vector<std::int64_t> count = {}) {
  Softmax<I> r;
  const bool rising = p.scale > 0;
  r.top = static_cast<std::size_t>((rising ? std::max_element(x.begin(), x.end())
                                           : std::min_element(x.begin(), x.end())) -
                                   x.begin());
  r.capped = p.softcap != 0;
  r.x = std::move(x);
  r.count = std::move(count);
  const double x_top = r.x[r.top];
  r.m = logit_of<I>(x_top, p);
  const bool identity = !r.capped && p.scale == 1;
  r.e.reserve(r.x.size());
  for (std::size_t j = 0; j < r.x.size(); ++j) {
    const bool again = j > 0 && r.x[j] == r.x[j - 1];
    if (!identity) r.z.push_back(again ? r.z[j - 1] : r.live(j) ? logit_of<I>(r.x[j], p) : I(0));
    r.e.push_back(again ? r.e[j - 1] : r.live(j) ? exp_of(I(-r.gap(j))) : I(0));
  }
  r.rest = r.rest_without(r.top);
  r.s = I(1) + r.rest;
  r.log_s = log1p_of(r.rest);
  r.lse = r.m + r.log_s;
  return r;
}

/// -log softmax(z)_y = (m - z_y) + log s: two non-negative terms, the first exactly 0 at a maximum.
template <class I>
I index_loss(const Softmax<I>& s, std::size_t y) {
  return s.gap(y) + s.log_s;
}

/// log(1 + exp(-|x|)); 0 at infinite x.
template <class I>
I softplus_of_minus(double x) {
  return std::isinf(x) ? I(0) : log1p_of(exp_of(I(-abs_of(I(x)))));
}

/// 1 - sigma(|x|) = e / (1 + e) with e = exp(-|x|).
template <class I>
I logistic_tail(double x) {
  if (std::isinf(x)) return I(0);
  const I e = exp_of(I(-abs_of(I(x))));
  return e / (I(1) + e);
}

/// sigma(x) - y, as (1 - y) - tail for x > 0, where the sigma is near 1.
template <class I>
I logistic_difference(double x, double y) {
  const I tail = logistic_tail<I>(x);
  return x > 0 ? I((I(1) - I(y)) - tail) : I(tail - I(y));
}

/// p log(1/p), 0 at p = 0.
template <class I>
I entropy_term(double p) {
  return p == 0 ? I(0) : I(-(I(p) * log_of(I(p))));
}

/// p log(1/q), 0 at p = 0; q > 0 where p > 0.
template <class I>
I cross_entropy_term(double p, double q) {
  return p == 0 ? I(0) : I(-(I(p) * log_of(I(q))));
}

/// p log(p/q), 0 at p = 0 and, exactly, at p = q.
template <class I>
I kl_term(double p, double q) {
  return p == 0 || p == q ? I(0) : I(I(p) * log_of(I(I(p) / I(q))));
}

}  // namespace xent
