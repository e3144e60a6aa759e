// SPDX-License-Identifier: Apache-2.0
#include "oracle/bound_blocks.h"

#include <algorithm>
#include <cmath>

#include "oracle/bound.h"
#include "oracle/bound_elements.h"
#include "oracle/bound_scaling.h"
#include "oracle/load_block.h"
#include "oracle/reference_questions.h"

namespace xent {

struct GradBounds::Impl {
  Reference& ref;
  ErrorBudget budget;
  Ground ground;
  DivisionRoundings divisions;
  std::int64_t row = -1;
  bool zero = false;  ///< every element of the row is exactly 0 to any kernel
  RowOfElements common;
  OutputScaling scaling;
  alignas(64) double number[Elements::kMost];
  RoundedBlock nats;
  Elements one;

  Impl(Reference& reference, const ErrorBudget& b)
      : ref(reference),
        budget(b),
        ground(budget, reference.test_case().problem.v),
        divisions(reference.test_case(), budget) {
    const Format out = format(budget.output);
    scaling.narrows = narrows(budget);
    scaling.least_normal = std::ldexp(1.0, out.emin);
    scaling.half_ulp = std::ldexp(1.0, -out.precision);
  }

  const TestCase& test_case() const { return ref.test_case(); }
  bool interacts() const { return takes_logits(test_case().problem.op); }

  void start(std::int64_t r) {
    if (row == r) return;
    row = r;
    zero = true;
    if (!counts(ref, r)) return;
    const double upstream = std::fabs(test_case().upstream_of(r));
    const double divisor = lower_divisor(ref, r);
    zero = upstream == 0 || divisor == 0;
    if (!zero) put_scaling(upstream, divisor);
    if (interacts()) common = row_of_elements(ref, ground, r);
  }

  void put_scaling(double upstream, double divisor) {
    const Problem& p = test_case().problem;
    const double roundings = unit_roundings(p) + (p.upstream != Upstream::one ? 1 : 0) +
                             divisions.of_row(row);
    scaling.upstream = upstream;
    scaling.share = unit_factor(p) / divisor * kOutward;
    scaling.gamma = ground.a.gamma(roundings);
    // A scaling's result may be subnormal, and the next one magnifies that.
    const double magnified =
        std::max(1.0, upstream) * std::max(1.0, 1 / divisor) * std::max(1.0, unit_factor(p));
    scaling.omega = std::min(roundings, 8.0) * magnified * ground.a.omega();
  }

  /// The number of each class that the shape of the row asks for, or none.
  const double* numbers(std::int64_t first, std::int64_t count) {
    using Shape = RowOfElements::Shape;
    const TestCase& c = test_case();
    const std::int64_t at = row * c.problem.v + first;
    if (common.shape == Shape::mass) {
      masses_of(c, row, first, count, number);
    } else if (common.shape == Shape::hessian) {
      load_block(c.direction, at, count, number);
      std::transform(number, number + count, number, [](double x) { return std::fabs(x); });
    } else if (common.shape == Shape::squared && common.vector_targets) {
      load_block(c.target, at, count, number);
    } else {
      return nullptr;
    }
    return number;
  }

  void block(std::int64_t first, std::int64_t count, const Elements& e) {
    if (!interacts()) {
      class_elements(ref, budget, row, first, count, nats);
    } else if (common.forms == 0) {
      std::fill_n(nats.size, count, 0.0);
      std::fill_n(nats.error, count, kNoBound);
    } else {
      row_elements(common, first, count, e, numbers(first, count), nats);
    }
  }

  /// The block of one element, of which nobody has given p_j and the gap.
  void element(std::int64_t j) {
    if (interacts()) {
      one.probability[0] = magnitude_upper(ref.probability(row, j));
      one.gap[0] = plain_gap(ref, row, j);
    }
    block(j, 1, one);
  }
};

GradBounds::GradBounds(Reference& ref, const ErrorBudget& b)
    : impl_(std::make_unique<Impl>(ref, b)) {}

GradBounds::~GradBounds() = default;

void GradBounds::block(std::int64_t row, std::int64_t first, std::int64_t count,
                       const Elements& e, double* bound) {
  impl_->start(row);
  if (impl_->zero) {
    std::fill_n(bound, count, 0.0);
    return;
  }
  impl_->block(first, count, e);
  scaled_bounds(impl_->scaling, impl_->nats, count, bound);
}

double GradBounds::element(std::int64_t row, std::int64_t j) {
  impl_->start(row);
  if (impl_->zero) return 0;
  impl_->element(j);
  scaled_bounds(impl_->scaling, impl_->nats, 1, impl_->number);
  return impl_->number[0];
}

double GradBounds::magnitude(std::int64_t row, std::int64_t j) {
  impl_->start(row);
  impl_->element(j);
  return impl_->nats.size[0];
}

}  // namespace xent
