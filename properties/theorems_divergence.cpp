// SPDX-License-Identifier: Apache-2.0
// Gibbs' inequality and what follows from it. Vectors of floats do not sum to 1: the inequalities
// are those of masses P = sum p, Q = sum q, and the textbook's where both are exactly 1.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <optional>

#include "properties/relations.h"

namespace xent {
namespace {

/// The enclosure of a smaller product may be wider than the product.
constexpr double kCoarse = 0x1p-900;

/// Where p is a multiple of q there is equality; nothing where products of subnormal numbers are
/// too coarse to tell.
std::optional<bool> proportional(const std::vector<double>& p, const std::vector<double>& q) {
  bool certain = true;
  const auto pivot = static_cast<std::size_t>(std::max_element(q.begin(), q.end()) - q.begin());
  for (std::size_t k = 0; k < p.size(); ++k) {
    const Enclosure cross = scaled(Enclosure::exact(p[k]), q[pivot]) -
                            scaled(Enclosure::exact(q[k]), p[pivot]);
    if (magnitude_lower(cross) > 0) return false;
    const bool zero = p[k] == 0 && q[k] == 0;
    certain &= zero || (p[k] * q[pivot] >= kCoarse && q[k] * p[pivot] >= kCoarse);
  }
  if (certain) return true;
  return std::nullopt;
}

/// The divergence against P log(P/Q): at least as large, equal iff p and q are proportional.
void check_gibbs(Judgement& j, const Value& divergence, const TestCase& c, std::int64_t r) {
  const std::int64_t v = c.problem.v;
  const Value least =
      known(mass_term(mass(c.target, r, v), mass(c.input, r, v)), "P log(P/Q)");
  const auto equal = proportional(row_of(c.target, r, v), row_of(c.input, r, v));
  if (!equal) {
    ++j.excluded["too-coarse-to-tell"];
  } else if (*equal) {
    check_equal(j, divergence, least, at("P log(P/Q) where p = cq", r));
  } else {
    check_order(j, least, divergence, Order::strict, at("P log(P/Q) <= sum p log(p/q)", r));
  }
}

/// q = p / 2: p is proportional to it, and the divergence P log 2. Inexact only below the normal
/// numbers, where halves are rounded.
TestCase with_half_of_p(const TestCase& c) {
  TestCase half = c;
  for (std::int64_t i = 0; i < half.input.size(); ++i) half.input.set(i, c.target.at(i) / 2);
  return half;
}

/// H(p,q) - H(p), of the case and of q = p / 2.
Judgement gibbs(Trial& t) {
  Judgement j;
  const TestCase half = with_half_of_p(t.test_case);
  Evaluation entropy;
  if (!entropy.run(t, with_op(t.test_case, Op::entropy), j)) return j;
  for (const TestCase* c : std::initializer_list<const TestCase*>{&t.test_case, &half}) {
    Evaluation cross;
    if (!cross.run(t, *c, j)) return j;
    for (std::int64_t r = 0; r < c->problem.n; ++r) {
      check_gibbs(j, cross.loss(r) - entropy.loss(r), *c, r);
    }
    cross.judge(j);
  }
  return j;
}

Judgement kl(Trial& t) {
  Judgement j;
  const TestCase half = with_half_of_p(t.test_case);
  TestCase equal = t.test_case;
  equal.input = equal.target;
  for (const TestCase* c : std::initializer_list<const TestCase*>{&t.test_case, &half, &equal}) {
    Evaluation divergence;
    if (!divergence.run(t, *c, j)) return j;
    for (std::int64_t r = 0; r < c->problem.n; ++r) check_gibbs(j, divergence.loss(r), *c, r);
    divergence.judge(j);
  }
  return j;
}

TestCase swapped(const TestCase& c) {
  TestCase s = c;
  std::swap(s.input, s.target);
  return s;
}

/// q is p in reverse: exchanging the two only reorders the sum.
TestCase mirrored(const TestCase& c) {
  TestCase m = c;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const std::vector<double> p = row_of(c.target, r, c.problem.v);
    store_row(m.input, r, {p.rbegin(), p.rend()});
  }
  return m;
}

/// p = (3/4, 1/4), q = (1/2, 1/2): KL 0.131 against 0.144, H(p,q) 0.693 against 0.837.
TestCase witness(const TestCase& c) {
  Problem p = plain(c.problem, c.problem.op, TargetKind::prob);
  TestCase w = blank(p, c.recipe, 1, 2);
  store_row(w.target, 0, {0.75, 0.25});
  store_row(w.input, 0, {0.5, 0.5});
  return w;
}

/// f(p,q) against f(q,p) row by row: equal, or told apart where the bounds allow.
std::int64_t compare_with_swapped(Trial& t, const TestCase& c, bool equal, Judgement& j) {
  Evaluation one, other;
  if (!one.run(t, c, j) || !other.run(t, swapped(c), j)) return 0;
  std::int64_t told_apart = 0;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    if (equal) {
      check_equal(j, one.loss(r), other.loss(r), at("p, q and q, p of a mirrored pair", r));
    } else {
      told_apart += check_differ(j, one.loss(r), other.loss(r), at("p, q and q, p", r)) ? 1 : 0;
    }
  }
  one.judge(j);
  other.judge(j);
  return told_apart;
}

Judgement asymmetry(Trial& t) {
  Judgement j;
  j.check(compare_with_swapped(t, witness(t.test_case), false, j) == 1,
          "(3/4, 1/4) and (1/2, 1/2) are not told apart");
  compare_with_swapped(t, corner(t.test_case, 8, 257), false, j);
  compare_with_swapped(t, corner(mirrored(t.test_case), 4, t.test_case.problem.v), true, j);
  return j;
}

constexpr std::int64_t kSteps = 8;

/// Rows q_t = p + t (q - p), t = 0, 1/8, ... 1; false where the type does not hold one exactly.
bool ray(const TestCase& c, std::int64_t row, TestCase& out) {
  const std::int64_t v = c.problem.v;
  out = blank(plain(c.problem, c.problem.op, TargetKind::prob), c.recipe, kSteps + 1, v);
  const std::vector<double> p = row_of(c.target, row, v), q = row_of(c.input, row, v);
  bool exact = true;
  for (std::int64_t i = 0; i <= kSteps; ++i) {
    const double s = static_cast<double>(i) / static_cast<double>(kSteps);
    std::vector<double> at_s(p.size());
    for (std::size_t k = 0; k < p.size(); ++k) at_s[k] = (1 - s) * p[k] + s * q[k];
    exact &= store_row(out.target, i, p) && store_row(out.input, i, at_s);
  }
  return exact;
}

/// p and q have one mass: without, the divergence may fall along the ray.
bool same_mass(const TestCase& c, std::int64_t row) {
  const std::int64_t v = c.problem.v;
  const Enclosure gap = mass(c.target, row, v) - mass(c.input, row, v);
  return gap.hi == 0 && gap.lo == 0 && gap.rad == 0;
}

/// Along the ray from p to q the divergence is convex and never falls.
Judgement divergence_grows(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, 3, 1025);
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    TestCase along;
    Evaluation e;
    if (!same_mass(c, r)) {
      ++j.excluded["masses-differ"];
      continue;
    }
    if (!ray(c, r, along)) {
      ++j.excluded["inexact-ray"];
      continue;
    }
    if (!e.run(t, along, j)) return j;
    const bool moves = row_of(c.target, r, c.problem.v) != row_of(c.input, r, c.problem.v);
    const Order order = moves ? Order::strict : Order::weak;
    for (std::int64_t i = 0; i < kSteps; ++i) {
      check_order(j, e.loss(i), e.loss(i + 1), order, at("non-decreasing along the ray", r, i));
    }
    for (std::int64_t i = 1; i < kSteps; ++i) {
      check_order(j, e.loss(i) + e.loss(i), e.loss(i - 1) + e.loss(i + 1), order,
                  at("convex along the ray", r, i));
    }
    e.judge(j);
  }
  return j;
}

/// One row of the binary divergence kl(a || b).
struct Pair {
  double a;
  double b;
};

bool binary_case(const TestCase& c, const std::vector<Pair>& pairs, TestCase& out) {
  out = blank(plain(c.problem, Op::kl, TargetKind::prob), c.recipe,
              static_cast<std::int64_t>(pairs.size()), 2);
  bool exact = true;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto r = static_cast<std::int64_t>(i);
    exact &= store_row(out.target, r, {pairs[i].a, 1 - pairs[i].a});
    exact &= store_row(out.input, r, {pairs[i].b, 1 - pairs[i].b});
  }
  return exact;
}

/// kl(a||a/r) >= kl(b||rb) for r b <= a, r = 2^k; the first is at least a k log 2 - log 2, hence
/// unbounded in r, the second at most -log(1 - rb).
void underestimate(Trial& t, Judgement& j, double a, double b, int k) {
  const double factor = std::ldexp(1.0, k);
  TestCase pairs;
  Evaluation e, at_most;
  if (!binary_case(t.test_case, {{a, a / factor}, {b, b * factor}}, pairs)) {
    ++j.excluded["inexact-factor"];
    return;
  }
  if (!e.run(t, pairs, j) || !at_most.run(t, events(t.test_case, {1 - b * factor}), j)) return;
  check_order(j, e.loss(1), e.loss(0), Order::weak, "kl(b||rb) <= kl(a||a/r)");
  check_order(j, e.loss(1), at_most.loss(0), Order::strict, "kl(b||rb) <= -log(1 - rb)");
  const Enclosure least = scaled(log_of_two(), a * k - 1);
  check_order(j, known(least, "a k log 2 - log 2"), e.loss(0), Order::weak,
              "kl(a||a/r) grows with log r");
  e.judge(j);
}

/// Pairs of classes of each row of p with p_a >= 2^k p_b > 0.
Judgement underestimate_costs(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, 6, 33);
  const std::int64_t v = c.problem.v;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const std::vector<double> p = row_of(c.target, r, v);
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double a = p[i], b = p[(i + 1) % p.size()];
      for (int k = 1; k <= 40; k = k < 3 ? k + 1 : 2 * k) {
        if (b > 0 && a < 1 && std::ldexp(b, k) <= a) underestimate(t, j, a, b, k);
      }
    }
  }
  return j;
}

const std::vector<std::string> kTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};
const std::vector<std::string> kPairs = {"simplex",      "dyadic-simplex", "near-equal", "uniform",
                                         "unnormalised", "proportional"};

}  // namespace

std::vector<Property> divergence_properties() {
  return {
      {"info.gibbs", "H(p,q) >= H(p), equal iff p = q.",
       "For masses: H(p,q) - H(p) >= P log(P/Q), equal where p and q are proportional; the "
       "textbook's form where both sum to exactly 1. Strict of the kernel where the gap exceeds "
       "the bounds.",
       {"op=cross-entropy targets=prob"}, kPairs, "mutant/cross-entropy-arguments-swapped",
       every_substitute(), 0.5, gibbs,
       [](const Problem& p) {
         return std::vector<Problem>{plain(p, Op::entropy, TargetKind::index)};
       },
       {kTypes}},
      {"info.kl", "KL(p||q) = sum p log(p/q) >= 0, zero iff p = q.",
       "For masses: KL >= P log(P/Q), equal where p and q are proportional. Near p = q the bound "
       "follows from the conditioning there.",
       {"op=kl targets=prob"}, kPairs, "mutant/log2-in-kl", every_substitute(), 0.5, kl, {},
       {kTypes}},
      {"info.asymmetry", "H(p,q) and H(q,p), KL(p||q) and KL(q||p) differ in general.",
       "The kernel tells (3/4, 1/4) and (1/2, 1/2) apart, and every pair whose gap exceeds the "
       "bounds; for q the mirror of p the two orders agree.",
       {"op=cross-entropy,kl targets=prob"}, {"simplex", "dyadic-simplex", "tiny"},
       "mutant/symmetric-divergence", every_substitute(), 0.5, asymmetry, {},
       {kTypes, {"", "unit=bits"}}},
      {"info.divergence-grows", "The further q from p, the larger H(p,q).",
       "Along q_t = (1-t) p + t r in exact numbers: non-decreasing in t, and convex.",
       {"op=cross-entropy,kl targets=prob"}, {"dyadic-simplex"},
       "mutant/cross-entropy-arguments-swapped", every_substitute(), 0.5, divergence_grows, {},
       {{"", "dtype=f64", "dtype=f16"}}},
      {"info.underestimate-costs", "Underestimating a likely event costs more.",
       "By equal factor r: kl(a||a/r) >= kl(b||rb) for rb <= a. The first is unbounded in r, the "
       "second at most -log(1 - rb).",
       {"op=kl targets=prob"}, {"dyadic-simplex"}, "mutant/log2-in-kl", every_substitute(), 0.5,
       underestimate_costs,
       [](const Problem& p) { return std::vector<Problem>{event_problem(p)}; },
       {{"", "dtype=f64", "dtype=f16"}}},
  };
}

}  // namespace xent
