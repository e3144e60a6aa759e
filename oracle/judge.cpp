// SPDX-License-Identifier: Apache-2.0
#include "oracle/judge.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "oracle/bound.h"
#include "oracle/overflow.h"

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Enough digits to tell neighbours of the format apart.
std::string number(double x, DType d = DType::f32) {
  if (std::isnan(x)) return "NaN";
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", d == DType::f64 ? 17 : 9, x);
  return text;
}

std::string expected_text(const Enclosure& e, DType d) {
  switch (e.kind) {
    case Enclosure::Kind::plus_inf: return "+inf";
    case Enclosure::Kind::minus_inf: return "-inf";
    case Enclosure::Kind::nan: return "NaN";
    default: return number(e.hi, d);
  }
}

std::string complaint(const std::string& what, double value, const Enclosure& e, double bound,
                      DType d) {
  std::string text = what + " = " + number(value, d) + ", exactly " + expected_text(e, d);
  if (!e.is_number()) return text;
  text += ", bound " + number(bound);
  if (!std::isfinite(value)) return text;
  const double error = distance(value, e).lower;
  text += ", error " + number(error) + " (" + number(error / ulp(e.hi, d)) + " ulp)";
  return text;
}

Verdict compare_special(double value, const Enclosure& e) {
  if (e.kind == Enclosure::Kind::nan) return std::isnan(value) ? Verdict::pass : Verdict::fail;
  const double infinity = e.kind == Enclosure::Kind::plus_inf ? kInf : -kInf;
  return value == infinity ? Verdict::pass : Verdict::fail;
}

/// pass and fail are certain; inconclusive asks for more precision.
Verdict compare_number(double value, const Enclosure& e, double bound, DType d) {
  if (std::isnan(value)) return Verdict::fail;
  if (std::isinf(value)) {
    const bool same_side = (value > 0) == (e.hi > 0);
    const double threshold = overflow_threshold(d);
    if (same_side && magnitude_lower(e) + bound >= threshold) return Verdict::pass;
    if (!same_side || magnitude_upper(e) + bound < threshold) return Verdict::fail;
    return Verdict::inconclusive;
  }
  const Distance error = distance(value, e);
  if (error.upper <= bound) return Verdict::pass;
  return error.lower > bound ? Verdict::fail : Verdict::inconclusive;
}

struct Element {
  double value;
  DType format;
  double bound;
  double condition;
  Enclosure first;  ///< the exact answer at level 0
};

void record_error(ErrorSamples& errors, const Element& e, const Enclosure& truth,
                  Verdict verdict) {
  if (!truth.is_number() || !std::isfinite(e.value)) {
    if (verdict == Verdict::fail) errors.add_unbounded();
    return;
  }
  const double error = distance(e.value, truth).upper;
  const double sign = (e.value - truth.hi) - truth.lo < 0 ? -1 : 1;
  const double scale = unit_roundoff(e.format) * e.condition;
  errors.add(e.bound > 0 ? error / e.bound : (error > 0 ? kInf : 0),
             sign * error / ulp(truth.hi, e.format), error, scale > 0 ? error / scale : 0);
}

/// One output element. `what` and `exact` are called only when needed: most elements pass at the
/// first level without a word.
template <class What, class Exact>
void judge_element(Judgement& all, const Element& e, const What& what, const Exact& exact) {
  if (e.bound == kInf && !std::isnan(e.value)) {
    ++all.excluded["no-bound"];
    return;
  }
  Enclosure truth = e.first;
  Verdict verdict = Verdict::inconclusive;
  for (int level = 0; level < Reference::kLevels; ++level) {
    if (level > 0) truth = exact(level);
    verdict = truth.is_number() ? compare_number(e.value, truth, e.bound, e.format)
                                : compare_special(e.value, truth);
    if (verdict != Verdict::inconclusive) break;
  }
  ++all.checks;
  const Verdict before = all.verdict;
  all.verdict = graver(before, verdict);
  if (all.verdict != before && verdict != Verdict::pass) {
    all.message = complaint(what(), e.value, truth, e.bound, e.format);
  }
  record_error(all.errors, e, truth, verdict);
}

std::string question_name(Reference& ref, std::int64_t row) {
  const auto q = ref.question(row);
  return q ? std::string(name(*q)) : std::string("undefined");
}

/// The question that leaves loss element i without an answer: of its row, of the reduction, or of
/// the first row that makes the reduced loss undefined.
std::string undefined_name(Reference& ref, std::int64_t i) {
  const Problem& p = ref.test_case().problem;
  if (p.reduction == Reduction::none) return question_name(ref, i);
  if (const auto q = ref.reduction_question()) return std::string(name(*q));
  for (std::int64_t r = 0; r < p.n; ++r) {
    if (ref.row_loss(r).kind == Enclosure::Kind::undefined) return question_name(ref, r);
  }
  return "undefined";
}

double loss_condition(Reference& ref, std::int64_t i) {
  const Problem& p = ref.test_case().problem;
  if (p.reduction == Reduction::none) return counts(ref, i) ? ref.facts(i).condition : 0;
  double sum = 0;
  for (std::int64_t r = 0; r < p.n; ++r) {
    if (!counts(ref, r)) continue;
    sum += ref.facts(r).condition / (p.is_mean() ? magnitude_lower(ref.divisor(r)) : 1);
  }
  return sum;
}

}  // namespace

void Judgement::merge(const Judgement& o) {
  const Verdict before = verdict;
  verdict = graver(verdict, o.verdict);
  if (message.empty() || verdict != before) {
    if (!o.message.empty()) message = o.message;
  }
  checks += o.checks;
  for (const auto& [reason, count] : o.excluded) excluded[reason] += count;
  errors.append(o.errors);
}

void Judgement::check(bool holds, const std::string& message_if_not) {
  ++checks;
  if (!holds && verdict != Verdict::fail) message = message_if_not;
  verdict = graver(verdict, holds ? Verdict::pass : Verdict::fail);
}

Judgement judge_value(double value, DType format, double bound, const std::string& what,
                      const std::function<Enclosure(int level)>& exact) {
  Judgement j;
  const Enclosure first = exact(0);
  if (first.kind == Enclosure::Kind::undefined) ++j.excluded["undefined"];
  else judge_element(j, {value, format, bound, 0, first}, [&] { return what; }, exact);
  return j;
}

Judgement judge_loss(Reference& ref, const ErrorBudget& budget, const Tensor& loss) {
  const Problem& p = ref.test_case().problem;
  Judgement all;
  for (std::int64_t i = 0; i < p.loss_size(); ++i) {
    const Enclosure first = ref.loss(i);
    if (first.kind == Enclosure::Kind::undefined) {
      ++all.excluded[undefined_name(ref, i)];
      continue;
    }
    if (loss_lost_on_the_way(ref, budget, i, loss.at(i), first)) {
      ++all.excluded["intermediate-overflow"];
      continue;
    }
    const double bound = first.is_number() ? loss_bound(ref, budget, i) : 0;
    const double condition = first.is_number() ? loss_condition(ref, i) : 0;
    judge_element(
        all, {loss.at(i), budget.output, bound, condition, first},
        [&] { return "loss[" + std::to_string(i) + "]"; },
        [&](int level) { return ref.loss(i, level); });
  }
  return all;
}

Judgement judge_grad(Reference& ref, const ErrorBudget& budget, const Tensor& grad) {
  const Problem& p = ref.test_case().problem;
  Judgement all;
  for (std::int64_t r = 0; r < p.n; ++r) {
    for (std::int64_t j = 0; j < p.v; ++j) {
      const Enclosure first = ref.grad(r, j);
      if (first.kind == Enclosure::Kind::undefined) {
        ++all.excluded[question_name(ref, r)];
        continue;
      }
      const double got = grad.at(r * p.v + j);
      if (grad_lost_on_the_way(ref, budget, r, j, got, first)) {
        ++all.excluded["intermediate-overflow"];
        continue;
      }
      const double bound = first.is_number() ? grad_bound(ref, budget, r, j) : 0;
      judge_element(
          all, {got, budget.output, bound, 2, first},
          [&] { return "grad[" + std::to_string(r) + "," + std::to_string(j) + "]"; },
          [&](int level) { return ref.grad(r, j, level); });
    }
  }
  return all;
}

}  // namespace xent
