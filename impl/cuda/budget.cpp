// SPDX-License-Identifier: Apache-2.0
#include "impl/cuda/budget.h"

namespace xent::cuda {

ErrorBudget device_budget(const Problem& p, Form form) {
  ErrorBudget b;
  b.exp_rel = kDeviceExp;
  b.exp_arg = kDeviceExpSlope;
  b.exp_cutoff = kDeviceExpCutoff;
  b.log_rel = kDeviceLog;
  b.tanh_rel = kDeviceTanh;
  b.order = b.rows = SumOrder::leaves;
  b.lanes = 256;
  b.block = 8;
  b.online = form == Form::running_maximum;
  b.shift = form == Form::target ? Shift::target : Shift::maximum;
  b.loss = LossForm::accurate;
  b.grad = GradForm::quotient;
  b.target = TargetForm::accurate;
  b.kl = KlForm::accurate;
  b.accumulate = DType::f32;
  b.output = p.output_dtype();
  return b;
}

}  // namespace xent::cuda
