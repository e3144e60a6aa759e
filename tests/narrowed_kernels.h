// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/kernel.h"

namespace xent {

// scalar/safe, or a kernel that is wrong on purpose, as somebody would bring it who needs less.

/// Takes what XENTCHECK_EXPORT_SIMPLE does: f32, class indices, losses and gradients of rows.
Kernel simple_kernel(const std::string& inner = "scalar/safe");
/// What torch.nn.functional.cross_entropy does with autograd: index and probability targets,
/// weights, ignored rows, smoothing, three reductions, f32, f64 and bf16.
Kernel torch_like_kernel(const std::string& inner = "scalar/safe");
/// The mean loss of a batch in f32, nothing else.
Kernel mean_loss_kernel(const std::string& inner = "scalar/safe");

std::vector<Kernel> narrowed_kernels();

}  // namespace xent
