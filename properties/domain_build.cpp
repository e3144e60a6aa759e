// SPDX-License-Identifier: Apache-2.0
#include "properties/domain_build.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace xent {
namespace {

/// argmax, random, first or last class; then the next one, cyclically, that is not masked.
std::int64_t mixed_target(const Random& random, const std::vector<double>& z) {
  const auto v = static_cast<std::int64_t>(z.size());
  std::int64_t argmax = 0;
  for (std::int64_t j = 1; j < v; ++j) {
    if (z[j] > z[argmax]) argmax = j;
  }
  const std::int64_t choices[] = {argmax, random.below(1, v), 0, v - 1};
  std::int64_t y = choices[random.below(0, 4)];
  while (std::isinf(z[y]) && y != argmax) y = (y + 1) % v;
  return y;
}

/// The class with most mass, or the next one, cyclically from a random one, that has any.
std::int64_t class_with_mass(const Random& random, const std::vector<double>& p) {
  const auto v = static_cast<std::int64_t>(p.size());
  const auto most = std::max_element(p.begin(), p.end()) - p.begin();
  std::int64_t y = random.coin(0) ? most : random.below(1, v);
  while (p[y] == 0 && y != most) y = (y + 1) % v;
  return y;
}

/// The label that scores `row` is `y`; with shift that is the next row's, and the first label of a
/// sequence, which scores nothing, is any class.
void aim(TestCase& c, const RowPlan& plan, std::int64_t y) {
  const Problem& p = c.problem;
  if (!p.shift) return c.target.set_integer(plan.row, y);
  if (plan.row % p.t == 0) c.target.set_integer(plan.row, plan.choice.below(500, p.v));
  if (plan.row % p.t != p.t - 1) c.target.set_integer(plan.row + 1, y);
}

TestCase empty_case(const Problem& problem) {
  TestCase made;
  made.problem = problem;
  made.input = Tensor(problem.dtype, {problem.n, problem.v});
  if (has_labels(problem)) made.target = Tensor(DType::i64, {problem.n});
  else if (problem.takes_targets()) made.target = Tensor(problem.dtype, {problem.n, problem.v});
  return made;
}

void set_row(Tensor& t, std::int64_t row, const std::vector<double>& values) {
  t.write(row * static_cast<std::int64_t>(values.size()), values);
}

/// A masked class has no mass, unless the row aims at it.
void unmask(std::int64_t aimed, const std::vector<double>& z, std::vector<double>& y) {
  for (std::size_t j = 0; j < z.size(); ++j) {
    const bool masked = z[j] == -std::numeric_limits<double>::infinity();
    if (masked && static_cast<std::int64_t>(j) != aimed) y[j] = 0;
  }
}

}  // namespace

bool has_labels(const Problem& p) { return p.takes_targets() && !has_vector_targets(p); }

bool is_binary(Op op) {
  return op == Op::bce_logits || op == Op::bce_prob || op == Op::mse_sigmoid;
}

RowPlan plan_row(const Problem& problem, std::uint64_t seed, std::int64_t row) {
  const Random random(seed);
  const Random of_row = random.stream(kRows).stream(static_cast<std::uint64_t>(row));
  const auto start = static_cast<std::int64_t>(random.stream(kSeed).bits(~0U) >> 32);
  return {problem,           format(problem.dtype), row, start + row, random.stream(kSeed),
          of_row.stream(kChoice), of_row.stream(kElement)};
}

TestCase logit_case(const Problem& problem, std::uint64_t seed, LogitRow fill) {
  TestCase made = empty_case(problem);
  std::vector<double> z(static_cast<std::size_t>(problem.v));
  std::vector<double> target(z);
  for (std::int64_t row = 0; row < problem.n; ++row) {
    const RowPlan plan = plan_row(problem, seed, row);
    std::int64_t y = fill(plan, z);
    set_row(made.input, row, z);
    if (!problem.takes_targets()) continue;
    if (has_vector_targets(problem)) {
      if (is_binary(problem.op)) binary_labels(plan, target);
      else soft_target(plan, y, target);
      unmask(y, z, target);
      set_row(made.target, row, target);
      continue;
    }
    if (y == kAnyClass) {
      made.input.read(row * problem.v, z);  // as rounded
      y = mixed_target(plan.choice.stream(kTargets), z);
    }
    aim(made, plan, y);
  }
  return made;
}

TestCase pair_case(const Problem& problem, std::uint64_t seed, ProbabilityRow fill) {
  TestCase made = empty_case(problem);
  std::vector<double> q(static_cast<std::size_t>(problem.v));
  std::vector<double> p(q);
  for (std::int64_t row = 0; row < problem.n; ++row) {
    const RowPlan plan = plan_row(problem, seed, row);
    fill(plan, q, p);
    set_row(made.input, row, problem.op == Op::entropy ? p : q);
    if (!problem.takes_targets()) continue;
    if (has_vector_targets(problem)) set_row(made.target, row, p);
    else aim(made, plan, class_with_mass(plan.choice.stream(kLabels), p));
  }
  return made;
}

TestCase ordinary_case(const Problem& problem, std::uint64_t seed) {
  switch (problem.op) {
    case Op::entropy:
    case Op::cross_entropy:
    case Op::kl: return pair_case(problem, seed, simplex_row);
    case Op::nll: return pair_case(problem, seed, log_probabilities_row);
    case Op::bce_prob: return pair_case(problem, seed, chances_row);
    case Op::ce:
    case Op::lse:
    case Op::bce_logits:
    case Op::mse_softmax:
    case Op::mse_sigmoid: break;
  }
  return logit_case(problem, seed, gaussian_row);
}

}  // namespace xent
