// SPDX-License-Identifier: Apache-2.0
#include "properties/relations.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "properties/ways.h"

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();
const Enclosure kNone = Enclosure::special(Enclosure::Kind::undefined);

/// A bound and a rounding of the result to binary64. A wrong infinity does not widen it.
double rounded(double bound, double result) {
  const double rounding = std::isfinite(result) ? std::fabs(result) * 0x1p-52 : 0;
  return bound * (1 + 0x1p-50) + rounding + kLeast;
}

std::string number(double x) { return std::isnan(x) ? "NaN" : fmt::format("{:.17g}", x); }

/// Nothing to compare: counted by name.
bool left_out(Judgement& j, const Value& gap) {
  if (!gap.exact(0).is_number()) {
    ++j.excluded["no-number"];
  } else if (gap.bound == kInf && !std::isnan(gap.got)) {
    ++j.excluded["no-bound"];
  } else {
    return false;
  }
  return true;
}

}  // namespace

Value known(double x, const std::string& what) { return known(Enclosure::exact(x), what); }

Value known(const Enclosure& e, const std::string& what) {
  return derived(e.hi, std::fabs(e.lo) + e.rad, what, e);
}

Value operator+(const Value& a, const Value& b) {
  const Enclosure x = finite_exact(a), y = finite_exact(b);
  const double sum = a.got + b.got;
  return derived(sum, rounded(a.bound + b.bound, sum), a.what + " + " + b.what,
                 x.is_number() && y.is_number() ? x + y : kNone);
}

Value operator-(const Value& a, const Value& b) {
  const Enclosure x = finite_exact(a), y = finite_exact(b);
  const double gap = a.got - b.got;
  return derived(gap, rounded(a.bound + b.bound, gap), a.what + " - " + b.what,
                 x.is_number() && y.is_number() ? x - y : kNone);
}

Value operator*(const Enclosure& c, const Value& v) {
  const Enclosure x = finite_exact(v);
  const double got = c.hi * v.got;
  // The factor's distance to its leading double: |lo| + rad.
  const double off = std::isfinite(v.got) ? (std::fabs(c.lo) + c.rad) * std::fabs(v.got) : 0;
  return derived(got, rounded(magnitude_upper(c) * v.bound + off, got), v.what,
                 x.is_number() ? product(c, x) : kNone);
}

void check_equal(Judgement& j, const Value& a, const Value& b, const std::string& what) {
  const Value gap = a - b;
  if (left_out(j, gap)) return;
  if (magnitude_lower(gap.exact(0)) > 0) j.check(false, what + ": the exact values differ");
  j.check(std::fabs(gap.got) <= gap.bound,
          fmt::format("{}: {} and {} differ, bound {:.3g}", what, number(a.got), number(b.got),
                      gap.bound));
}

void check_order(Judgement& j, const Value& less, const Value& more, Order order,
                 const std::string& what) {
  const Value gap = more - less;
  if (left_out(j, gap)) return;
  const Enclosure e = gap.exact(0);
  const bool equal = e.hi == 0 && e.lo == 0 && e.rad == 0;
  if (upper(e) < 0 || (order == Order::strict && equal)) {
    j.check(false, what + ": the exact values are not in order");
  }
  const bool clear = e.hi > 0 && magnitude_lower(e) > gap.bound;
  j.check(clear ? gap.got > 0 : gap.got >= -gap.bound,
          fmt::format("{}: {} should be {} {}, bound {:.3g}", what, number(less.got),
                      clear ? "below" : "at most", number(more.got), gap.bound));
}

bool check_differ(Judgement& j, const Value& a, const Value& b, const std::string& what) {
  const Value gap = a - b;
  if (left_out(j, gap)) return false;
  if (magnitude_lower(gap.exact(0)) <= gap.bound) {
    ++j.excluded["gap-within-bounds"];
    return false;
  }
  j.check(gap.got != 0, fmt::format("{}: both {}", what, number(a.got)));
  return true;
}

bool certainly_positive(const Enclosure& e) { return e.is_number() && lower(e) > 0; }

Enclosure product(const Enclosure& a, const Enclosure& b) {
  if (!a.is_number() || !b.is_number()) return kNone;
  Enclosure e = scaled(a, b.hi);
  if (b.lo != 0) e = e + scaled(a, b.lo);
  e.rad += magnitude_upper(a) * b.rad * (1 + 0x1p-50);
  return e;
}

Enclosure log_of_two() {
  return {Enclosure::Kind::number, 0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56, 0x1p-109};
}

Enclosure mass_term(const Enclosure& P, const Enclosure& Q) {
  if (!(P.hi > 0) || !(Q.hi > 0)) return kNone;
  Problem p;
  p.dtype = DType::f64;
  TestCase c = blank(plain(p, Op::kl, TargetKind::prob), {}, 1, 1);
  c.input.set(0, Q.hi);
  c.target.set(0, P.hi);
  Enclosure e = Reference(c).row_loss(0);
  // d/dP = log(P/Q) + 1, d/dQ = -P/Q; twice that covers the curvature at 2^-52 relative.
  const double dP = std::fabs(P.lo) + P.rad, dQ = std::fabs(Q.lo) + Q.rad;
  e.rad += 2 * ((std::fabs(std::log(P.hi / Q.hi)) + 1) * dP + P.hi / Q.hi * dQ);
  return e;
}

Enclosure mass(const Tensor& t, std::int64_t row, std::int64_t v) {
  Enclosure sum = Enclosure::exact(0);
  for (std::int64_t k = 0; k < v; ++k) sum = sum + Enclosure::exact(t.at(row * v + k));
  return sum;
}

Problem plain(const Problem& like, Op op, TargetKind targets, Dir dir) {
  Problem p;
  p.op = op;
  p.dir = dir;
  p.n = like.n;
  p.v = like.v;
  p.targets = targets;
  p.dtype = like.dtype;
  p.accumulate = like.accumulate;
  p.output = like.output;
  p.dialect = like.dialect;
  p.unit = like.unit;
  return p;
}

bool part_is_supported(const Trial& t, const Problem& p, Judgement& j) {
  if (t.kernel.supports(p) || can_be_asked(t.kernel, t.ways, p)) return true;
  ++j.excluded["part-unsupported"];
  return false;
}

TestCase blank(const Problem& p, const Recipe& recipe, std::int64_t n, std::int64_t v) {
  TestCase c;
  c.problem = p;
  c.problem.n = n;
  c.problem.v = v;
  c.recipe = recipe;
  c.input = Tensor(p.dtype, {n, v});
  if (has_vector_targets(p)) {
    c.target = Tensor(p.dtype, {n, v});
  } else if (p.takes_targets()) {
    c.target = Tensor(DType::i64, {n});
  }
  return c;
}

Problem event_problem(const Problem& like, Dir dir) {
  return plain(like, Op::cross_entropy, TargetKind::index, dir);
}

TestCase events(const TestCase& like, const std::vector<double>& probabilities, Dir dir) {
  const auto n = static_cast<std::int64_t>(probabilities.size());
  TestCase c = blank(event_problem(like.problem, dir), like.recipe, n, 1);
  for (std::int64_t i = 0; i < n; ++i) {
    c.input.set(i, probabilities[static_cast<std::size_t>(i)]);
  }
  return c;
}

std::vector<double> row_of(const Tensor& t, std::int64_t row, std::int64_t v) {
  std::vector<double> values;
  for (std::int64_t k = 0; k < v; ++k) values.push_back(t.at(row * v + k));
  return values;
}

bool store_row(Tensor& t, std::int64_t row, const std::vector<double>& values) {
  bool exact = true;
  const auto v = static_cast<std::int64_t>(values.size());
  for (std::int64_t k = 0; k < v; ++k) {
    const double x = values[static_cast<std::size_t>(k)];
    t.set(row * v + k, x);
    exact &= t.at(row * v + k) == x;
  }
  return exact;
}

}  // namespace xent
