// SPDX-License-Identifier: Apache-2.0
#include "properties/other_case.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace xent {
namespace {

/// NaN and +inf poison whatever row they come to.
bool moves(double x) { return !std::isnan(x) && !(x > 0 && std::isinf(x)); }

bool is_ignored(const TestCase& c, std::int64_t row) {
  return c.target.dtype == DType::i64 && !c.scored_class(row);
}

void move_input(const TestCase& c, Tensor& input) {
  const std::int64_t v = c.problem.v;
  std::vector<double> x(static_cast<std::size_t>(v));
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    const std::int64_t mirrored = c.problem.n - 1 - row;
    c.input.read((is_ignored(c, mirrored) ? row : mirrored) * v, x);
    std::rotate(x.begin(), x.begin() + (1 + v / 3) % v, x.end());
    for (double& z : x) z = moves(z) ? z * 0.75 : 0;
    input.write(row * v, x);
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
  std::vector<double> y(static_cast<std::size_t>(v));
  for (std::int64_t row = 0; row < target.size() / v; ++row) {
    c.target.read((target.size() / v - 1 - row) * v, y);
    std::rotate(y.begin(), y.begin() + 1, y.end());
    target.write(row * v, y);
  }
}

}  // namespace

TestCase other_case(const TestCase& c) {
  TestCase other = c;
  other.input = Tensor(c.input.dtype, c.input.shape);
  move_input(c, other.input);
  if (other.target.dtype == DType::i64) move_labels(other);
  else if (!other.target.empty()) move_vectors(c, other.target);
  return other;
}

}  // namespace xent
