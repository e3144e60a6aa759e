// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/dialect.h"
#include "oracle/interval.h"
#include "oracle/reference.h"

namespace xent {

/// Enclosures of one row at one level.
template <class I>
struct RowValues {
  Enclosure::Kind kind = Enclosure::Kind::number;  ///< of the loss
  I loss{0};                           ///< in the problem's unit
  Enclosure lse;                       ///< of rows of logits
  bool has_elements = false;
  std::vector<Enclosure> probability;  ///< of rows of logits
  std::vector<Enclosure> grad;         ///< upstream, divisor and unit included
};

/// What a row is computed from. Its question, if any, has a formula.
template <class I>
struct RowTask {
  const TestCase& c;
  const Conventions& conventions;
  std::int64_t row;
  std::int64_t y;  ///< the class that scores it; -1: vector targets, or none (ignored rows)
  bool ignored;
  bool elements;   ///< wants probabilities and gradient, not the loss alone
  I factor;        ///< of the gradient
  RowFacts* facts;  ///< filled when not null
};

/// ce, lse and mse-softmax; of ignored rows the softmax alone.
template <class I>
RowValues<I> softmax_row(const RowTask<I>&);

/// Operations that are sums of terms, class by class: nll, binary and probability operations.
template <class I>
RowValues<I> term_row(const RowTask<I>&);

inline std::vector<double> input_row(const TestCase& c, std::int64_t row) {
  std::vector<double> x(static_cast<std::size_t>(c.problem.v));
  for (std::int64_t j = 0; j < c.problem.v; ++j) x[static_cast<std::size_t>(j)] = c.logit(row, j);
  return x;
}

inline double target_of(const TestCase& c, std::int64_t row, std::int64_t j) {
  return c.target.at(row * c.problem.v + j);
}

/// Bounds cover 2^-40, but not that outward rounding overflows at the largest double.
inline double at_most_largest(double x) {
  return std::fmin(x, std::numeric_limits<double>::max());
}

/// Target mass a_j of ce and nll.
template <class I>
struct Mass {
  std::int64_t only = -1;  ///< the class that holds it all; -1: see a
  std::vector<I> a;        ///< of every class, unless one holds it all
  std::vector<I> size;     ///< b_j >= |a_j|, what a_j is computed from; likewise
  I total{0};              ///< A
  I total_size{0};

  bool somewhere(std::int64_t j) const {
    return only >= 0 ? j == only && !is_zero(total) : !is_zero(a[static_cast<std::size_t>(j)]);
  }
  I at(std::int64_t j) const {
    if (only >= 0) return j == only ? total : I(0);
    return a[static_cast<std::size_t>(j)];
  }
  I size_at(std::int64_t j) const {
    if (only >= 0) return j == only ? total_size : I(0);
    return size[static_cast<std::size_t>(j)];
  }
};

template <class I>
Mass<I> mass_of(const RowTask<I>& task) {
  const TestCase& c = task.c;
  const Problem& p = c.problem;
  const std::int64_t y = task.y;
  Mass<I> m;
  if (y >= 0 && p.smoothing == 0) {
    m.only = y;
    m.total = I(c.weight_of(y));
    m.total_size = abs_of(m.total);
    return m;
  }
  const bool others = task.conventions.smoothing_over_others;
  const I kept = I(1) - I(p.smoothing);
  const std::int64_t receivers = others ? p.v - 1 : p.v;
  const I spread = receivers == 0 || p.smoothing == 0
                       ? I(0)
                       : I(I(p.smoothing) / I(static_cast<double>(receivers)));
  I all(y >= 0 ? 1 : 0);  // the mass before smoothing
  for (std::int64_t j = 0; y < 0 && others && j < p.v; ++j) all += I(target_of(c, task.row, j));
  for (std::int64_t j = 0; j < p.v; ++j) {
    const double y_j = y >= 0 ? (j == y ? 1 : 0) : target_of(c, task.row, j);
    const I w(c.weight_of(j));
    const I received = others ? I(spread * (all - I(y_j))) : spread;
    m.a.push_back(w * (kept * I(y_j) + received));
    m.size.push_back(abs_of(w) * (I(std::fabs(y_j)) + abs_of(received)));
    if (is_zero(m.a.back())) m.size.back() = I(0);
    m.total += m.a.back();
    m.total_size += m.size.back();
  }
  return m;
}

}  // namespace xent
