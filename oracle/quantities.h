// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "core/test_case.h"
#include "oracle/interval.h"

namespace xent {

// One function a quantity, under one law: if the arguments contain the exact values, so does the
// result. Inputs are the exact floats of the case. -inf stands for an absent class.

/// exp(z_j - m) for all classes, exactly 0 for absent ones.
template <class I>
std::vector<I> shifted_exponentials(const std::vector<double>& z, double m) {
  std::vector<I> e;
  e.reserve(z.size());
  for (const double x : z) e.push_back(std::isinf(x) ? I(0) : exp_of(I(I(x) - I(m))));
  return e;
}

/// Sum of all, or (skip >= 0) of all but one: skipped, not subtracted, so that nothing cancels.
template <class I>
I sum_without(const std::vector<I>& terms, std::int64_t skip) {
  I s(0);
  for (std::size_t j = 0; j < terms.size(); ++j) {
    if (static_cast<std::int64_t>(j) != skip) s += terms[j];
  }
  return s;
}

/// log sum exp = m + log s.
template <class I>
I log_sum_exp(const I& s, double m) {
  return I(m) + log_of(s);
}

/// -log softmax(z)_y. A target at the maximum: log1p(t), since e_y = 1; else (m - z_y) + log s,
/// two non-negative terms. Neither form cancels.
template <class I>
I index_loss(const I& s, const I& t, double m, double z_y) {
  if (z_y == m) return log1p_of(t);
  return (I(m) - I(z_y)) + log_of(s);
}

/// softmax(z)_j = e_j / s.
template <class I>
I probability_of(const I& e_j, const I& s) {
  return e_j / s;
}

/// d/dz_j of the index loss: p_j for j != y, and p_y - 1 = -t / s.
template <class I>
I index_gradient(const I& e_j, const I& s, const I& t, bool is_target) {
  return is_target ? I(-(t / s)) : I(e_j / s);
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
