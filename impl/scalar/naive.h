// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "impl/row_output.h"
#include "impl/scalar/class_by_class.h"
#include "impl/scalar/softmax.h"

namespace xent {

/// The operations without a softmax, as textbooks have them.
template <class T>
struct NaiveTerms {
  const RowView<T>& w;

  T loss(T x, T y, std::int64_t j) {
    using std::exp;
    using std::log;
    const T sigmoid = T(1) / (T(1) + exp(-x));
    switch (w.op) {
      case Op::entropy: return -x * log(x);
      case Op::cross_entropy: return -y * log(x);
      case Op::kl: return y * (log(y) - log(x));
      case Op::nll: return -w.mass(y, j) * x;
      case Op::bce_logits: return w.weight_of(j) * binary(sigmoid, y);
      case Op::bce_prob: return w.weight_of(j) * binary(x, y);
      default: return (sigmoid - y) * (sigmoid - y);
    }
  }
  T slope(T x, T y, std::int64_t j) {
    using std::exp;
    using std::log;
    const T sigmoid = T(1) / (T(1) + exp(-x));
    switch (w.op) {
      case Op::entropy: return -(log(x) + T(1));
      case Op::cross_entropy:
      case Op::kl: return -y / x;
      case Op::nll: return -w.mass(y, j);
      case Op::bce_logits: return w.weight_of(j) * (sigmoid - y);
      case Op::bce_prob: return w.weight_of(j) * ((T(1) - y) / (T(1) - x) - y / x);
      default: return T(2) * (sigmoid - y) * sigmoid * (T(1) - sigmoid);
    }
  }

 private:
  static T binary(T p, T y) {
    using std::log;
    return -(y * log(p) + (T(1) - y) * log(T(1) - p));
  }
};

/// ce, lse and mse-softmax of row r.
template <class T>
struct NaiveRow {
  const RowView<T>& w;
  std::int64_t r;
  std::int64_t y = w.scored_class(r);
  const T* x = w.input_row(r);
  T sum = 0;
  T lse = 0;

  T power(std::int64_t j) const {
    using std::exp;
    return exp(transformed_logit(w, x[j]));
  }
  T probability(std::int64_t j) const { return power(j) / sum; }
  T target(std::int64_t j) const { return w.target_of(r, y, j); }
  T mass(std::int64_t j) const { return w.op == Op::lse ? T(0) : w.mass(target(j), j); }

  void add_up() {
    using std::log;
    for (std::int64_t j = 0; j < w.v; ++j) sum += power(j);
    lse = log(sum);
  }
  T loss() const {
    if (w.op == Op::lse) return lse;
    T total = w.z_loss == T(0) ? T(0) : w.z_loss * lse * lse;
    for (std::int64_t j = 0; j < w.v; ++j) total += w.op == Op::ce ? mass_term(j) : square(j);
    return total;
  }
  T mass_term(std::int64_t j) const {
    return mass(j) == T(0) ? T(0) : mass(j) * (lse - transformed_logit(w, x[j]));
  }
  T square(std::int64_t j) const {
    const T d = probability(j) - target(j);
    return d * d;
  }
  void gradient(const Scaling<T>& scaling) const {
    T* const g = w.grad_row(r);
    T all = w.op == Op::lse ? T(1) : T(0);
    T center = 0;
    for (std::int64_t j = 0; j < w.v; ++j) {
      all += mass(j);
      center += w.op == Op::mse_softmax ? probability(j) * (probability(j) - target(j)) : T(0);
    }
    for (std::int64_t j = 0; j < w.v; ++j) {
      g[j] = scaling(w.op == Op::mse_softmax ? squared_slope(j, center) : slope(j, all));
    }
  }
  T squared_slope(std::int64_t j, T center) const {
    const T p = probability(j);
    return T(2) * p * (p - target(j) - center);
  }
  T slope(std::int64_t j, T all) const {
    const T p = probability(j);
    const T ce = all * p - mass(j);
    return (w.z_loss == T(0) ? ce : ce + T(2) * w.z_loss * lse * p) * logit_slope(w, x[j]);
  }
};

template <class T>
void naive_softmax(const RowView<T>& w) {
  const Divisors<T> divisors(w);
  LossOutput<T> losses(w, divisors);
  for (std::int64_t r = 0; r < w.n; ++r) {
    if (w.ignored(r)) {
      losses.put_ignored(r);
      zero_gradient(w, r);
      continue;
    }
    NaiveRow<T> row{w, r};
    row.add_up();
    losses.put(r, row.loss());
    if (w.grad != nullptr) row.gradient({w, divisors, r});
  }
  losses.finish();
}

template <class T>
void naive_body(const RowView<T>& w) {
  if (w.op == Op::ce || w.op == Op::lse || w.op == Op::mse_softmax) return naive_softmax(w);
  class_by_class(w, NaiveTerms<T>{w});
}

}  // namespace xent
