// SPDX-License-Identifier: Apache-2.0
#include "core/dialect.h"

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>

#include "core/dialect_tables.h"
#include "core/error.h"
#include "core/text.h"

namespace xent {

using Q = Question;
using A = Answer;

const DialectEntry& Dialect::at(Question question) const {
  for (const DialectEntry& entry : entries) {
    if (entry.question == question) return entry;
  }
  throw std::logic_error(fmt::format("dialect {} does not answer {}", name, xent::name(question)));
}

std::vector<DialectEntry> answers(std::vector<DialectEntry> logits,
                                  const std::vector<DialectEntry>& probabilities,
                                  const std::vector<DialectEntry>& calls) {
  for (const auto* group : {&probabilities, &calls}) {
    logits.insert(logits.end(), group->begin(), group->end());
  }
  return logits;
}

bool follows_convention(std::string_view topic) {
  return topic == topics::smoothing_mass || topic == topics::weighted_mean ||
         topic == topics::log_clamp;
}

const std::vector<Dialect>& dialects() {
  static const std::vector<Dialect> all{math_dialect(), pytorch_dialect(), onnx_dialect(),
                                        optax_dialect()};
  return all;
}

const Dialect& find_dialect(std::string_view wanted) {
  std::vector<std::string> names;
  for (const Dialect& dialect : dialects()) {
    if (dialect.name == wanted) return dialect;
    names.emplace_back(dialect.name);
  }
  throw UsageError(fmt::format("unknown dialect '{}'; known: {}", wanted, join(names, " ")));
}

std::string_view name(Question question) {
  switch (question) {
    case Q::masked_class: return "masked-class";
    case Q::masked_target: return "masked-target";
    case Q::all_masked: return "all-masked";
    case Q::plus_inf_logit: return "plus-inf-logit";
    case Q::nan_logit: return "nan-logit";
    case Q::ignored_row: return "ignored-row";
    case Q::ignored_row_nan: return "ignored-row-nan";
    case Q::single_class: return "single-class";
    case Q::smoothed_masked_class: return "smoothed-masked-class";
    case Q::zero_target_masked_class: return "zero-target-masked-class";
    case Q::zero_weight_masked_target: return "zero-weight-masked-target";
    case Q::zero_prob_target: return "zero-prob-target";
    case Q::zero_both: return "zero-both";
    case Q::zero_prob_model: return "zero-prob-model";
    case Q::negative_prob: return "negative-prob";
    case Q::log_of_zero_right: return "log-of-zero-right";
    case Q::log_of_zero_wrong: return "log-of-zero-wrong";
    case Q::infinite_right: return "infinite-right";
    case Q::infinite_wrong: return "infinite-wrong";
    case Q::none_valid_mean: return "none-valid-mean";
    case Q::zero_weight_mean: return "zero-weight-mean";
    case Q::loss_overflow: return "loss-overflow";
    case Q::target_out_of_range: return "target-out-of-range";
    case Q::smoothing_out_of_range: return "smoothing-out-of-range";
    case Q::ignore_with_vector_targets: return "ignore-with-vector-targets";
  }
  return "unknown";
}

std::string_view meaning(Question question) {
  switch (question) {
    case Q::masked_class: return "some z_j = -inf, on classes without target mass";
    case Q::masked_target: return "z_y = -inf, another logit is finite";
    case Q::all_masked: return "every logit is -inf";
    case Q::plus_inf_logit: return "a logit is +inf";
    case Q::nan_logit: return "a number of the row is NaN";
    case Q::ignored_row: return "the label is ignore_index";
    case Q::ignored_row_nan:
      return "the label is ignore_index; the row holds NaN, +inf or nothing but -inf";
    case Q::single_class: return "V = 1";
    case Q::smoothed_masked_class: return "smoothing > 0 and some z_j = -inf";
    case Q::zero_target_masked_class: return "vector targets: z_j = -inf only where y_j = 0";
    case Q::zero_weight_masked_target: return "w_y = 0 and z_y = -inf";
    case Q::zero_prob_target: return "p_j = 0 where q_j > 0";
    case Q::zero_both: return "p_j = q_j = 0";
    case Q::zero_prob_model: return "p_j > 0 where q_j = 0";
    case Q::negative_prob: return "p_j < 0 or q_j < 0";
    case Q::log_of_zero_right: return "bce-prob: x = y = 0 or x = y = 1";
    case Q::log_of_zero_wrong: return "bce-prob: x = 0 where y > 0, or x = 1 where y < 1";
    case Q::infinite_right: return "bce-logits: x = +inf where y = 1, or -inf where y = 0";
    case Q::infinite_wrong: return "bce-logits: an infinite x elsewhere";
    case Q::none_valid_mean: return "a mean over no row: N = 0, or all are ignored";
    case Q::zero_weight_mean: return "a mean whose weights sum to 0";
    case Q::loss_overflow: return "the exact loss is beyond the output format";
    case Q::target_out_of_range: return "a class index outside [0, V) that is not ignore_index";
    case Q::smoothing_out_of_range: return "epsilon outside [0, 1]";
    case Q::ignore_with_vector_targets: return "ignore_index beside vector targets";
  }
  return "unknown";
}

std::string_view name(Answer answer) {
  switch (answer) {
    case A::value: return "value";
    case A::zero: return "zero";
    case A::plus_inf: return "plus-inf";
    case A::nan: return "nan";
    case A::error: return "error";
    case A::undefined: return "undefined";
    case A::clamped: return "clamped";
    case A::absent: return "absent";
  }
  return "unknown";
}

}  // namespace xent
