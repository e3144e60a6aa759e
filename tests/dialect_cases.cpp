// SPDX-License-Identifier: Apache-2.0
#include "tests/dialect_cases.h"

#include <cmath>
#include <limits>

namespace xent::dialect_tests {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Tensor tensor(DType dtype, std::vector<std::int64_t> shape, const Numbers& numbers) {
  Tensor t(dtype, std::move(shape));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    if (is_float(dtype)) t.set(at, numbers[i]);
    else t.set_integer(at, static_cast<std::int64_t>(std::lround(numbers[i])));
  }
  return t;
}

class Table {
 public:
  /// `words` without n, dir and dialect; one case for each of the reductions.
  void add(Question question, const std::string& words, Given given,
           std::initializer_list<const char*> reductions = {"none", "sum", "mean"}) {
    for (const char* reduction : reductions) {
      Given g = given;
      g.problem = words + " dialect=pytorch dir=fwdbwd reduction=" + reduction;
      cases.push_back({question, case_of(g)});
    }
  }

  std::vector<Posed> cases;
};

Given numbers(Numbers input, Numbers target, Numbers weight = {}) {
  return {"", std::move(input), std::move(target), std::move(weight)};
}

void add_logits(Table& t) {
  using Q = Question;
  t.add(Q::masked_class, "op=ce v=3", numbers({1, -kInf, 2}, {0}));
  t.add(Q::masked_class, "op=ce n=2 v=3", numbers({1, -kInf, 2, 3, 4, 5}, {2, 0}));
  t.add(Q::masked_target, "op=ce v=3", numbers({1, -kInf, 2}, {1}));
  t.add(Q::all_masked, "op=ce v=3", numbers({-kInf, -kInf, -kInf}, {1}));
  for (const double at_target : {0.0, 1.0}) {
    t.add(Q::plus_inf_logit, "op=ce v=3", numbers({1, kInf, 2}, {at_target}));
  }
  t.add(Q::plus_inf_logit, "op=ce v=3", numbers({kInf, kInf, 2}, {1}));
  t.add(Q::nan_logit, "op=ce v=3", numbers({1, kNan, 2}, {0}));
  t.add(Q::nan_logit, "op=ce n=2 v=3", numbers({1, 5, kNan, 1, 2, 3}, {0, 1}), {"none", "sum"});
  t.add(Q::ignored_row, "op=ce n=2 v=3 ignore=-100", numbers({1, 2, 3, 4, 5, 7}, {-100, 1}));
  t.add(Q::ignored_row, "op=ce n=2 v=3 ignore=1 weights=on",
        numbers({1, 2, 3, 4, 5, 7}, {1, 2}, {1, 2, 3}));
  t.add(Q::ignored_row, "op=nll n=2 v=3 ignore=-100", numbers({-1, -2, -3, -4, -5, -7}, {2, -100}));
  const Numbers rows[] = {{kNan, 1, 2}, {-kInf, -kInf, -kInf}, {1, kInf, 2}};
  for (const Numbers& row : rows) {
    t.add(Q::ignored_row_nan, "op=ce n=2 v=3 ignore=-100",
          numbers({row[0], row[1], row[2], 1, 2, 3}, {-100, 1}));
  }
  t.add(Q::single_class, "op=ce n=2 v=1", numbers({5, -3}, {0, 0}));
  t.add(Q::smoothed_masked_class, "op=ce v=3 smoothing=0.1", numbers({1, -kInf, 2}, {0}));
  t.add(Q::zero_target_masked_class, "op=ce v=3 targets=prob",
        numbers({1, -kInf, 2}, {0.5, 0, 0.5}));
  t.add(Q::zero_weight_masked_target, "op=ce n=2 v=3 weights=on",
        numbers({1, -kInf, 3, 1, 2, 3}, {1, 0}, {1, 0, 1}));
}

void add_probabilities(Table& t) {
  using Q = Question;
  t.add(Q::zero_prob_target, "op=kl targets=prob v=2", numbers({0.25, 0.75}, {0, 1}));
  t.add(Q::zero_both, "op=kl targets=prob v=3", numbers({0, 0.25, 0.75}, {0, 0.5, 0.5}));
  t.add(Q::zero_prob_model, "op=kl targets=prob v=2", numbers({0, 1}, {0.5, 0.5}));
  t.add(Q::negative_prob, "op=kl targets=prob v=2", numbers({0.5, 0.5}, {-0.5, 1.5}));
  t.add(Q::negative_prob, "op=kl targets=prob v=2", numbers({-0.5, 1.5}, {0.5, 0.5}));
  const double right[][2] = {{0, 0}, {1, 1}};
  const double wrong[][2] = {{0, 1}, {1, 0}, {0, 0.5}, {1, 0.25}};
  for (const auto& [x, y] : right) {
    t.add(Q::log_of_zero_right, "op=bce-prob targets=prob v=2", numbers({x, 0.25}, {y, 1}));
  }
  for (const auto& [x, y] : wrong) {
    t.add(Q::log_of_zero_wrong, "op=bce-prob targets=prob v=2", numbers({x, 0.25}, {y, 1}));
  }
  const double agrees[][2] = {{kInf, 1}, {-kInf, 0}};
  const double differs[][2] = {{kInf, 0}, {-kInf, 1}, {kInf, 0.5}, {-kInf, 0.5}};
  for (const auto& [x, y] : agrees) {
    t.add(Q::infinite_right, "op=bce-logits targets=prob v=2", numbers({x, 2}, {y, 1}));
  }
  for (const auto& [x, y] : differs) {
    t.add(Q::infinite_wrong, "op=bce-logits targets=prob v=2", numbers({x, 2}, {y, 1}));
  }
}

void add_calls(Table& t) {
  using Q = Question;
  t.add(Q::none_valid_mean, "op=ce n=2 v=3 ignore=-100", numbers({1, 2, 3, 4, 5, 6}, {-100, -100}),
        {"mean"});
  t.add(Q::none_valid_mean, "op=ce v=3 ignore=-100 smoothing=0.1", numbers({1, 2, 3}, {-100}),
        {"mean"});
  t.add(Q::none_valid_mean, "op=ce n=0 v=3", numbers({}, {}), {"mean"});
  t.add(Q::none_valid_mean, "op=ce n=0 v=3 targets=prob", numbers({}, {}), {"mean"});
  t.add(Q::zero_weight_mean, "op=ce v=3 weights=on", numbers({1, 2, 3}, {1}, {1, 0, 1}), {"mean"});
  t.add(Q::loss_overflow, "op=ce v=3", numbers({3e38, -3e38, 0}, {1}), {"none", "sum"});
}

}  // namespace

TestCase case_of(const Given& given) {
  TestCase c;
  c.problem = parse_problem(given.problem);
  const Problem& p = c.problem;
  c.input = tensor(p.dtype, {p.n, p.v}, given.input);
  if (has_vector_targets(p)) c.target = tensor(p.dtype, {p.n, p.v}, given.target);
  else if (p.takes_targets()) c.target = tensor(DType::i64, {p.n}, given.target);
  if (p.weights) c.weight = tensor(p.dtype, {p.v}, given.weight);
  if (p.dir == Dir::hvp) c.direction = tensor(p.dtype, {p.n, p.v}, given.direction);
  if (p.upstream != Upstream::one) {
    c.upstream = tensor(p.dtype, {p.upstream == Upstream::row ? p.n : 1}, given.upstream);
  }
  validate(c);
  return c;
}

std::vector<Posed> posed_cases() {
  Table t;
  add_logits(t);
  add_probabilities(t);
  add_calls(t);
  return std::move(t.cases);
}

}  // namespace xent::dialect_tests
