// SPDX-License-Identifier: Apache-2.0
// Rows, sums and means by other reductions.
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "properties/ways_calls.h"

namespace xent {

// Row by row.

template <Reduction reduction>
Problems rows(const Problem& p) {
  if (p.reduction != Reduction::none || p.upstream != Upstream::one || p.n == 0 || p.shift ||
      p.layout != Layout::nc) {
    return {};
  }
  Problem q = p;
  q.n = 1;
  q.t = 1;
  q.reduction = reduction;
  return {q};
}

/// A mean over one row divides by its weight; over one that is ignored it says nothing.
static double divisor_of_row(const TestCase& c, Reduction reduction, std::int64_t row) {
  if (reduction == Reduction::sum || !c.problem.takes_targets()) return 1;
  if (has_vector_targets(c.problem)) return 1;
  const auto y = c.scored_class(row);
  return y ? c.weight_of(*y) : 0;
}

template <Reduction reduction>
std::optional<Route> rows_calls(const TestCase& c) {
  const std::int64_t v = c.problem.v;
  Route r;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    TestCase one = keep_rows(c, {row});
    one.problem = rows<reduction>(c.problem).front();
    const double d = divisor_of_row(c, reduction, row);
    const auto term = [&](std::int64_t at) {
      if (d == 0) return Sum{};
      return Sum{{r.calls.size(), at, Enclosure::exact(d)}};
    };
    if (c.problem.wants_loss()) r.loss.push_back(term(0));
    for (std::int64_t k = 0; c.problem.wants_grad() && k < v; ++k) r.grad.push_back(term(k));
    r.calls.push_back(std::move(one));
  }
  return r;
}

/// 1 / d of an ordinary number: the remainder 1 - d (1 / d) is exact.
static Enclosure reciprocal(double d) {
  const double share = 1 / d, rest = std::fma(-share, d, 1) / d;
  return {Enclosure::Kind::number, share, rest, std::fabs(rest) * 0x1p-50};
}

/// What a mean divides by.
static Enclosure divisor(const TestCase& c) {
  Enclosure d = Enclosure::exact(0);
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    d = d + Enclosure::exact(divisor_of_row(c, Reduction::mean, row));
  }
  return d;
}

template Problems rows<Reduction::sum>(const Problem&);
template Problems rows<Reduction::mean>(const Problem&);
template std::optional<Route> rows_calls<Reduction::sum>(const TestCase&);
template std::optional<Route> rows_calls<Reduction::mean>(const TestCase&);

// A sum by a mean.

Problems sum_by_mean(const Problem& p) {
  if (p.reduction != Reduction::sum) return {};
  Problem q = p;
  q.reduction = Reduction::mean;
  return {q};
}

std::optional<Route> sum_by_mean_calls(const TestCase& c) {
  const Enclosure d = divisor(c);
  if (!(d.hi > 0)) return std::nullopt;
  TestCase mean = c;
  mean.problem.reduction = Reduction::mean;
  return itself(mean, c.problem, d);
}

// A mean over a number or over all rows, by the sum.

Problems counted_mean(const Problem& p) {
  const bool counted = p.is_mean() && (p.denominator == Denominator::number ||
                                       p.denominator == Denominator::rows);
  if (!counted || p.unit == Unit::perplexity || p.n == 0) return {};
  Problem q = p;
  q.reduction = Reduction::sum;
  q.denominator = Denominator::valid;
  q.denominator_value = 0;
  return {q};
}

std::optional<Route> counted_mean_calls(const TestCase& c) {
  TestCase sum = c;
  sum.problem = counted_mean(c.problem).front();
  const bool number = c.problem.denominator == Denominator::number;
  const double d = number ? c.problem.denominator_value : static_cast<double>(c.problem.n);
  return itself(sum, c.problem, reciprocal(d));
}

// The mean of the sequences' means, a call a sequence.

Problems by_sequence(const Problem& p) {
  const bool sequences = p.is_mean() && p.denominator == Denominator::sequence;
  if (!sequences || p.upstream != Upstream::one || p.unit == Unit::perplexity || p.n == 0) {
    return {};
  }
  Problem q = p;
  q.n = p.t;
  q.denominator = Denominator::valid;
  return {q};
}

static TestCase sequence(const TestCase& c, std::int64_t b) {
  std::vector<std::int64_t> rows;
  for (std::int64_t k = 0; k < c.problem.t; ++k) rows.push_back(b * c.problem.t + k);
  TestCase part = c;
  part.problem.shift = false;
  part = keep_rows(part, rows);
  part.problem = by_sequence(c.problem).front();
  return part;
}

std::optional<Route> by_sequence_calls(const TestCase& c) {
  Route r;
  std::vector<std::size_t> call_of;
  for (std::int64_t b = 0; b < c.problem.n / c.problem.t; ++b) {
    TestCase part = sequence(c, b);
    const bool any = divisor(part).hi > 0;
    call_of.push_back(any ? r.calls.size() : std::string::npos);
    if (any) r.calls.push_back(std::move(part));
  }
  if (r.calls.empty()) return std::nullopt;
  const Enclosure share = reciprocal(static_cast<double>(r.calls.size()));
  const std::int64_t v = c.problem.v, size = c.problem.t * v;
  if (c.problem.wants_loss()) r.loss.emplace_back();
  for (std::size_t i = 0; c.problem.wants_loss() && i < r.calls.size(); ++i) {
    r.loss.front().push_back({i, 0, share});
  }
  for (std::int64_t i = 0; c.problem.wants_grad() && i < c.problem.n * v; ++i) {
    const std::size_t call = call_of[static_cast<std::size_t>(i / size)];
    r.grad.emplace_back();
    if (call != std::string::npos) r.grad.back().push_back({call, i % size, share});
  }
  return r;
}

// A sum or a mean that is ours.

Problems own_mean(const Problem& p) {
  const bool valid = !p.is_mean() || p.denominator == Denominator::valid;
  if (p.reduction == Reduction::none || !valid || p.unit == Unit::perplexity) return {};
  Problem q = p;
  q.reduction = Reduction::none;
  return {q};
}

/// What the rows' sum is multiplied by; nothing where that is not known exactly.
static std::optional<Enclosure> share_of_row(const TestCase& c) {
  if (!c.problem.is_mean()) return Enclosure::exact(1);
  const Enclosure d = divisor(c);
  if (!(d.hi > 0) || d.lo != 0 || d.rad != 0) return std::nullopt;
  return reciprocal(d.hi);
}

std::optional<Route> own_mean_calls(const TestCase& c) {
  const std::optional<Enclosure> share = share_of_row(c);
  if (!share) return std::nullopt;
  Route r;
  r.calls = {c};
  r.calls.front().problem.reduction = Reduction::none;
  if (c.problem.wants_grad()) r.grad = same(c.problem.n * c.problem.v, 0, *share);
  if (!c.problem.wants_loss()) return r;
  r.loss.emplace_back();
  for (std::int64_t i = 0; i < c.problem.n; ++i) r.loss.front().push_back({0, i, *share});
  return r;
}

}  // namespace xent
