// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "core/dialect.h"

namespace xent {

/// One function, in a file of its own, for each dialect; dialects() calls each once.
Dialect math_dialect();
Dialect pytorch_dialect();
Dialect onnx_dialect();
Dialect optax_dialect();

/// The three groups of questions (a row of logits, of probabilities, the call) as one table.
std::vector<DialectEntry> answers(std::vector<DialectEntry> logits,
                                  const std::vector<DialectEntry>& probabilities,
                                  const std::vector<DialectEntry>& calls);

/// What the notes of every dialect are about. The first three are Conventions.
namespace topics {
inline constexpr std::string_view smoothing_mass = "smoothing mass";
inline constexpr std::string_view weighted_mean = "weighted mean";
inline constexpr std::string_view log_clamp = "log of bce-prob";
inline constexpr std::string_view smoothing_weights = "smoothing x weights";
inline constexpr std::string_view vector_targets = "vector targets";
inline constexpr std::string_view vector_mean = "vector targets, weighted mean";
inline constexpr std::string_view kl_mean = "mean of kl";
inline constexpr std::string_view bce_mean = "mean of bce";
inline constexpr std::string_view ignored_class = "ignore = a class";
inline constexpr std::string_view negative_weights = "negative weights";
inline constexpr std::string_view empty_sum = "N = 0, sum or none";
inline constexpr std::string_view lse_of_nothing = "lse of -inf alone";
inline constexpr std::string_view z_loss = "z-loss";
inline constexpr std::string_view double_softmax = "softmax twice";
inline constexpr std::string_view in_place = "in-place gradient";
}  // namespace topics

}  // namespace xent
