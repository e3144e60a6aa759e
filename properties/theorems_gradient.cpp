// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "oracle/bound.h"
#include "properties/checks.h"

namespace xent {
namespace {

Enclosure negated(Enclosure e) {
  e.hi = -e.hi;
  e.lo = -e.lo;
  return e;
}

/// The whole row sums to 0; the row without the target sums to 1 - p_y, which is minus the
/// target's own exact gradient.
Judgement sum_zero(Trial& t) {
  Judgement j;
  RunRecord r;
  const TestCase& c = t.test_case;
  if (!run_into(t, c, j, r)) return j;
  Reference& exact = t.reference(c);
  const ErrorBudget budget = t.budget(c);
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    if (!exact.grad(row, 0).is_number()) continue;
    const std::int64_t y = c.label(row);
    std::vector<double> others;
    double bounds = 0;
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      if (k == y) continue;
      others.push_back(r.output.grad.at(row * c.problem.v + k));
      bounds += grad_bound(exact, budget, row, k);
    }
    const double target = r.output.grad.at(row * c.problem.v + y);
    const double sum = accurate_sum(others);
    // Twice an ulp of the sum for its own rounding and for that of the bounds' sum.
    bounds = bounds * (1 + 0x1p-40) + 2 * ulp(sum, DType::f64);
    const double target_bound = grad_bound(exact, budget, row, y);
    const std::string what = at("sum of the others' gradients", row);
    check_close(j, sum, -target, bounds + target_bound, false, what);
    j.merge(judge_value(sum, budget.output, bounds, what,
                        [&](int level) { return negated(exact.grad(row, y, level)); }));
  }
  return j;
}

/// Signs where the exact gradient is larger than its bound; weak inequalities everywhere.
Judgement signs(Trial& t) {
  Judgement j;
  RunRecord r;
  const TestCase& c = t.test_case;
  if (!run_into(t, c, j, r)) return j;
  Reference& exact = t.reference(c);
  const ErrorBudget budget = t.budget(c);
  const bool exactly = t.kernel.promises.sign_exact;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      const Enclosure e = exact.grad(row, k);
      if (!e.is_number()) continue;
      const double sign = k == c.label(row) ? -1 : 1;
      const double g = sign * r.output.grad.at(row * c.problem.v + k);
      const double bound = grad_bound(exact, budget, row, k);
      const double slack = exactly ? 0 : bound;
      j.check(g >= -slack, at("wrong sign: grad", row, k));
      j.check(g <= 1 + slack, at("|grad| > 1: grad", row, k));
      if (magnitude_lower(e) > bound) j.check(g > 0, at("sign lost: grad", row, k));
    }
  }
  return j;
}

}  // namespace

std::vector<Property> gradient_properties() {
  return {
      {"grad.accurate", "dL/dz_j = p_j - y_j.",
       "Element by element within the bound that follows from the kernel's error budget, upstream "
       "gradient and 1/N included; the loss computed beside it too.",
       {"op=ce dir=bwd,fwdbwd dtype=f32,f64 upstream=one,scalar,row",
        "op=ce dir=bwd,fwdbwd dtype=f32,f64 reduction=sum,mean upstream=one,scalar"},
       {"*"}, "mutant/p-rounded-before-minus-one", every_substitute(), 0.5,
       judge_outputs},
      {"grad.sum-zero", "The gradients of a row sum to 0.",
       "Within the sum of the bounds; and those of the wrong classes sum to 1 - p_y.",
       {"op=ce dir=fwdbwd dtype=f32,f64"},
       {"gaussian", "confident", "wrong", "ties", "masked", "integer-mass", "spikes", "iris"},
       "mutant/last-class-dropped", every_substitute(), 0.5, sum_zero},
      {"grad.signs", "The true class's gradient is <= 0, the others' >= 0, none beyond 1.",
       "Within the bounds, exactly if the kernel promises sign-exact; strictly where the exact "
       "gradient is larger than its bound.",
       {"op=ce dir=fwdbwd dtype=f32,f64"},
       {"gaussian", "confident", "wrong", "ties", "masked", "extreme", "spikes", "iris"},
       "mutant/target-off-by-one",
       {Substitute::zeros, Substitute::constant, Substitute::untouched}, 0.5, signs},
  };
}

}  // namespace xent
