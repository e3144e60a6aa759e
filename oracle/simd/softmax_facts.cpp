// SPDX-License-Identifier: Apache-2.0
#include "oracle/simd/softmax_facts.h"

#include <cmath>
#include <limits>

namespace xent {
namespace {

/// Covers the few roundings behind it.
constexpr double kOut = 1 + 0x1p-48;
/// 1 / log 2, rounded up.
constexpr double kPerBit = 0x1.71547652b82ffp+0;

double lower(const Enclosure& e) {
  return (e.hi - (std::fabs(e.lo) + e.rad)) - std::fabs(e.hi) * 0x1p-51;
}

/// Not 0, but where the tiny radii of products and exponentials show.
bool is_tiny(double size) { return size > 0 && size < 0x1p-900; }

/// Upper bound of a b; 0 where one of them is.
double product_up(double a, double b) { return a == 0 || b == 0 ? 0 : a * b * kOut + 0x1p-1000; }

void fill_sums(const SoftmaxState& r, RowFacts& f) {
  const bool scored = r.task.y >= 0;
  const double e_scored = scored && !r.scored_top ? size_up(r.e_scored) : 0;
  f.live = static_cast<std::int64_t>(r.live);
  f.ties = static_cast<std::int64_t>(r.ties);
  f.target_is_max = r.scored_top;
  f.max = r.nearest_top;
  f.target = scored ? r.nearest_scored : 0;
  f.sum = size_up(r.s);
  f.rest = size_up(r.t);
  f.log_sum = size_up(r.log_s);
  f.lse = size_up(r.lse);
  f.mean_gap = product_up(r.gaps + product_up(e_scored, r.gap_scored), size_up(r.inverse));
  const double rest = lower(r.t);
  f.rest_gap = scored && rest > 0 ? r.gaps / rest * kOut + 0x1p-1000
                                  : std::numeric_limits<double>::infinity();
  f.greatest_gap = r.greatest_gap;
  f.greatest = r.greatest;
  f.below_max = f.live == f.ties ? 0 : (size_up(r.below) + e_scored) * kOut;
}

void fill_mass(const SoftmaxState& r, RowFacts& f) {
  const Problem& p = r.task.c->problem;
  if (r.shape == Derivative::masses) {
    f.mass = r.mass.size;
    f.mass_gap = r.mass.gap;
    f.mass_logit = r.mass.third;
  } else if (r.shape == Derivative::squares) {
    f.mass = r.mass.size;
  } else if (p.op == Op::ce) {
    f.mass = std::fabs(r.total.hi);
    f.mass_gap = product_up(f.mass, r.gap_scored);
    f.mass_logit = product_up(f.mass, size_up(r.z_scored));
  }
  if (p.dir == Dir::hvp) {
    f.direction = product_up(r.direction.size, size_up(r.inverse));
    f.direction_gap = product_up(r.direction.gap, size_up(r.inverse));
    f.direction_size = r.direction.third;
  }
}

}  // namespace

double size_up(const Enclosure& e) {
  return (std::fabs(e.hi) + (std::fabs(e.lo) + e.rad)) * (1 + 0x1p-50);
}

double linear_condition(const SoftmaxState& r) {
  const double scored = r.task.y >= 0 ? product_up(size_up(r.special), size_up(r.z_scored)) : 0;
  return product_up(size_up(r.coefficient), r.logits) + scored;
}

bool fill_softmax_facts(const SoftmaxState& r, double condition, RowFacts& facts) {
  RowFacts f;
  fill_sums(r, f);
  fill_mass(r, f);
  for (const double size : {f.rest, f.below_max, f.mass, f.direction_size}) {
    if (is_tiny(size)) return false;
  }
  f.loss = size_up(r.loss);
  f.condition =
      ((r.task.c->problem.unit == Unit::bits ? condition * kPerBit : condition) + f.loss) * kOut;
  facts = f;
  return true;
}

}  // namespace xent
