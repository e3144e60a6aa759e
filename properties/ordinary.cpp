// SPDX-License-Identifier: Apache-2.0
#include "properties/ordinary.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

namespace xent {
namespace {

/// Factors of a loss: a few of them leave room for a logit of half the format's exponents.
constexpr double kMostFactor = 0x1p20;

bool is_factor(double x) { return std::fabs(x) <= kMostFactor; }
bool is_mass(double x) { return x >= 0 && x <= kMostFactor; }
bool is_weight(double x) { return x == 0 || (x >= 1 / kMostFactor && x <= kMostFactor); }

/// How far logits may come to the largest number.
enum class Reach { half_of_exponents, far, all };

bool is_logit(double x, DType accumulate, Reach reach, bool binary) {
  if (reach == Reach::all) return !std::isnan(x);
  if (std::isinf(x)) return binary || x < 0;
  const int emax = format(accumulate).emax;
  return std::fabs(x) <= std::ldexp(1.0, reach == Reach::far ? emax - 24 : emax / 2);
}

bool is_binary(Op op) {
  return op == Op::bce_logits || op == Op::bce_prob || op == Op::mse_sigmoid;
}

/// What a theorem takes for a number to speak of.
struct Ordinary {
  bool any_logit = false;  ///< NaN and +inf too
  Reach reach = Reach::half_of_exponents;

  bool input(double x, const Problem& p, DType accumulate) const {
    // A cap leaves no logit large.
    const Reach capped = p.softcap > 0 ? Reach::all : reach;
    switch (p.op) {
      case Op::bce_prob: return x >= 0 && x <= 1;
      case Op::entropy:
      case Op::cross_entropy:
      case Op::kl: return is_mass(x);
      default: return any_logit || is_logit(x, accumulate, capped, is_binary(p.op));
    }
  }
  bool row(const TestCase&, DType accumulate, std::int64_t row) const;
  std::vector<std::int64_t> rows(Trial&) const;
};

/// What all rows share.
bool shares_ordinary(const TestCase& c) {
  for (std::int64_t k = 0; k < c.weight.size() && c.problem.weights; ++k) {
    if (!is_weight(c.weight.at(k))) return false;
  }
  return c.problem.upstream != Upstream::scalar || is_factor(c.upstream_of(0));
}

/// A theorem seen through another case than the trial's.
class PartTrial : public Trial {
 public:
  PartTrial(Trial& whole, TestCase part)
      : Trial(part_, whole.kernel), part_(std::move(part)), whole_(whole) {
    ways = whole.ways;
  }
  RunRecord run(const TestCase& c, const BindOptions& o) override { return whole_.run(c, o); }
  Reference& reference(const TestCase& c) override { return whole_.reference(c); }
  ErrorBudget budget(const TestCase& c) const override { return whole_.budget(c); }

 private:
  TestCase part_;
  Trial& whole_;
};

bool counts(const TestCase& c, std::int64_t row) {
  return !c.problem.takes_targets() || has_vector_targets(c.problem) || c.scored_class(row);
}

bool Ordinary::row(const TestCase& c, DType accumulate, std::int64_t row) const {
  const Problem& p = c.problem;
  if (p.upstream == Upstream::row && !is_factor(c.upstream_of(row))) return false;
  for (std::int64_t i = row * p.v; i < (row + 1) * p.v; ++i) {
    if (p.dir == Dir::hvp && !is_factor(c.direction.at(i))) return false;
    if (!counts(c, row)) continue;
    if (!input(c.input.at(i), p, accumulate)) return false;
    if (!has_vector_targets(p)) continue;
    const double y = c.target.at(i);
    if (!is_mass(y) || (is_binary(p.op) && y > 1)) return false;
  }
  return true;
}

std::vector<std::int64_t> Ordinary::rows(Trial& t) const {
  const TestCase& c = t.test_case;
  std::vector<std::int64_t> kept;
  if (!shares_ordinary(c)) return kept;
  const DType accumulate = t.budget(c).accumulate;
  for (std::int64_t first = 0; first < c.problem.n; first += c.problem.t) {
    bool all = true;
    for (std::int64_t k = 0; k < c.problem.t; ++k) all &= row(c, accumulate, first + k);
    for (std::int64_t k = 0; all && k < c.problem.t; ++k) kept.push_back(first + k);
  }
  return kept;
}

Reach reach_of(std::string_view domain) {
  if (domain == "extreme" || domain == "binary-saturated") return Reach::all;
  return domain == "offset" ? Reach::far : Reach::half_of_exponents;
}

/// The case of these rows. Whole sequences keep their shift, which keep_rows would resolve.
TestCase part_of(const TestCase& c, const std::vector<std::int64_t>& rows) {
  TestCase part = c;
  part.problem.shift = false;
  part = keep_rows(part, rows);
  part.problem.shift = c.problem.shift;
  return part;
}

}  // namespace

Property of_ordinary_rows(Property property) {
  Ordinary ordinary;
  for (const std::string& d : property.domains) {
    ordinary.any_logit |= d == "*";
    ordinary.reach = std::max(ordinary.reach, reach_of(d));
  }
  property.check = [ordinary, check = std::move(property.check)](Trial& t) {
    const std::vector<std::int64_t> rows = ordinary.rows(t);
    const std::int64_t n = t.test_case.problem.n;
    const auto kept = static_cast<std::int64_t>(rows.size());
    if (kept == n) return check(t);
    Judgement j;
    if (kept > 0) {
      PartTrial trial(t, part_of(t.test_case, rows));
      j = check(trial);
    }
    j.excluded["extreme-data"] += n - kept;
    return j;
  };
  return property;
}

}  // namespace xent
