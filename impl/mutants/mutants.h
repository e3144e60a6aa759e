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
Kernel mutant_ln2_without_low_part();
Kernel mutant_shift_inexact();

// Options misread.
Kernel mutant_smoothing_over_others();
Kernel mutant_smoothing_twice();
Kernel mutant_smoothing_unweighted();
Kernel mutant_class_weights_by_position();
Kernel mutant_zloss_without_gradient();
Kernel mutant_zloss_half_gradient();
Kernel mutant_softcap_without_slope();
Kernel mutant_softcap_before_mask();
Kernel mutant_unit_ignored();
Kernel mutant_perplexity_base_two();
Kernel mutant_upstream_of_row_zero();
Kernel mutant_lse_in_bf16();
Kernel mutant_epsilon_in_log();
Kernel mutant_weights_in_bf16();
Kernel mutant_perplexity_unsmoothed();
Kernel mutant_misaligned_weights();
Kernel mutant_in_place_softcap();

// Rows ignored, counted or added up in another way.
Kernel mutant_ignored_row_in_denominator();
Kernel mutant_ignored_row_times_zero();
Kernel mutant_ignored_as_class_zero();
Kernel mutant_ignored_gradient_unwritten();
Kernel mutant_hard_coded_ignore();
Kernel mutant_weighted_mean_by_rows();
Kernel mutant_sequence_mean_as_token_mean();
Kernel mutant_micro_batch_mean();
Kernel mutant_valid_count_of_one_warp();
Kernel mutant_mean_through_f16_sum();
Kernel mutant_shift_forgotten();
Kernel mutant_shift_always();
Kernel mutant_zloss_on_ignored_rows();
Kernel mutant_count_in_bf16();
Kernel mutant_ignore_negative_only();
Kernel mutant_hvp_mean_undivided();

// Targets misread, other formulas around them.
Kernel mutant_soft_target_argmax_only();
Kernel mutant_one_hot_loses_mass();
Kernel mutant_labels_rounded();
Kernel mutant_label_cast_to_bf16();
Kernel mutant_wrong_classes_in_loss();
Kernel mutant_one_minus_p();
Kernel mutant_gradient_clipped();
Kernel mutant_gradient_by_chain_rule();
Kernel mutant_hvp_without_mean();
Kernel mutant_zero_times_infinity();
Kernel mutant_bct_as_btv();

// Entropies and divergence.
Kernel mutant_cross_entropy_arguments_swapped();
Kernel mutant_entropy_last_class_dropped();
Kernel mutant_symmetric_divergence();
Kernel mutant_kl_gradient_log();
Kernel mutant_kl_zero_log_zero();
Kernel mutant_kl_backward_alone();

// Calls that are not forgotten, or leave something behind.
Kernel mutant_cached_by_pointer();
Kernel mutant_cached_by_first_row();
Kernel mutant_smoothing_kept();
Kernel mutant_flush_to_zero_left_on();

// Single passes with the target as reference.
Kernel mutant_no_fallback();
Kernel mutant_nan_in_range();
Kernel mutant_unclamped_exponent();
Kernel mutant_target_subtracted();
Kernel mutant_reciprocal_minus_one();
Kernel mutant_fused_shift();
Kernel mutant_eager_gradient();
Kernel mutant_reference_reread();

// Pieces of a row: leaves, steps, lanes, a running maximum.
Kernel mutant_partial_leaf_dropped();
Kernel mutant_round_of_streams_dropped();
Kernel mutant_tail_twice();
Kernel mutant_head_apart();
Kernel mutant_head_not_summed();
Kernel mutant_idle_lanes_counted();
Kernel mutant_online_drift();
Kernel mutant_online_rescale_of_products();
Kernel mutant_online_rescale_forgotten();
Kernel mutant_online_first_step_nothing();

// Rows in a pipeline, narrow stores, threads.
Kernel mutant_sum_of_row_before();
Kernel mutant_last_row_unwritten();
Kernel mutant_last_line_unwritten();
Kernel mutant_bf16_truncated();
Kernel mutant_bf16_target_in_a_word();
Kernel mutant_rows_of_no_thread();
Kernel mutant_sum_by_threads();

// CUDA kernels.
Kernel mutant_cuda_barrier_removed();
Kernel mutant_cuda_tail_unguarded();
Kernel mutant_cuda_first_block_nothing();
Kernel mutant_cuda_last_block_empty();
Kernel mutant_cuda_target_rewritten();
Kernel mutant_cuda_totals_unordered();
Kernel mutant_cuda_copies_unordered();

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
