// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/kernel.h"
#include "impl/host_invocation.h"

namespace xent {

// Wrong outputs.
Kernel mutant_nan_writer();
Kernel mutant_zeros();
Kernel mutant_writes_nothing();
Kernel mutant_last_element_unwritten();
Kernel mutant_loss_past_end();
Kernel mutant_unrepeatable();
Kernel mutant_gradient_sign_flipped();
Kernel mutant_log2_in_kl();

// Wrong inputs.
Kernel mutant_target_off_by_one();
Kernel mutant_upstream_ignored();
Kernel mutant_sum_for_mean();
Kernel mutant_mean_backward_undivided();
Kernel mutant_input_scribbler();
Kernel mutant_aligned_head_skipped();
Kernel mutant_stride_ignored();
Kernel mutant_in_place_rereads();

// Wrong formulas.
Kernel mutant_last_class_dropped();
Kernel mutant_classes_past_4096_dropped();
Kernel mutant_lse_minus_logit();
Kernel mutant_p_rounded_before_minus_one();
Kernel mutant_max_of_abs();
Kernel mutant_max_starts_at_zero();
Kernel mutant_row_leak();
Kernel mutant_shift_inexact();

/// A mutant with the budget, the promises and the operations of scalar/safe; no bodies yet.
HostKernel mutant(std::string name, std::string summary, std::vector<std::string> killed_by);

/// `body` takes a RowView of either type.
template <class Body>
Kernel with_body(HostKernel k, Body body) {
  k.f32 = body;
  k.f64 = body;
  return make_kernel(std::move(k));
}

}  // namespace xent
