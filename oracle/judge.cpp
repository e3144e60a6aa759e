// SPDX-License-Identifier: Apache-2.0
#include "oracle/judge.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "oracle/bound.h"

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Numbers of at least this magnitude round to infinity.
double overflow_threshold(DType d) {
  const Format f = format(d);
  // 2^emax (2 - 2^-p) is no double for binary64: the largest double stands for it.
  if (f.precision >= 53) return std::numeric_limits<double>::max();
  return std::ldexp(2 - std::ldexp(1.0, -f.precision), f.emax);
}

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

/// The row that makes a reduced loss undefined, or the first.
std::int64_t undefined_row(Reference& ref) {
  for (std::int64_t r = 0; r < ref.test_case().problem.n; ++r) {
    if (ref.row_loss(r).kind == Enclosure::Kind::undefined) return r;
  }
  return 0;
}

double loss_condition(Reference& ref, std::int64_t i) {
  const Problem& p = ref.test_case().problem;
  if (p.reduction == Reduction::none) return ref.facts(i).condition;
  double sum = 0;
  for (std::int64_t r = 0; r < p.n; ++r) sum += ref.facts(r).condition;
  return p.reduction == Reduction::mean ? sum / static_cast<double>(p.n) : sum;
}

/// A sum may pass the format's largest number on the way to a mean, or to a sum of both signs, that
/// does not.
bool sum_overflows(Reference& ref, DType accumulate) {
  const Problem& p = ref.test_case().problem;
  const bool cancels = p.op == Op::lse && p.reduction == Reduction::sum;
  if (p.reduction != Reduction::mean && !cancels) return false;
  double sum = 0;
  for (std::int64_t r = 0; r < p.n; ++r) sum += ref.facts(r).loss;
  return sum >= overflow_threshold(accumulate) / 2;
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
      ++all.excluded[question_name(ref, p.reduction == Reduction::none ? i : undefined_row(ref))];
      continue;
    }
    // On the way to a mean of losses >= 0 only +inf may come up.
    const bool excused = !std::isnan(loss.at(i)) || p.op != Op::ce;
    if (first.is_number() && excused && sum_overflows(ref, budget.accumulate)) {
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
      const double bound = first.is_number() ? grad_bound(ref, budget, r, j) : 0;
      judge_element(
          all, {grad.at(r * p.v + j), budget.output, bound, 2, first},
          [&] { return "grad[" + std::to_string(r) + "," + std::to_string(j) + "]"; },
          [&](int level) { return ref.grad(r, j, level); });
    }
  }
  return all;
}

}  // namespace xent
