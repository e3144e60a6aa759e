// SPDX-License-Identifier: Apache-2.0
#include "properties/evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "oracle/bound.h"
#include "properties/evaluation_calls.h"
#include "properties/ways.h"

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

double up(double x) { return std::nextafter(x, kInf); }

/// Sums and products of a few non-negative doubles, rounded up.
constexpr double kOutward = 1 + 0x1p-40;

/// What enclosures may be off by below the normal numbers, where no rounding is relative.
constexpr double kLeast = 4 * std::numeric_limits<double>::denorm_min();

double largest(DType d) {
  const Format f = format(d);
  return std::ldexp(2 - std::ldexp(1.0, 1 - f.precision), f.emax);
}

}  // namespace

std::function<Enclosure(int)> of_mathematics(const Problem& p,
                                             std::function<Enclosure(int)> exact) {
  if (p.dialect == "math") return exact;
  return [exact = std::move(exact)](int level) {
    const Enclosure e = exact(level);
    return e.is_number() ? e : Enclosure::special(Enclosure::Kind::undefined);
  };
}

bool Evaluation::run(Trial& t, const TestCase& c, Judgement& j, const BindOptions& o) {
  if (t.ways == 0 || t.kernel.supports(c.problem)) return run_itself(t, c, j, o);
  test_case = c;
  if (const auto calls = route(t.kernel, t.ways, c)) return run_in_other_words(t, *calls, j, o);
  if (may_be_the_oracles(t.ways, c.problem)) {
    take_from_oracle(t);
    return true;
  }
  ++j.excluded["no-other-words"];
  return false;
}

bool Evaluation::run_itself(Trial& t, const TestCase& c, Judgement& j, const BindOptions& o) {
  test_case = c;
  calls_.clear();
  by_oracle_ = false;
  RunRecord record;
  if (!run_into(t, c, j, record, o)) return false;
  output = std::move(record.output);
  budget = t.budget(c);
  exact = &t.reference(c);
  return true;
}

void Evaluation::judge(Judgement& j) const {
  for (const Evaluation& call : calls_) call.judge(j);
  if (calls_.empty() && !by_oracle_) judge_output(j, *exact, budget, output);
}

Value Evaluation::loss(std::int64_t i) const {
  if (!calls_.empty() || by_oracle_) {
    return has_loss() ? losses_[static_cast<std::size_t>(i)] : not_said(at("loss", i));
  }
  Reference* const ref = exact;
  const bool number = ref->loss(i).is_number();
  return {output.loss.at(i), number ? loss_bound(*ref, budget, i) : 0, budget.output,
          of_mathematics(test_case.problem, [ref, i](int level) { return ref->loss(i, level); }),
          at("loss", i)};
}

Value Evaluation::grad(std::int64_t row, std::int64_t j) const {
  if (!calls_.empty() || by_oracle_) {
    const auto i = static_cast<std::size_t>(row * test_case.problem.v + j);
    return has_grad() ? grads_[i] : not_said(at("grad", row, j));
  }
  Reference* const ref = exact;
  const bool number = ref->grad(row, j).is_number();
  return {output.grad.at(row * test_case.problem.v + j),
          number ? grad_bound(*ref, budget, row, j) : 0, budget.output,
          of_mathematics(test_case.problem,
                         [ref, row, j](int level) { return ref->grad(row, j, level); }),
          at("grad", row, j)};
}

Enclosure scaled(const Enclosure& e, double factor) {
  if (factor == 0) return Enclosure::exact(0);
  const double product = e.hi * factor, low = e.lo * factor;
  // The product of the high parts is product + rest exactly unless it is nearly subnormal.
  const double rest = std::fma(e.hi, factor, -product) + low;
  int exponent = 0;
  const bool exact = std::frexp(std::fabs(factor), &exponent) == 0.5;
  const double rounding = exact ? 0 : (std::fabs(rest) + std::fabs(low)) * 0x1p-52;
  const auto nearly_subnormal = [](double of, double x) {
    return of != 0 && std::fabs(x) < 0x1p-960;
  };
  // Three products, half a least double each.
  const bool least = nearly_subnormal(e.hi, product) || nearly_subnormal(e.lo, low);
  const double rad = e.rad * std::fabs(factor) + rounding;
  return {Enclosure::Kind::number, product, rest,
          (rad == 0 ? 0 : up(rad * kOutward)) +
              (least ? 2 * std::numeric_limits<double>::denorm_min() : 0)};
}

double upper(const Enclosure& e) { return up(e.hi + up(e.lo + e.rad)); }
double lower(const Enclosure& e) { return -upper({e.kind, -e.hi, -e.lo, e.rad}); }

Enclosure finite_exact(const Value& v) {
  const Enclosure e = v.exact(0);
  const bool safe = e.is_number() && magnitude_upper(e) + v.bound < largest(v.format);
  return safe || v.bound == kInf ? e : Enclosure::special(Enclosure::Kind::undefined);
}

Value scaled(const Value& v, double factor) {
  Value s = v;
  s.got = v.got * factor;
  // Half an ulp of the product, of the bound's own product a part in 2^40.
  s.bound = v.bound * std::fabs(factor) * kOutward + ulp(s.got, DType::f64) + kLeast;
  s.format = DType::f64;
  if (v.exact(0).is_number() && !finite_exact(v).is_number()) {
    s.exact = [](int) { return Enclosure::special(Enclosure::Kind::undefined); };
    return s;
  }
  s.exact = [exact = v.exact, factor](int level) {
    const Enclosure e = exact(level);
    return e.is_number() ? scaled(e, factor) : e;
  };
  return s;
}

Value derived(double got, double bound, const std::string& what, const Enclosure& exact) {
  return {got, bound, DType::f64, [exact](int) { return exact; }, what};
}

void Total::add(const Value& v) {
  const Enclosure e = finite_exact(v);
  got_.push_back(v.got);
  bound_ += v.bound;
  if (!exact_.is_number()) return;
  exact_ = e.is_number() ? exact_ + e : Enclosure::special(Enclosure::Kind::undefined);
}

Value Total::value(const std::string& what) const {
  const double sum = accurate_sum(got_);
  return derived(sum, bound_ * kOutward + ulp(sum, DType::f64) + kLeast, what, exact_);
}

/// An enclosure that was added up may be too wide for an output with a small bound, whose own
/// enclosure, which meets it, then takes its place.
static void judge_by_other(Judgement& j, const Value& v, const Value& other, double slack) {
  const Enclosure e = other.exact(0);
  const bool wide = e.is_number() && e.rad * 8 > v.bound + slack;
  if (wide) {
    j.merge(judge_value(v.got, v.format, v.bound, v.what, v.exact));
  } else {
    j.merge(judge_value(v.got, v.format, v.bound + slack, v.what, other.exact));
  }
}

void agree(Judgement& j, const Value& a, const Value& b, double slack) {
  const Enclosure x = a.exact(0), y = b.exact(0);
  using Kind = Enclosure::Kind;
  if (x.kind == Kind::undefined || y.kind == Kind::undefined) {
    ++j.excluded["undefined"];
    return;
  }
  j.check(x.kind == y.kind, "the exact values of " + a.what + " differ in kind");
  if (x.is_number() && y.is_number()) {
    if (a.bound == kInf || b.bound == kInf) {
      if (std::isnan(a.got) || std::isnan(b.got)) j.check(false, a.what + " is NaN");
      ++j.excluded["no-bound"];
      return;
    }
    j.check(magnitude_lower(x - y) <= slack, "the exact values of " + a.what + " differ");
    const double bound = (a.bound + b.bound + slack) * kOutward + ulp(a.got - b.got, DType::f64);
    if (!std::isinf(a.got) && !std::isinf(b.got)) {
      check_close(j, a.got, b.got, bound, false, a.what + " and its equal");
    }
  }
  judge_by_other(j, a, b, slack);
  judge_by_other(j, b, a, slack);
}

void check_zero(Judgement& j, const Value& v, const std::string& why) {
  if (v.exact(0).is_number()) {
    j.check(v.got == 0, why + ", not 0: " + v.what);
  } else {
    ++j.excluded["undefined"];
  }
}

TestCase corner(const TestCase& c, std::int64_t rows, std::int64_t classes) {
  std::vector<std::int64_t> first;
  const std::int64_t t = c.problem.t;
  const std::int64_t kept = std::min(c.problem.n, std::max<std::int64_t>(1, rows / t) * t);
  for (std::int64_t r = 0; r < kept; ++r) first.push_back(r);
  // Whole sequences keep their shift, which keep_rows would resolve.
  TestCase out = c;
  out.problem.shift = false;
  if (kept < c.problem.n) out = keep_rows(out, first);
  out.problem.shift = c.problem.shift;
  if (c.problem.v <= classes) return out;
  std::set<std::int64_t> wanted;
  for (std::int64_t k = 0; k < classes; ++k) wanted.insert(k);
  for (std::int64_t r = 0; r < kept && !has_vector_targets(c.problem); ++r) {
    const std::int64_t y = c.problem.takes_targets() ? out.label(r) : 0;
    if (y >= 0 && y < c.problem.v) wanted.insert(y);
  }
  return keep_classes(out, {wanted.begin(), wanted.end()});
}

TestCase copies(const TestCase& c, std::int64_t row, std::int64_t n) {
  return keep_rows(c, std::vector<std::int64_t>(static_cast<std::size_t>(n), row));
}

TestCase packed(const TestCase& given) {
  const TestCase c = unshifted(given);
  std::vector<std::int64_t> rows;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    if (c.scored_class(r)) rows.push_back(r);
  }
  TestCase out = keep_rows(c, rows);
  out.problem.ignore_index.reset();
  out.problem.layout = Layout::nc;
  out.problem.t = 1;
  return out;
}

namespace {

void check_zero_row(Judgement& j, const Evaluation& e, std::int64_t row) {
  for (std::int64_t k = 0; e.has_grad() && k < e.test_case.problem.v; ++k) {
    check_zero(j, e.grad(row, k), "of an ignored row");
  }
  if (e.has_loss() && e.test_case.problem.reduction == Reduction::none) {
    check_zero(j, e.loss(row), "of an ignored row");
  }
}

}  // namespace

void agree_with_packed(Judgement& j, Trial& t, const TestCase& c) {
  Evaluation all, counted;
  if (!all.run(t, c, j)) return;
  const TestCase fewer = packed(c);
  const bool some = fewer.problem.n > 0;
  if (!some) ++j.excluded["nothing-counts"];
  if (some && !counted.run(t, fewer, j)) return;
  const bool by_row = c.problem.reduction == Reduction::none;
  if (some && !by_row && c.problem.wants_loss()) agree(j, all.loss(0), counted.loss(0));
  std::int64_t next = 0;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    if (!c.scored_class(r)) {
      check_zero_row(j, all, r);
      continue;
    }
    const std::int64_t i = next++;
    if (by_row && c.problem.wants_loss()) agree(j, all.loss(r), counted.loss(i));
    for (std::int64_t k = 0; c.problem.wants_grad() && k < c.problem.v; ++k) {
      agree(j, all.grad(r, k), counted.grad(i, k));
    }
  }
}

Problem with(const Problem& p, Dir dir, Reduction reduction) {
  TestCase c;
  c.problem = p;
  return with(c, dir, reduction).problem;
}

}  // namespace xent
