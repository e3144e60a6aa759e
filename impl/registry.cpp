// SPDX-License-Identifier: Apache-2.0
#include "impl/registry.h"

#include <utility>

#include "impl/cuda/shim_kernels.h"
#include "impl/highway/kernels.h"
#include "impl/highway/targets.h"
#include "impl/mutants/mutants.h"
#include "impl/scalar/kernels.h"

namespace xent {
namespace {

using Factory = Kernel (*)();

constexpr Factory kScalarProducts[] = {
    scalar_safe,
    scalar_online,
    scalar_referenced,
};

constexpr Factory kExamplesOfFailure[] = {
    scalar_naive,
};

// clang-format off
constexpr Factory kMutants[] = {
    mutant_nan_writer,
    mutant_zeros,
    mutant_writes_nothing,
    mutant_last_element_unwritten,
    mutant_loss_past_end,
    mutant_unrepeatable,
    mutant_gradient_sign_flipped,
    mutant_log2_in_kl,
    mutant_target_off_by_one,
    mutant_upstream_ignored,
    mutant_sum_for_mean,
    mutant_mean_backward_undivided,
    mutant_input_scribbler,
    mutant_aligned_head_skipped,
    mutant_stride_ignored,
    mutant_in_place_rereads,
    mutant_last_class_dropped,
    mutant_classes_past_4096_dropped,
    mutant_lse_minus_logit,
    mutant_p_rounded_before_minus_one,
    mutant_max_of_abs,
    mutant_max_starts_at_zero,
    mutant_row_leak,
    mutant_ln2_without_low_part,
    mutant_shift_inexact,
    mutant_smoothing_over_others,
    mutant_smoothing_twice,
    mutant_smoothing_unweighted,
    mutant_class_weights_by_position,
    mutant_zloss_without_gradient,
    mutant_zloss_half_gradient,
    mutant_softcap_without_slope,
    mutant_softcap_before_mask,
    mutant_unit_ignored,
    mutant_perplexity_base_two,
    mutant_upstream_of_row_zero,
    mutant_lse_in_bf16,
    mutant_epsilon_in_log,
    mutant_weights_in_bf16,
    mutant_perplexity_unsmoothed,
    mutant_misaligned_weights,
    mutant_in_place_softcap,
    mutant_ignored_row_in_denominator,
    mutant_ignored_row_times_zero,
    mutant_ignored_as_class_zero,
    mutant_ignored_gradient_unwritten,
    mutant_hard_coded_ignore,
    mutant_weighted_mean_by_rows,
    mutant_sequence_mean_as_token_mean,
    mutant_micro_batch_mean,
    mutant_valid_count_of_one_warp,
    mutant_mean_through_f16_sum,
    mutant_shift_forgotten,
    mutant_shift_always,
    mutant_zloss_on_ignored_rows,
    mutant_count_in_bf16,
    mutant_ignore_negative_only,
    mutant_hvp_mean_undivided,
    mutant_soft_target_argmax_only,
    mutant_one_hot_loses_mass,
    mutant_labels_rounded,
    mutant_label_cast_to_bf16,
    mutant_wrong_classes_in_loss,
    mutant_one_minus_p,
    mutant_gradient_clipped,
    mutant_gradient_by_chain_rule,
    mutant_hvp_without_mean,
    mutant_zero_times_infinity,
    mutant_bct_as_btv,
    mutant_cross_entropy_arguments_swapped,
    mutant_entropy_last_class_dropped,
    mutant_symmetric_divergence,
    mutant_kl_gradient_log,
    mutant_kl_zero_log_zero,
    mutant_kl_backward_alone,
    mutant_cached_by_pointer,
    mutant_cached_by_first_row,
    mutant_smoothing_kept,
    mutant_flush_to_zero_left_on,
    mutant_no_fallback,
    mutant_nan_in_range,
    mutant_unclamped_exponent,
    mutant_target_subtracted,
    mutant_reciprocal_minus_one,
    mutant_fused_shift,
    mutant_eager_gradient,
    mutant_reference_reread,
    mutant_partial_leaf_dropped,
    mutant_round_of_streams_dropped,
    mutant_tail_twice,
    mutant_head_apart,
    mutant_head_not_summed,
    mutant_idle_lanes_counted,
    mutant_online_drift,
    mutant_online_rescale_of_products,
    mutant_online_rescale_forgotten,
    mutant_online_first_step_nothing,
    mutant_sum_of_row_before,
    mutant_last_row_unwritten,
    mutant_last_line_unwritten,
    mutant_bf16_truncated,
    mutant_bf16_target_in_a_word,
    mutant_rows_of_no_thread,
    mutant_sum_by_threads,
    mutant_cuda_barrier_removed,
    mutant_cuda_tail_unguarded,
    mutant_cuda_first_block_nothing,
    mutant_cuda_last_block_empty,
    mutant_cuda_target_rewritten,
    mutant_cuda_totals_unordered,
    mutant_cuda_copies_unordered,
};
// clang-format on

}  // namespace

std::vector<Kernel> builtin_kernels() {
  std::vector<Kernel> all;
  for (const Factory make : kScalarProducts) all.push_back(make());
  for (Kernel& kernel : highway_safe()) all.push_back(std::move(kernel));
  for (Kernel& kernel : highway_rungs()) all.push_back(std::move(kernel));
  for (Kernel& kernel : highway_auto()) all.push_back(std::move(kernel));
  for (Kernel& kernel : cuda_shim_kernels()) all.push_back(std::move(kernel));
  for (const Factory make : kExamplesOfFailure) all.push_back(make());
  for (const Factory make : kMutants) all.push_back(make());
  return all;
}

std::vector<Unavailable> unavailable_kernels() {
  std::vector<Unavailable> out;
  for (const std::string& isa : highway_targets_missing()) {
    for (const std::string& rung : highway_rungs_of(isa)) {
      out.push_back({"highway/" + rung + "/" + isa, "this processor has no " + isa});
    }
  }
  return out;
}

}  // namespace xent
