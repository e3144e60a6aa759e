// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "properties/ways_calls.h"

namespace xent {
namespace {

bool is_binary(Op op) { return op == Op::bce_logits; }

/// Logits of a probability: of an event alone, those of the event and its opposite.
TestCase of_logarithms(const TestCase& c, const Tensor& q, const Tensor* p) {
  const bool alone = c.problem.v == 1;
  const std::int64_t v = alone ? 2 : c.problem.v;
  TestCase d;
  d.recipe = c.recipe;
  d.problem = by_cross_entropy(c.problem).front();
  d.input = Tensor(c.problem.dtype, {c.problem.n, v});
  if (p != nullptr) d.target = Tensor(c.problem.dtype, {c.problem.n, v});
  else d.target = c.target;
  for (std::int64_t i = 0; i < q.size(); ++i) {
    const std::int64_t at = alone ? 2 * i : i;
    d.input.set(at, std::log(q.at(i)));
    if (alone) d.input.set(at + 1, std::log1p(-std::min(q.at(i), 1.0)));
    if (p != nullptr) d.target.set(at, p->at(i));
  }
  return d;
}

std::vector<Sum> rows_of_call(std::int64_t n, std::size_t call, double factor) {
  std::vector<Sum> all;
  for (std::int64_t i = 0; i < n; ++i) all.push_back({{call, i, Enclosure::exact(factor)}});
  return all;
}

/// H(p, q), H(p) and KL(p || q) = H(p, q) - H(p).
Route of_probabilities(const TestCase& c) {
  Route r;
  r.corrected = true;
  r.loss = rows_of_call(c.problem.n, 0, 1);
  const bool vectors = has_vector_targets(c.problem);
  if (c.problem.op == Op::entropy) {
    r.calls = {of_logarithms(c, c.input, &c.input)};
    return r;
  }
  r.calls = {of_logarithms(c, c.input, vectors ? &c.target : nullptr)};
  if (c.problem.op != Op::kl) return r;
  r.calls.push_back(of_logarithms(c, c.target, &c.target));
  for (std::int64_t i = 0; i < c.problem.n; ++i) {
    r.loss[static_cast<std::size_t>(i)].push_back({1, i, Enclosure::exact(-1)});
  }
  return r;
}

/// Each class x as the row [0, x] with probabilities [1 - y, y].
Route of_two_classes(const TestCase& c) {
  const std::int64_t n = c.problem.n, v = c.problem.v;
  TestCase d;
  d.recipe = c.recipe;
  d.problem = by_cross_entropy(c.problem).front();
  d.input = d.target = Tensor(c.problem.dtype, {n * v, 2});
  for (std::int64_t i = 0; i < n * v; ++i) {
    d.input.set(2 * i + 1, c.input.at(i));
    d.target.set(2 * i, 1 - c.target.at(i));
    d.target.set(2 * i + 1, c.target.at(i));
  }
  Route r;
  r.corrected = true;
  r.calls = {std::move(d)};
  if (c.problem.wants_loss()) r.loss.resize(static_cast<std::size_t>(n));
  const Enclosure one = Enclosure::exact(1);
  for (std::int64_t i = 0; i < n * v; ++i) {
    if (c.problem.wants_loss()) r.loss[static_cast<std::size_t>(i / v)].push_back({0, i, one});
    if (c.problem.wants_grad()) r.grad.push_back({{0, 2 * i + 1, one}});
  }
  return r;
}

}  // namespace

std::vector<Problem> by_cross_entropy(const Problem& p) {
  const bool of_vectors = p.op == Op::entropy || p.op == Op::kl || p.op == Op::cross_entropy;
  if (!is_binary(p.op) && !of_vectors) return {};
  if (p.reduction != Reduction::none || p.upstream != Upstream::one || p.weights ||
      p.ignore_index || p.shift || p.layout != Layout::nc) {
    return {};
  }
  if (of_vectors && !p.wants_loss()) return {};
  Problem q = p;
  q.op = Op::ce;
  q.stride = 0;
  q.t = 1;
  q.targets = TargetKind::prob;
  if (is_binary(p.op)) {
    q.n = p.n * p.v;
    q.v = 2;
    return {q};
  }
  q.dir = Dir::fwd;
  if (p.v == 1) q.v = 2;
  if (p.op == Op::cross_entropy) q.targets = p.targets;
  return {q};
}

std::optional<Route> by_cross_entropy_calls(const TestCase& c) {
  constexpr std::int64_t kMostElements = 1 << 12, kMostRows = 1 << 8;
  const bool binary = is_binary(c.problem.op);
  if (c.input.size() > (binary ? kMostRows : kMostElements)) return std::nullopt;
  return binary ? of_two_classes(c) : of_probabilities(c);
}

}  // namespace xent
