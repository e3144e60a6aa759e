// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "oracle/bound.h"
#include "properties/checks.h"

namespace xent {
namespace {

/// One quantity of the same p and q: the kernel's values and the exact ones.
struct Quantity {
  TestCase test_case;
  RunRecord record;
  ErrorBudget budget;
  Reference* exact = nullptr;

  bool evaluate(Trial& t, Op op, Judgement& j) {
    test_case = with_op(t.test_case, op);
    budget = t.budget(test_case);
    exact = &t.reference(test_case);
    return run_into(t, test_case, j, record);
  }
  double value(std::int64_t row) const { return record.output.loss.at(row); }
};

/// H(p,q) - H(p) against KL(p||q), row by row; H(p,q) itself anchors all three to the truth.
Judgement decomposition(Trial& t) {
  Judgement j;
  Quantity cross, entropy, kl;
  if (!cross.evaluate(t, Op::cross_entropy, j) || !entropy.evaluate(t, Op::entropy, j) ||
      !kl.evaluate(t, Op::kl, j)) {
    return j;
  }
  for (std::int64_t r = 0; r < t.test_case.problem.n; ++r) {
    const auto exact_cross = [&](int level) { return cross.exact->loss(r, level); };
    if (!cross.exact->loss(r).is_number()) {
      check_close(j, cross.value(r), kl.value(r), 0, false, at("H(p,q) and KL where q = 0 < p", r));
      j.merge(judge_value(cross.value(r), cross.budget.output, 0, at("H(p,q)", r), exact_cross));
      continue;
    }
    const double bound = loss_bound(*cross.exact, cross.budget, r) +
                         loss_bound(*entropy.exact, entropy.budget, r) +
                         loss_bound(*kl.exact, kl.budget, r);
    // The subtraction here is in binary64: half an ulp of the larger operand.
    const double rounding = ulp(cross.value(r), DType::f64);
    check_close(j, cross.value(r) - entropy.value(r), kl.value(r), bound + rounding, false,
                at("H(p,q) - H(p) and KL(p||q)", r));
    j.merge(judge_value(cross.value(r), cross.budget.output,
                        loss_bound(*cross.exact, cross.budget, r), at("H(p,q)", r), exact_cross));
  }
  return j;
}

/// Every row's exact loss is a number, and their sum no overflow of the format.
bool summable(Reference& exact, DType accumulate) {
  double total = 0;
  for (std::int64_t r = 0; r < exact.test_case().problem.n; ++r) {
    if (!exact.loss(r).is_number()) return false;
    total += exact.facts(r).loss;
  }
  return total < std::ldexp(1.0, format(accumulate).emax);
}

/// The mean, the sum and the sum of the rows, pairwise and against the oracle's NLL.
Judgement ce_is_nll(Trial& t) {
  Judgement j;
  const TestCase rows = with(t.test_case, Dir::fwd, Reduction::none);
  const TestCase sum = with(t.test_case, Dir::fwd, Reduction::sum);
  const TestCase mean = with(t.test_case, Dir::fwd, Reduction::mean);
  RunRecord r, s, m;
  if (!run_into(t, rows, j, r) || !run_into(t, sum, j, s) || !run_into(t, mean, j, m)) return j;
  Reference& exact = t.reference(rows);
  if (!summable(exact, t.budget(rows).accumulate)) {
    ++j.excluded["not-summable"];
    return j;
  }
  const auto n = static_cast<double>(rows.problem.n);
  const double sum_bound = loss_bound(t.reference(sum), t.budget(sum), 0);
  const double mean_bound = loss_bound(t.reference(mean), t.budget(mean), 0);
  std::vector<double> losses;
  double row_bounds = 0;
  for (std::int64_t i = 0; i < rows.problem.n; ++i) {
    losses.push_back(r.output.loss.at(i));
    row_bounds += loss_bound(exact, t.budget(rows), i);
  }
  const double total = accurate_sum(losses), nll = s.output.loss.at(0), ce = m.output.loss.at(0);
  const double rounding = 2 * ulp(total, DType::f64);
  check_close(j, total, nll, row_bounds * (1 + 0x1p-40) + sum_bound + rounding, false,
              "sum of the rows' losses and the kernel's sum");
  check_close(j, nll / n, ce, sum_bound / n + mean_bound + rounding, false,
              "the kernel's sum / N and its mean");
  j.merge(judge_loss(t.reference(mean), t.budget(mean), m.output.loss));
  j.merge(judge_loss(t.reference(sum), t.budget(sum), s.output.loss));
  return j;
}

std::vector<Problem> decomposition_problems(const Problem& p) {
  Problem cross = p, entropy = p;
  cross.op = Op::cross_entropy;
  entropy.op = Op::entropy;
  entropy.targets = TargetKind::index;
  return {cross, entropy};
}

std::vector<Problem> reductions(const Problem& p) {
  Problem sum = p, mean = p;
  sum.reduction = Reduction::sum;
  mean.reduction = Reduction::mean;
  return {sum, mean};
}

}  // namespace

std::vector<Property> information_properties() {
  return {
      {"info.decomposition", "H(p,q) = H(p) + KL(p||q).",
       "The kernel evaluates all three; the residual is within the sum of the three bounds, and "
       "H(p,q) within its own.",
       {"op=kl targets=prob dtype=f32,f64"},
       {"simplex", "dyadic-simplex", "one-hot", "near-equal", "uniform", "tiny", "disjoint-zero"},
       "mutant/log2-in-kl", every_substitute(), 0.5, decomposition, decomposition_problems},
      {"stat.ce-is-nll", "Mean cross-entropy = NLL / N.",
       "The kernel's mean, its sum divided by N and the sum of its rows agree within the bounds, "
       "and with the oracle's negative log-likelihood.",
       {"op=ce dir=fwd dtype=f32,f64"},
       {"gaussian", "confident", "wrong", "ties", "masked", "dyadic", "iris"},
       "mutant/sum-for-mean", every_substitute(), 0.5, ce_is_nll, reductions},
  };
}

}  // namespace xent
