// SPDX-License-Identifier: Apache-2.0
#include "oracle/bound_target.h"

#include <algorithm>
#include <cmath>

#include "oracle/bound_scaling.h"

namespace xent {
namespace {

/// Facts are upper bounds within 2^-38: times this they are lower ones.
constexpr double kInward = 1 - 0x1p-37;
/// The largest x exp(-x), upwards.
constexpr double kMostOfBelow = 0.36787944117144234;

/// Gaps above it may be beyond what an exponential with a fast reduction can take.
constexpr double kNear = 0x1p40;

bool subtracts_target(const RowOfLogits& s) {
  const Problem& p = s.ref.test_case().problem;
  return s.b.shift == Shift::target && p.op == Op::ce && p.dir != Dir::hvp && one_class(p);
}

}  // namespace

TargetShift::TargetShift(const RowOfLogits& s) : s_(s) {
  if (!subtracts_target(s)) return;
  const RowFacts& f = s.f;
  const double extra = s.extra_gap();
  distance_ = f.target_is_max ? 0 : (f.max - f.target + extra) * (extra == 0 ? 1 : kOutward);
  slack_ = 2 * extra + 0x1p-50 * distance_;
  farthest_ = std::max(s.g.dead_gap, distance_);
  const double moved = std::exp(4 * s.delta) * kOutward;
  share_ = std::min(1.0, f.rest / (f.sum * kInward) * moved);
  own_ = std::min(1.0, std::exp(slack_ - distance_) / (f.sum * kInward) * moved + kLeast);
  sigma_ = distance_ == 0 ? s.r.sigma_rest()
                          : s.b.exp_rel + s.g.exp_slope * mean_distance() + s.r.in_order();
  const double tau = largest_tau();
  factor_ = tau <= 0.125 ? 1 + 4 * tau : kNoBound;
  decide();
}

/// L38: F. Where nothing moves the logits, sum w_j f_j is known, and what of |f_j| it lacks.
double TargetShift::mean_distance() const {
  const RowFacts& f = s_.f;
  const double all = distance_ + s_.r.live_gap(f.rest_gap);
  if (s_.extra_gap() != 0 || !(f.rest >= 1)) return all;
  const double below = (s_.g.n - 1) * std::exp(-distance_) / (f.rest * kInward);
  const double of_signs = (distance_ + 2 * kMostOfBelow * below) * kOutward - f.rest_gap * kInward;
  return std::min(all, std::max(0.0, of_signs));
}

/// L11, of the terms that the kernel can still tell from 0 and of those that leave S below its
/// limit.
double TargetShift::largest_tau() const {
  const double above = std::min(distance_, std::log(s_.b.shift_limit) + 2);
  const double below = std::max(0.0, s_.f.greatest_gap - distance_ + slack_);
  const double most = std::max(above, s_.r.live_gap(below));
  return s_.a.u() *
         (s_.b.exp_rel + s_.g.exp_slope * most + s_.r.in_order() + s_.b.log_rel + 4);
}

/// L42: whether 1 / (1 + S) times what follows the row is normal and below the limit, by factors
/// of 4, so that no kernel needs another way to the gradient.
bool TargetShift::has_plain_factor() const {
  const TestCase& c = s_.ref.test_case();
  if (!c.problem.wants_grad()) return true;
  const double weight = std::fabs(c.weight_of(*c.scored_class(s_.row)));
  const double of_lse = 2 * c.problem.z_loss * s_.f.lse;
  const double upstream = std::fabs(c.upstream_of(s_.row));
  const double share = 1 / lower_divisor(s_.ref, s_.row);
  const double least = own_ * (weight - of_lse) * upstream * std::min(1.0, share);
  const double most = (weight + of_lse) * upstream * std::max(1.0, share);
  return least >= 4 * std::ldexp(1.0, format(s_.b.accumulate).emin) &&
         most <= s_.b.shift_limit / 4;
}

/// L42: the computed S is within a factor of 2 of S, but for what underflows.
void TargetShift::decide() {
  possible_ = true;
  if (factor_ == kNoBound || s_.extra_gap() != 0) return;
  const double limit = s_.b.shift_limit, lost = s_.r.omega_of_rest();
  const double most = std::log(s_.f.rest) + distance_;
  const double least = std::log(s_.f.rest * kInward) + distance_;
  possible_ = !(least > std::log(4 * (limit + lost)));
  const double normal = std::ldexp(1.0, format(s_.b.accumulate).emin);
  certain_ = most < std::log(std::max(0.0, limit - lost) / 4) &&
             least > std::log(4 * (lost + normal)) && s_.f.greatest_gap < kNear &&
             has_plain_factor();
}

double TargetShift::of_quotient() const {
  return share_ * sigma_ + s_.r.omega_of_rest() / s_.a.u() + 3;
}

double TargetShift::absolute() const { return s_.g.omega * own_ + s_.g.omega_of_product; }

double TargetShift::rigorous(double bracket, double absolute) const {
  if (factor_ == kNoBound) return kNoBound;
  const double error = factor_ * (s_.a.u() * bracket + absolute) * kOutward + kLeast;
  return std::isnan(error) ? kNoBound : error;
}

double TargetShift::loss_error(double loss, double rest) const {
  return rigorous(std::min(loss, share_) * sigma_ + loss * s_.b.log_rel,
                  s_.r.omega_of_rest() + s_.g.omega_of_log + s_.a.u() * rest);
}

double TargetShift::target_error() const {
  return rigorous(share_ * (own_ * sigma_ + 3), s_.r.omega_of_rest() + s_.g.omega_of_product) +
         share_ * std::expm1(4 * s_.delta);
}

}  // namespace xent
