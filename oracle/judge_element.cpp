// SPDX-License-Identifier: Apache-2.0
#include "oracle/judge_element.h"

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

Verdict compare_special(double value, const Enclosure& e) {
  if (e.kind == Enclosure::Kind::nan) return std::isnan(value) ? Verdict::pass : Verdict::fail;
  const double infinity = e.kind == Enclosure::Kind::plus_inf ? kInf : -kInf;
  return value == infinity ? Verdict::pass : Verdict::fail;
}

Verdict compare_infinity(double value, const Enclosure& e, double bound, DType d) {
  const double least = magnitude_lower(e), most = magnitude_upper(e);
  const bool has_sign = least > 0, same_side = (value > 0) == (e.hi > 0);
  // The exact value lies in [low, high], the infinity above.
  const double low = has_sign && same_side ? least : -most;
  const double high = has_sign && !same_side ? -least : most;
  const double threshold = overflow_threshold(d);
  if (low + bound >= threshold) return Verdict::pass;
  return high + bound < threshold ? Verdict::fail : Verdict::inconclusive;
}

/// pass and fail are certain; inconclusive asks for more precision.
Verdict compare_number(double value, const Enclosure& e, double bound, DType d) {
  if (std::isnan(value)) return Verdict::fail;
  if (std::isinf(value)) return compare_infinity(value, e, bound, d);
  const Distance error = distance(value, e);
  if (error.upper <= bound) return Verdict::pass;
  return error.lower > bound ? Verdict::fail : Verdict::inconclusive;
}

void record_error(ErrorSamples& errors, const JudgedElement& e, const Enclosure& truth,
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

}  // namespace

Verdict verdict_on(double value, const Enclosure& exact, double bound, DType format) {
  return exact.is_number() ? compare_number(value, exact, bound, format)
                           : compare_special(value, exact);
}

std::string complaint_about(const std::string& what, const JudgedElement& e,
                            const Enclosure& truth) {
  std::string text =
      what + " = " + number(e.value, e.format) + ", exactly " + expected_text(truth, e.format);
  if (!truth.is_number()) return text;
  text += ", bound " + number(e.bound);
  if (!std::isfinite(e.value)) return text;
  const double error = distance(e.value, truth).lower;
  text += ", error " + number(error) + " (" + number(error / ulp(truth.hi, e.format)) + " ulp)";
  return text;
}

void record(Judgement& all, const JudgedElement& e, const Enclosure& truth, Verdict verdict,
            const std::string& complaint) {
  ++all.checks;
  all.verdict = graver(all.verdict, verdict);
  if (!complaint.empty()) all.message = complaint;
  record_error(all.errors, e, truth, verdict);
}

}  // namespace xent
