// SPDX-License-Identifier: Apache-2.0
// The shape of -log p: what the penalty and its slope do as the true class gains.
#include <cmath>

#include "properties/relations.h"

namespace xent {
namespace {

constexpr std::int64_t kSweep = 17;

/// The true class's logit -8, -7, ... 8, everything else as in the row.
TestCase swept(const TestCase& c, std::int64_t row) {
  TestCase s = copies(c, row, kSweep);
  for (std::int64_t i = 0; i < kSweep; ++i) {
    s.input.set(i * c.problem.v + c.label(row), static_cast<double>(i - kSweep / 2));
  }
  return s;
}

/// A row has another class to lose to.
bool contested(const TestCase& c, std::int64_t row) {
  for (std::int64_t k = 0; k < c.problem.v; ++k) {
    if (k != c.label(row) && std::isfinite(c.logit(row, k))) return true;
  }
  return false;
}

/// Probabilities 1/16 ... 16/16.
std::vector<double> sixteenths() {
  std::vector<double> p;
  for (int i = 1; i <= 16; ++i) p.push_back(i / 16.0);
  return p;
}

/// Falls from one to the next, each time by less.
void check_falling_and_convex(Judgement& j, const Evaluation& e, std::int64_t n, Order order) {
  for (std::int64_t i = 0; i + 1 < n; ++i) {
    check_order(j, e.loss(i + 1), e.loss(i), order, at("decreasing", i));
  }
  for (std::int64_t i = 1; i + 1 < n; ++i) {
    check_order(j, e.loss(i) + e.loss(i), e.loss(i - 1) + e.loss(i + 1), order, at("convex", i));
  }
}

/// The documents' numbers: 0.5 -> 0.6931, 0.8 -> 0.2231, to half a unit of the last digit; 0.8 is
/// rounded to the type first, which moves its logarithm by half an ulp over 0.8.
void printed_penalties(Trial& t, Judgement& j) {
  constexpr double kHalfDigit = 0.5e-4;
  Evaluation e;
  if (!e.run(t, events(t.test_case, {0.5, 0.8}), j)) return;
  const double moved = std::fabs(e.test_case.input.at(1) - 0.8) / 0.75;
  const double printed[] = {0.6931, 0.2231}, slack[] = {kHalfDigit, kHalfDigit + moved};
  for (std::int64_t i = 0; i < 2; ++i) {
    const Value gap = e.loss(i) - known(printed[i]);
    check_order(j, gap, known(slack[i]), Order::weak, at("printed penalty", i));
    check_order(j, known(-slack[i]), gap, Order::weak, at("printed penalty", i));
  }
}

/// -log p of 1/16 ... 1; of p = 2^-k it is k log 2, without end.
void penalties_of_probabilities(Trial& t, Judgement& j) {
  Evaluation e, far;
  std::vector<double> rare;
  for (int k = 0; k <= -format(t.test_case.problem.dtype).emin; k += 7) {
    rare.push_back(std::ldexp(1.0, -k));
  }
  if (!e.run(t, events(t.test_case, sixteenths()), j)) return;
  if (!far.run(t, events(t.test_case, rare), j)) return;
  check_falling_and_convex(j, e, 16, Order::strict);
  check_equal(j, e.loss(15), known(0), "-log 1");
  for (std::int64_t i = 0; i < far.test_case.problem.n; ++i) {
    const Enclosure expected = scaled(log_of_two(), static_cast<double>(7 * i));
    check_equal(j, far.loss(i), known(expected, "k log 2"), at("-log 2^-k", i));
  }
}

Judgement penalty(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, 2, 257);
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    Evaluation e;
    if (!e.run(t, swept(c, r), j)) return j;
    check_falling_and_convex(j, e, kSweep, contested(c, r) ? Order::strict : Order::weak);
    e.judge(j);
  }
  if (!part_is_supported(t, event_problem(t.test_case.problem), j)) return j;
  printed_penalties(t, j);
  penalties_of_probabilities(t, j);
  return j;
}

/// Convexity: slope(x) <= (L(x + h) - L(x)) / h <= slope(x + h), and the slopes rise from -1
/// towards 0: steep when wrong, flat when right.
void check_slopes(Judgement& j, const Evaluation& e, std::int64_t n, double h, Order order,
                  std::int64_t k) {
  const Enclosure step = Enclosure::exact(h);
  for (std::int64_t i = 0; i + 1 < n; ++i) {
    const Value rise = e.loss(i + 1) - e.loss(i);
    check_order(j, step * e.grad(i, k), rise, order, at("the slope before a step", i));
    check_order(j, rise, step * e.grad(i + 1, k), order, at("the slope after a step", i));
    check_order(j, e.grad(i, k), e.grad(i + 1, k), order, at("flatter", i));
  }
}

/// In the logit the slope is -(1 - p_y); in the probability -1/p.
Judgement flat_when_right(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, 2, 257);
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    Evaluation e;
    if (!e.run(t, swept(c, r), j)) return j;
    const Order order = contested(c, r) ? Order::strict : Order::weak;
    check_slopes(j, e, kSweep, 1, order, c.label(r));
    for (std::int64_t i = 0; i < kSweep; ++i) {
      const Enclosure p = e.exact->probability(i, c.label(r));
      check_equal(j, e.grad(i, c.label(r)), known(p - Enclosure::exact(1), "p - 1"),
                  at("the slope p_y - 1", i));
    }
    e.judge(j);
  }
  Evaluation e;
  const TestCase single = events(t.test_case, sixteenths(), Dir::fwdbwd);
  if (!part_is_supported(t, single.problem, j) || !e.run(t, single, j)) return j;
  check_slopes(j, e, 16, 1.0 / 16, Order::strict, 0);
  for (std::int64_t i = 0; i < 16; ++i) {
    // p (-1/p) = -1, exactly in these products.
    check_equal(j, Enclosure::exact((static_cast<double>(i) + 1) / 16) * e.grad(i, 0), known(-1),
                at("the slope -1/p", i));
  }
  return j;
}

const std::vector<std::string> kTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> penalty_properties() {
  return {
      {"loss.penalty", "-log p falls to 0 as p nears 1, grows without end as p nears 0, convex.",
       "Order and convexity as the true logit goes from -8 to 8 and p from 1/16 to 1, strict of "
       "the kernel where the gap exceeds the bounds; k log 2 at 2^-k; the documents' 0.5 -> "
       "0.6931 and 0.8 -> 0.2231 to half a digit.",
       {"op=ce targets=index dir=fwd"}, {"dyadic", "gaussian", "ties", "iris"},
       "mutant/one-minus-p", every_substitute(), 0.5, penalty, {}, {kTypes}},
      {"loss.flat-when-right", "When p is high the loss falls slowly, when low fast.",
       "The slope in the true logit is -(1-p), in p it is -1/p: each within its bound, rising, "
       "and on either side of what a step gains.",
       {"op=ce targets=index dir=fwdbwd"}, {"dyadic", "gaussian", "ties", "iris"},
       "mutant/gradient-clipped", every_substitute(), 0.5, flat_when_right, {}, {kTypes}},
  };
}

}  // namespace xent
