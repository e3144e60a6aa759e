// SPDX-License-Identifier: Apache-2.0
#include "properties/other_case.h"

#include <cmath>

namespace xent {
namespace {

/// NaN and +inf poison whatever row they come to.
bool moves(double x) { return !std::isnan(x) && !(x > 0 && std::isinf(x)); }

bool is_ignored(const TestCase& c, std::int64_t row) {
  return c.target.dtype == DType::i64 && !c.scored_class(row);
}

void move_input(const TestCase& c, Tensor& input) {
  const std::int64_t v = c.problem.v;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    const std::int64_t mirrored = c.problem.n - 1 - row;
    const std::int64_t from = is_ignored(c, mirrored) ? row : mirrored;
    for (std::int64_t j = 0; j < v; ++j) {
      const double x = c.logit(from, (j + 1 + v / 3) % v);
      input.set(row * v + j, moves(x) ? x * 0.75 : 0);
    }
  }
}

/// Each label becomes the next class, but for what is ignored or would be.
void move_labels(TestCase& c) {
  for (std::int64_t i = 0; i < c.target.size(); ++i) {
    const std::int64_t y = c.target.integer(i), next = (y + 1) % c.problem.v;
    const bool ignored = c.problem.ignore_index == y || c.problem.ignore_index == next;
    if (!ignored) c.target.set_integer(i, next);
  }
}

/// Vector targets of the mirrored row, one class on.
void move_vectors(const TestCase& c, Tensor& target) {
  const std::int64_t v = c.problem.v;
  for (std::int64_t i = 0; i < target.size(); ++i) {
    const std::int64_t row = target.size() / v - 1 - i / v;
    target.set(i, c.target.at(row * v + (i % v + 1) % v));
  }
}

}  // namespace

TestCase other_case(const TestCase& c) {
  TestCase other = c;
  move_input(c, other.input);
  if (other.target.dtype == DType::i64) move_labels(other);
  else if (!other.target.empty()) move_vectors(c, other.target);
  return other;
}

}  // namespace xent
