// SPDX-License-Identifier: Apache-2.0
// The entropy: what it is, between what it lies, in what order.
#include <algorithm>
#include <cmath>

#include "properties/relations.h"

namespace xent {
namespace {

/// The case with one more class, whose probability is 0.
TestCase with_impossible_class(const TestCase& c) {
  const std::int64_t v = c.problem.v;
  TestCase more = blank(plain(c.problem, Op::entropy, TargetKind::index), c.recipe, c.problem.n,
                        v + 1);
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    std::vector<double> p = row_of(c.input, r, v);
    p.insert(p.begin() + r % (v + 1), 0.0);
    store_row(more.input, r, p);
  }
  return more;
}

TestCase reversed_classes(const TestCase& c) {
  std::vector<std::int64_t> order;
  for (std::int64_t k = c.problem.v; k-- > 0;) order.push_back(k);
  return keep_classes(c, order);
}

/// The mean of the kernel's own self-informations, on the first two rows.
void is_expected_self_information(Trial& t, Judgement& j) {
  const TestCase few = corner(t.test_case, 2, 130);
  Evaluation whole;
  if (!whole.run(t, few, j)) return;
  for (std::int64_t r = 0; r < few.problem.n; ++r) {
    const std::vector<double> p = row_of(few.input, r, few.problem.v);
    Evaluation each;
    if (!each.run(t, events(few, p), j)) return;
    Value mean = known(0);
    for (std::int64_t k = 0; k < few.problem.v; ++k) {
      const double weight = p[static_cast<std::size_t>(k)];
      if (weight != 0) mean = mean + Enclosure::exact(weight) * each.loss(k);
    }
    check_equal(j, whole.loss(r), mean, at("the mean self-information", r));
  }
}

Judgement entropy(Trial& t) {
  Judgement j;
  Evaluation base, more, reversed;
  if (!base.run(t, t.test_case, j) || !more.run(t, with_impossible_class(t.test_case), j) ||
      !reversed.run(t, reversed_classes(t.test_case), j)) {
    return j;
  }
  base.judge(j);
  for (std::int64_t r = 0; r < t.test_case.problem.n; ++r) {
    check_equal(j, base.loss(r), more.loss(r), at("an impossible class adds nothing", r));
    check_equal(j, base.loss(r), reversed.loss(r), at("the order of the classes", r));
  }
  is_expected_self_information(t, j);
  return j;
}

std::vector<Problem> self_information_of(const Problem& p) { return {event_problem(p)}; }

Enclosure minus(const Enclosure& e) { return e.is_number() ? Enclosure::exact(0) - e : e; }

/// Of a row: one value for all classes / all on one class. Equality on the right / on the left.
bool is_uniform(const std::vector<double>& p) {
  return std::all_of(p.begin(), p.end(), [&](double x) { return x == p.front(); });
}
bool is_one_hot(const std::vector<double>& p) {
  return std::all_of(p.begin(), p.end(), [](double x) { return x == 0 || x == 1; });
}

/// 0 <= H(p) where p <= 1, and H(p) <= P log(C/P); with P = 1 that is log C.
Judgement entropy_bounds(Trial& t) {
  Judgement j;
  const std::int64_t v = t.test_case.problem.v;
  Evaluation e;
  if (!e.run(t, t.test_case, j)) return j;
  for (std::int64_t r = 0; r < t.test_case.problem.n; ++r) {
    const std::vector<double> p = row_of(t.test_case.input, r, v);
    const Enclosure P = mass(t.test_case.input, r, v);
    const Value most = known(
        minus(mass_term(P, Enclosure::exact(static_cast<double>(v)))), "P log(C/P)");
    if (*std::max_element(p.begin(), p.end()) <= 1) {
      check_order(j, known(0), e.loss(r), is_one_hot(p) ? Order::weak : Order::strict,
                  at("0 <= H(p)", r));
    }
    if (is_one_hot(p)) check_equal(j, e.loss(r), known(0), at("H = 0 at one-hot", r));
    if (is_uniform(p)) {
      check_equal(j, e.loss(r), most, at("H = P log(C/P) at uniform", r));
    } else {
      check_order(j, e.loss(r), most, Order::strict, at("H(p) <= P log(C/P)", r));
    }
  }
  e.judge(j);
  return j;
}

/// Rows made from the rows of a case: what is more even than which.
struct Evened {
  TestCase test_case;
  std::vector<std::int64_t> from;  ///< row of the case
};

std::int64_t index_of(const std::vector<double>& p, std::vector<double>::const_iterator it) {
  return it - p.begin();
}

/// From the richest to the poorest class: half of what makes them equal, then all of it.
std::vector<std::vector<double>> robin_hood(const std::vector<double>& p) {
  const auto rich = index_of(p, std::max_element(p.begin(), p.end()));
  const auto poor = index_of(p, std::min_element(p.begin(), p.end()));
  std::vector<std::vector<double>> made;
  for (const double share : {0.25, 0.5}) {
    std::vector<double> q = p;
    const double gift = (p[static_cast<std::size_t>(rich)] - p[static_cast<std::size_t>(poor)]) *
                        share;
    q[static_cast<std::size_t>(rich)] -= gift;
    q[static_cast<std::size_t>(poor)] += gift;
    made.push_back(q);
  }
  return made;
}

/// Half of p and half of the uniform distribution, or of p moved by one class.
std::vector<std::vector<double>> mixed(const std::vector<double>& p) {
  const std::size_t v = p.size();
  std::vector<double> with_uniform(v), with_moved(v);
  for (std::size_t k = 0; k < v; ++k) {
    with_uniform[k] = p[k] / 2 + 0.5 / static_cast<double>(v);
    with_moved[k] = p[k] / 2 + p[(k + 1) % v] / 2;
  }
  return {with_uniform, with_moved};
}

bool exact_sums(const std::vector<double>& p, const std::vector<double>& q) {
  Enclosure gap = Enclosure::exact(0);
  for (std::size_t k = 0; k < p.size(); ++k) {
    gap = gap + (Enclosure::exact(q[k]) - Enclosure::exact(p[k]));
  }
  return gap.hi == 0 && gap.lo == 0 && gap.rad == 0;
}

/// Every row of the case made more even in each way whose result the type holds exactly.
Evened evened(const TestCase& c, Judgement& j) {
  const std::int64_t v = c.problem.v;
  std::vector<std::vector<double>> rows;
  Evened out;
  Tensor scratch(c.problem.dtype, {1, v});
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const std::vector<double> p = row_of(c.input, r, v);
    std::vector<std::vector<double>> ways = robin_hood(p);
    for (auto& q : mixed(p)) ways.push_back(std::move(q));
    for (auto& q : ways) {
      if (store_row(scratch, 0, q) && exact_sums(p, q)) {
        rows.push_back(std::move(q));
        out.from.push_back(r);
      } else {
        ++j.excluded["inexact-transfer"];
      }
    }
  }
  out.test_case = blank(plain(c.problem, Op::entropy, TargetKind::index), c.recipe,
                        static_cast<std::int64_t>(rows.size()), v);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    store_row(out.test_case.input, static_cast<std::int64_t>(i), rows[i]);
  }
  return out;
}

bool same_multiset(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

Judgement entropy_order(Trial& t) {
  Judgement j;
  const TestCase few = corner(t.test_case, 8, 1025);
  const Evened even = evened(few, j);
  Evaluation before, after;
  if (even.from.empty() || !before.run(t, few, j) || !after.run(t, even.test_case, j)) return j;
  before.judge(j);
  after.judge(j);
  const std::int64_t v = few.problem.v;
  for (std::size_t i = 0; i < even.from.size(); ++i) {
    const auto at_i = static_cast<std::int64_t>(i);
    const bool moved = !same_multiset(row_of(few.input, even.from[i], v),
                                      row_of(even.test_case.input, at_i, v));
    check_order(j, before.loss(even.from[i]), after.loss(at_i),
                moved ? Order::strict : Order::weak, at("the more even has more entropy", at_i));
  }
  return j;
}

const std::vector<std::string> kTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> entropy_properties() {
  return {
      {"info.entropy", "H(p) = -sum p log p is the mean self-information.",
       "Within its bound; an impossible class adds nothing, the order of the classes does not "
       "matter; and the mean of the self-informations that the same kernel gives.",
       {"op=entropy"},
       {"simplex", "dyadic-simplex", "one-hot", "uniform", "tiny", "unnormalised"},
       "mutant/entropy-last-class-dropped", every_substitute(), 0.5, entropy, self_information_of,
       {kTypes, {"", "unit=bits"}}},
      {"info.entropy-bounds", "0 <= H(p) <= log C.",
       "For masses P = sum p: H(p) <= P log(C/P), equal where p is uniform; 0 where p is "
       "one-hot; strict elsewhere, of the kernel's value where the gap exceeds its bound.",
       {"op=entropy"},
       {"simplex", "dyadic-simplex", "one-hot", "uniform", "tiny", "unnormalised"},
       "mutant/entropy-last-class-dropped", every_substitute(), 0.5, entropy_bounds, {},
       {kTypes}},
      {"info.entropy-order", "The more even the distribution, the larger its entropy.",
       "Taking from the richest class for the poorest, mixing with the uniform distribution and "
       "with the classes moved by one: all in exact numbers, none lowers H.",
       {"op=entropy"}, {"dyadic-simplex", "one-hot", "uniform"},
       "mutant/entropy-last-class-dropped", every_substitute(), 0.5, entropy_order, {},
       {kTypes}},
  };
}

}  // namespace xent
