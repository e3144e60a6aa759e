// SPDX-License-Identifier: Apache-2.0
#include "oracle/overflow.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "oracle/bound.h"
#include "oracle/bound_row.h"

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// No row's loss is below 0.
bool no_negative_loss(const TestCase& c) {
  const Problem& p = c.problem;
  const bool binary = p.op == Op::bce_logits || p.op == Op::bce_prob;
  if ((p.op != Op::ce && !binary) || p.weights) return false;
  for (std::int64_t i = 0; has_vector_targets(p) && i < c.target.size(); ++i) {
    const double y = c.target.at(i);
    if (!(y >= 0) || (binary && y > 1)) return false;
  }
  return true;
}

/// Some row that loss element i is made of.
template <class Holds>
bool any_row_of(Reference& ref, std::int64_t i, const Holds& holds) {
  const Problem& p = ref.test_case().problem;
  const bool reduced = p.reduction != Reduction::none;
  for (std::int64_t r = reduced ? 0 : i; r < (reduced ? p.n : i + 1); ++r) {
    if (counts(ref, r) && holds(r)) return true;
  }
  return false;
}

/// A row's terms may pass the largest number before a target mass or a mean brings them back.
bool terms_overflow(Reference& ref, const ErrorBudget& b, std::int64_t i) {
  const Problem& p = ref.test_case().problem;
  const bool scaled = p.weights || p.smoothing != 0 || has_vector_targets(p);
  return scaled && any_row_of(ref, i, [&](std::int64_t r) {
           return unscaled_loss(ref, b, r) >= overflow_threshold(b.accumulate) / 2;
         });
}

double greatest_finite_input(const TestCase& c, std::int64_t row) {
  double most = 0;
  for (std::int64_t k = 0; k < c.problem.v; ++k) {
    if (std::isfinite(c.logit(row, k))) most = std::max(most, std::fabs(c.logit(row, k)));
  }
  return most;
}

/// A finite logit is an infinity to the kernel once it is scaled.
bool scaled_logits_overflow(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  const TestCase& c = ref.test_case();
  const double scale = std::fabs(c.problem.scale);
  return scale * greatest_finite_input(c, row) >= overflow_threshold(b.accumulate) / 2;
}

/// The product of those above 1 of a row's target mass, direction, upstream, scale, z-loss and
/// reciprocal divisor: it may overflow before smaller factors bring it back.
double product_of_factors(Reference& ref, std::int64_t row) {
  const TestCase& c = ref.test_case();
  const Problem& p = c.problem;
  const bool vector = has_vector_targets(p);
  // Of class indices without smoothing the target's own weight is the only one.
  const bool one_class = p.takes_targets() && !vector && p.smoothing == 0;
  double mass = 0, direction = 0;
  for (std::int64_t k = 0; k < p.v; ++k) {
    const bool named = !one_class || c.scored_class(row) == k;
    const double y = vector ? std::fabs(c.target.at(row * p.v + k)) : named ? 1 : 0;
    mass += std::fabs(c.weight_of(k)) * y;
    if (p.dir == Dir::hvp) direction += std::fabs(c.direction.at(row * p.v + k));
  }
  const double share = p.is_mean() ? 1 / magnitude_lower(ref.divisor(row)) : 1;
  double product = 4 * std::max(1.0, mass);
  for (const double x : {direction, c.upstream_of(row), p.scale * p.scale, p.z_loss, share}) {
    product *= std::max(1.0, std::fabs(x));
  }
  return product;
}

/// Finite terms of both signs may overflow beside an infinite one.
bool factors_overflow(Reference& ref, const ErrorBudget& b, std::int64_t row, bool of_terms) {
  const double terms = of_terms ? greatest_finite_input(ref.test_case(), row) : 1;
  return product_of_factors(ref, row) * std::max(1.0, terms) >= overflow_threshold(b.accumulate);
}

/// The exact number is beyond what the kernel computes in, if not beyond what it writes.
bool beyond_accumulation(const Enclosure& exact, const ErrorBudget& b) {
  return format(b.output).emax > format(b.accumulate).emax &&
         magnitude_upper(exact) >= overflow_threshold(b.accumulate) / 2;
}

/// The divisor itself overflows, and a quotient by it vanishes.
bool divisor_overflows(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  return ref.test_case().problem.is_mean() &&
         magnitude_upper(ref.divisor(row)) >= overflow_threshold(b.accumulate) / 2;
}

/// The mass of an infinite term may be 0 to the kernel.
bool mass_vanishes(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  const TestCase& c = ref.test_case();
  if (c.problem.op != Op::ce && c.problem.op != Op::nll) return false;
  for (std::int64_t k = 0; k < c.problem.v; ++k) {
    if (std::isinf(c.logit(row, k)) && is_subnormal_mass(c, b, row, k)) return true;
  }
  return false;
}

}  // namespace

double overflow_threshold(DType d) {
  const Format f = format(d);
  // 2^emax (2 - 2^-p) is no double for binary64: the largest double stands for it.
  if (f.precision >= 53) return std::numeric_limits<double>::max();
  return std::ldexp(2 - std::ldexp(1.0, -f.precision), f.emax);
}

LostOutputs::LostOutputs(Reference& ref, const ErrorBudget& b) : ref_(ref), b_(b) {}

bool LostOutputs::never_negative() {
  if (!never_negative_) never_negative_ = no_negative_loss(ref_.test_case());
  return *never_negative_;
}

/// A sum may pass the format's largest number on the way to a mean, or to a sum of both signs, that
/// does not.
bool LostOutputs::sum_overflows() {
  const Problem& p = ref_.test_case().problem;
  const bool cancels = p.reduction == Reduction::sum && !never_negative();
  if (!p.is_mean() && !cancels) return false;
  if (!sum_overflows_) {
    double sum = 0;
    for (std::int64_t r = 0; r < p.n; ++r) {
      if (counts(ref_, r)) sum += ref_.facts(r).loss;
    }
    sum_overflows_ = sum >= overflow_threshold(b_.accumulate) / 2;
  }
  return *sum_overflows_;
}

bool LostOutputs::loss(std::int64_t i, double got, const Enclosure& exact) {
  if (std::isfinite(got) && got != 0 && exact.is_number()) return false;
  const bool lost = never_negative() ? got == kInf : !std::isfinite(got);
  const auto any = [&](const auto& holds) { return any_row_of(ref_, i, holds); };
  if (exact.kind == Enclosure::Kind::nan) return false;
  const bool scaled = ref_.test_case().problem.scale != 1 && !std::isfinite(got);
  if (scaled && any([&](std::int64_t r) { return scaled_logits_overflow(ref_, b_, r); })) {
    return true;
  }
  if (!exact.is_number() && std::isfinite(got) &&
      any([&](std::int64_t r) { return mass_vanishes(ref_, b_, r); })) {
    return true;
  }
  if ((lost || got == 0) && any([&](std::int64_t r) { return divisor_overflows(ref_, b_, r); })) {
    return true;
  }
  if (!lost) return false;
  const bool special = !exact.is_number();
  if (any([&](std::int64_t r) { return xent::factors_overflow(ref_, b_, r, special); })) {
    return true;
  }
  return !special && (sum_overflows() || terms_overflow(ref_, b_, i) ||
                      beyond_accumulation(exact, b_));
}

void LostOutputs::at_row(std::int64_t row) {
  if (row_ == row) return;
  row_ = row;
  factors_overflow_.reset();
  logits_overflow_.reset();
}

bool LostOutputs::factors_overflow(std::int64_t row) {
  at_row(row);
  if (!factors_overflow_) factors_overflow_ = xent::factors_overflow(ref_, b_, row, false);
  return *factors_overflow_;
}

bool LostOutputs::logits_overflow(std::int64_t row) {
  at_row(row);
  if (!logits_overflow_) {
    logits_overflow_ =
        ref_.test_case().problem.scale != 1 && scaled_logits_overflow(ref_, b_, row);
  }
  return *logits_overflow_;
}

bool LostOutputs::grad_zeros(std::int64_t row) {
  return counts(ref_, row) && divisor_overflows(ref_, b_, row);
}

bool LostOutputs::grad(std::int64_t row, std::int64_t j, double got, const Enclosure& exact,
                       GradBounds& bounds) {
  const Problem& p = ref_.test_case().problem;
  if (exact.kind == Enclosure::Kind::nan || !counts(ref_, row)) return false;
  if (std::isfinite(got)) return got == 0 && grad_zeros(row);
  if (grad_zeros(row) || factors_overflow(row) || logits_overflow(row)) return true;
  if (!exact.is_number()) return false;
  if (beyond_accumulation(exact, b_)) return true;
  // Before upstream, mean or the weight of a quotient bring it back, in any order.
  const TestCase& c = ref_.test_case();
  const double weight = p.op == Op::bce_prob ? std::fabs(c.weight_of(j)) : 1;
  const bool scaled = p.upstream != Upstream::one || p.is_mean() || (weight > 0 && weight < 1);
  if (!scaled || !std::isinf(got)) return false;
  const double share = p.is_mean() ? 1 / magnitude_lower(ref_.divisor(row)) : 1;
  const double most = std::max(1.0, std::fabs(c.upstream_of(row))) * std::max(1.0, share) *
                      bounds.magnitude(row, j) / (weight > 0 ? std::min(1.0, weight) : 1);
  return most >= overflow_threshold(b_.accumulate) / 2;
}

}  // namespace xent
