// SPDX-License-Identifier: Apache-2.0
#include "impl/row_formulas.h"

#include "impl/scalar/libm.h"

namespace xent {

DType working_dtype(const Problem& p) {
  return p.dtype == DType::f64 || p.accumulate == DType::f64 ? DType::f64 : DType::f32;
}

ErrorBudget accurate_budget(const Problem& p, double exp_rel, double log_rel) {
  ErrorBudget b;
  b.accumulate = working_dtype(p);
  b.exp_rel = exp_rel;
  b.exp_arg = 0;
  b.log_rel = log_rel;
  b.log_abs = 0;
  b.tanh_rel = kLibmTanh;
  b.order = SumOrder::pairwise;
  b.lanes = b.accumulate == DType::f64 ? kLanes<double> : kLanes<float>;
  b.block = kBlock;
  b.rows = SumOrder::pairwise;
  b.loss = LossForm::accurate;
  b.grad = GradForm::quotient;
  b.target = TargetForm::accurate;
  b.kl = KlForm::accurate;
  b.output = p.output_dtype();
  return b;
}

Promises accurate_promises() {
  Promises p;
  p.accuracy = AccuracyClass::declared;
  p.repeatable = true;
  p.batch_invariant = true;
  p.alignment_invariant = true;
  p.thread_invariant = true;
  p.shift_exact = true;
  p.sign_exact = true;
  p.in_place = true;
  return p;
}

}  // namespace xent
