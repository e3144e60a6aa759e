// SPDX-License-Identifier: Apache-2.0
// Directions, targets, layouts and units by others.
#include <utility>

#include "properties/ways_calls.h"

namespace xent {


std::vector<Sum> same(std::int64_t size, std::size_t call, const Enclosure& factor) {
  std::vector<Sum> all;
  for (std::int64_t i = 0; i < size; ++i) all.push_back({{call, i, factor}});
  return all;
}

Route itself(const TestCase& call, const Problem& asked, const Enclosure& factor) {
  Route r;
  r.calls = {call};
  if (asked.wants_loss()) r.loss = same(asked.loss_size(), 0, factor);
  if (asked.wants_grad()) r.grad = same(asked.n * asked.v, 0, factor);
  return r;
}

// Both directions in one call.

Problems joined(const Problem& p) {
  if (p.dir != Dir::fwd && p.dir != Dir::bwd) return {};
  Problem q = p;
  q.dir = Dir::fwdbwd;
  return {q};
}

std::optional<Route> joined_calls(const TestCase& c) {
  TestCase both = c;
  both.problem.dir = Dir::fwdbwd;
  return itself(both, c.problem);
}

// One direction a call.

static TestCase in_direction(const TestCase& c, Dir dir) {
  TestCase d = c;
  d.problem.dir = dir;
  if (dir == Dir::fwd) {
    d.problem.upstream = Upstream::one;
    d.upstream = {};
  }
  return d;
}

static Problem in_direction(const Problem& p, Dir dir) {
  TestCase c;
  c.problem = p;
  return in_direction(c, dir).problem;
}

Problems split(const Problem& p) {
  if (p.dir != Dir::fwdbwd) return {};
  return {in_direction(p, Dir::fwd), in_direction(p, Dir::bwd)};
}

std::optional<Route> split_calls(const TestCase& c) {
  Route r;
  r.calls = {in_direction(c, Dir::fwd), in_direction(c, Dir::bwd)};
  r.loss = same(c.problem.loss_size());
  r.grad = same(c.problem.n * c.problem.v, 1);
  return r;
}

Problems loss_alone(const Problem& p) {
  if (p.dir != Dir::fwdbwd) return {};
  return {in_direction(p, Dir::fwd)};
}

std::optional<Route> loss_alone_calls(const TestCase& c) {
  const TestCase forward = in_direction(c, Dir::fwd);
  return itself(forward, forward.problem);
}

static constexpr std::int64_t kMostElements = 1 << 12;  ///< of a call for each class

// Targets.

static bool sums_of_rows(const Problem& p) { return p.op == Op::ce || p.op == Op::nll; }

Problems one_hot(const Problem& p) {
  const bool weighted_mean = p.is_mean() && p.weights;
  if (!sums_of_rows(p) || p.targets != TargetKind::index || p.ignore_index || p.shift ||
      weighted_mean) {
    return {};
  }
  Problem q = p;
  q.targets = TargetKind::prob;
  return {q};
}

std::optional<Route> one_hot_calls(const TestCase& c) {
  TestCase dense = c;
  dense.problem.targets = TargetKind::prob;
  dense.target = Tensor(c.problem.dtype, {c.problem.n, c.problem.v});
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    dense.target.set(r * c.problem.v + c.label(r), 1);
  }
  return itself(dense, c.problem);
}

/// The loss is linear in y where neither smoothing nor zloss add to it.
Problems mixture(const Problem& p) {
  const bool linear = p.smoothing == 0 && p.z_loss == 0;
  if (!sums_of_rows(p) || p.targets != TargetKind::prob || !linear ||
      p.reduction != Reduction::none || p.layout != Layout::nc) {
    return {};
  }
  Problem q = p;
  q.targets = TargetKind::index;
  return {q};
}

/// L(z; y) = sum_k y_k L(z; k), over the classes with y_k > 0.
std::optional<Route> mixture_calls(const TestCase& c) {
  const std::int64_t v = c.problem.v;
  std::vector<std::int64_t> from, labels;
  for (std::int64_t i = 0; i < c.target.size(); ++i) {
    if (c.target.at(i) == 0) continue;
    from.push_back(i / v);
    labels.push_back(i % v);
  }
  const auto n = static_cast<std::int64_t>(from.size());
  if (n == 0 || n * v > kMostElements) return std::nullopt;
  TestCase each = keep_rows(c, from);
  each.problem.targets = TargetKind::index;
  each.target = Tensor(DType::i64, {n});
  Route r;
  if (c.problem.wants_loss()) r.loss.resize(static_cast<std::size_t>(c.problem.n));
  if (c.problem.wants_grad()) r.grad.resize(static_cast<std::size_t>(c.problem.n * v));
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t row = from[static_cast<std::size_t>(i)];
    const std::int64_t y = labels[static_cast<std::size_t>(i)];
    each.target.set_integer(i, y);
    const Enclosure factor = Enclosure::exact(c.target.at(row * v + y));
    if (c.problem.wants_loss()) r.loss[static_cast<std::size_t>(row)].push_back({0, i, factor});
    for (std::int64_t k = 0; c.problem.wants_grad() && k < v; ++k) {
      r.grad[static_cast<std::size_t>(row * v + k)].push_back({0, i * v + k, factor});
    }
  }
  r.calls.push_back(std::move(each));
  return r;
}

// Layouts.

Problems contiguous(const Problem& p) {
  if (p.layout == Layout::nc || p.shift) return {};
  Problem q = p;
  q.layout = Layout::nc;
  if (p.denominator != Denominator::sequence) q.t = 1;
  return {q};
}

std::optional<Route> contiguous_calls(const TestCase& c) {
  TestCase rows = c;
  rows.problem = contiguous(c.problem).front();
  return itself(rows, c.problem);
}

// Units.

/// 1 / log 2.
static constexpr Enclosure kPerLogOfTwo = {Enclosure::Kind::number, 0x1.71547652b82fep+0,
                                           0x1.777d0ffda0d24p-56, 0x1p-108};

Problems nats(const Problem& p) {
  if (p.unit != Unit::bits) return {};
  Problem q = p;
  q.unit = Unit::nats;
  return {q};
}

std::optional<Route> nats_calls(const TestCase& c) {
  TestCase d = c;
  d.problem.unit = Unit::nats;
  return itself(d, c.problem, kPerLogOfTwo);
}

}  // namespace xent
