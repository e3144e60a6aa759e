// SPDX-License-Identifier: Apache-2.0
#include "impl/registry.h"

#include <utility>

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
    mutant_shift_inexact,
};
// clang-format on

}  // namespace

std::vector<Kernel> builtin_kernels() {
  std::vector<Kernel> all;
  for (const Factory make : kScalarProducts) all.push_back(make());
  for (Kernel& kernel : highway_safe()) all.push_back(std::move(kernel));
  for (const Factory make : kExamplesOfFailure) all.push_back(make());
  for (const Factory make : kMutants) all.push_back(make());
  return all;
}

std::vector<Unavailable> unavailable_kernels() {
  std::vector<Unavailable> out;
  for (const std::string& isa : highway_targets_missing()) {
    out.push_back({"highway/safe/" + isa, "this processor has no " + isa});
  }
  out.push_back({"cuda/*", "not in this version"});
  return out;
}

}  // namespace xent
