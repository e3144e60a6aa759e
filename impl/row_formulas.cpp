// SPDX-License-Identifier: Apache-2.0
#include "impl/row_formulas.h"

namespace xent {

ErrorBudget accurate_budget(const Problem& p, double exp_rel, double log_rel) {
  ErrorBudget b;
  b.exp_rel = exp_rel;
  b.exp_arg = 0;
  b.log_rel = log_rel;
  b.log_abs = 0;
  b.order = SumOrder::blocked;
  b.lanes = p.dtype == DType::f64 ? kLanes<double> : kLanes<float>;
  b.block = kBlock;
  b.rows = SumOrder::blocked;
  b.loss = LossForm::accurate;
  b.grad = GradForm::quotient;
  b.target = TargetForm::accurate;
  b.kl = KlForm::accurate;
  b.accumulate = p.dtype;
  b.output = p.output_dtype();
  return b;
}

Promises accurate_promises() {
  Promises p;
  p.accuracy = AccuracyClass::declared;
  p.repeatable = true;
  p.batch_invariant = true;
  p.alignment_invariant = true;
  p.shift_exact = true;
  p.sign_exact = true;
  p.in_place = true;
  return p;
}

}  // namespace xent
