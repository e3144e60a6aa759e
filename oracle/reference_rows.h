// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "core/dialect.h"
#include "oracle/interval.h"
#include "oracle/reference.h"
#include "oracle/reference_groups.h"
#include "oracle/row_numbers.h"

namespace xent {

/// What a row is computed from. Its question, if any, has a formula.
template <class I>
struct RowTask {
  const TestCase& c;
  const Conventions& conventions;
  std::int64_t row;
  std::int64_t y;  ///< the class that scores it; -1: vector targets, or none (ignored rows)
  bool ignored;
  I factor;        ///< of the gradient: upstream and divisor, in the problem's unit
  bool merge = true;  ///< equal classes may be computed together; for tests
};

/// A row's loss in nats, perhaps an infinity.
template <class I>
struct RowLoss {
  Enclosure::Kind kind = Enclosure::Kind::number;
  I value{0};
};

/// A row in intervals: built once, then asked. Asking fills caches, so one thread at a time.
template <class I>
class ExactRow {
 public:
  virtual ~ExactRow() = default;
  virtual RowLoss<I> loss() const = 0;
  /// All of the facts but `loss`; `condition` without |L|.
  virtual void set_facts(RowFacts&) const = 0;
  /// Upstream, divisor and unit included.
  virtual Enclosure gradient(std::int64_t j) = 0;

  // Rows of logits.
  virtual Enclosure lse() const { return Enclosure::special(Enclosure::Kind::undefined); }
  virtual Enclosure probability(std::int64_t) {
    return Enclosure::special(Enclosure::Kind::undefined);
  }
  /// Upper bound of m - z_j; +infinity for absent classes.
  virtual double gap(std::int64_t) const { return 0; }
};

/// ce, lse and mse-softmax; of ignored rows the softmax alone.
template <class I>
std::unique_ptr<ExactRow<I>> softmax_row(const RowTask<I>&);

/// Operations that are sums of terms, class by class: nll, binary and probability operations.
template <class I>
std::unique_ptr<ExactRow<I>> term_row(const RowTask<I>&);

inline std::vector<double> input_row(const TestCase& c, std::int64_t row) {
  return doubles_of(c.input, row * c.problem.v, c.problem.v);
}

/// What stands beside the inputs: vector targets, or 1 for the scored class and 0 for others.
inline std::vector<double> label_row(const TestCase& c, std::int64_t row, std::int64_t y) {
  if (has_vector_targets(c.problem)) return doubles_of(c.target, row * c.problem.v, c.problem.v);
  std::vector<double> labels(static_cast<std::size_t>(c.problem.v), 0.0);
  if (y >= 0) labels[static_cast<std::size_t>(y)] = 1;
  return labels;
}

/// Answers that were computed, by number.
class Answers {
 public:
  template <class Compute>
  const Enclosure& get(std::size_t i, std::size_t of, const Compute& compute) {
    if (known_.empty()) {
      known_.resize(of);
      answers_.resize(of);
    }
    if (!known_[i]) answers_[i] = compute();
    known_[i] = true;
    return answers_[i];
  }

 private:
  std::vector<bool> known_;
  std::vector<Enclosure> answers_;
};

/// Bounds cover 2^-40, but not that outward rounding overflows at the largest double.
inline double at_most_largest(double x) {
  return std::fmin(x, std::numeric_limits<double>::max());
}

/// Target mass a_j of ce and nll, by groups of classes.
template <class I>
struct Mass {
  std::int64_t only = -1;  ///< the group whose one class holds it all; -1: see a
  std::vector<I> a;        ///< of every group's class, unless one holds it all
  std::vector<I> size;     ///< b_j >= |a_j|, what a_j is computed from; likewise
  I total{0};              ///< A
  I total_size{0};

  bool somewhere(std::size_t g) const {
    return only >= 0 ? is_only(g) && !is_zero(total) : !is_zero(a[g]);
  }
  I at(std::size_t g) const {
    if (only >= 0) return is_only(g) ? total : I(0);
    return a[g];
  }
  I size_at(std::size_t g) const {
    if (only >= 0) return is_only(g) ? total_size : I(0);
    return size[g];
  }
  bool is_only(std::size_t g) const { return static_cast<std::int64_t>(g) == only; }
};

/// `labels` as of label_row, `groups` of a row that has a mass.
template <class I>
Mass<I> mass_of(const RowTask<I>& task, const Groups& groups, const std::vector<double>& labels) {
  const Problem& p = task.c.problem;
  Mass<I> m;
  if (task.y >= 0 && p.smoothing == 0) {
    m.only = static_cast<std::int64_t>(groups.of(task.y));
    m.total = I(task.c.weight_of(task.y));
    m.total_size = abs_of(m.total);
    return m;
  }
  const bool others = task.conventions.smoothing_over_others;
  const I kept = I(1) - I(p.smoothing);
  const std::int64_t receivers = others ? p.v - 1 : p.v;
  const I spread = receivers == 0 || p.smoothing == 0
                       ? I(0)
                       : I(I(p.smoothing) / I(static_cast<double>(receivers)));
  I all(0);  // the mass before smoothing
  for (const double y_j : labels) {
    if (others && y_j != 0) all += I(y_j);
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const double y_j = labels[static_cast<std::size_t>(groups.member(g))];
    const I w(task.c.weight_of(groups.member(g)));
    const I received = others ? I(spread * (all - I(y_j))) : spread;
    m.a.push_back(w * (kept * I(y_j) + received));
    m.size.push_back(abs_of(w) * (I(std::fabs(y_j)) + abs_of(received)));
    if (is_zero(m.a.back())) m.size.back() = I(0);
    m.total += I(static_cast<double>(groups.count(g))) * m.a.back();
    m.total_size += I(static_cast<double>(groups.count(g))) * m.size.back();
  }
  return m;
}

}  // namespace xent
