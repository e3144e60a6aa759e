// SPDX-License-Identifier: Apache-2.0
#include "core/dialect_tables.h"

namespace xent {
namespace {

using Q = Question;
using A = Answer;

constexpr std::string_view kSource = "from source";

// The operator is forward only: no question has an answer for the gradient.
DialectEntry reads(Q question, A loss, std::string_view note) {
  return {question, loss, A::absent, note, kSource};
}

DialectEntry absent(Q question, std::string_view note) {
  return reads(question, A::absent, note);
}

std::vector<DialectEntry> logits() {
  return {
      reads(Q::masked_class, A::value, "only the target's log p is read"),
      reads(Q::masked_target, A::plus_inf, "-log 0 = +inf"),
      reads(Q::all_masked, A::nan, "-inf - -inf = NaN"),
      reads(Q::plus_inf_logit, A::nan, "inf - inf = NaN"),
      reads(Q::nan_logit, A::nan, "NaN in this row, other rows untouched"),
      reads(Q::ignored_row, A::zero, "loss 0"),
      reads(Q::ignored_row_nan, A::zero, "the row is not read: loss 0"),
      reads(Q::single_class, A::value, "-log 1 = -0.0"),
      absent(Q::smoothed_masked_class, "no smoothing"),
      absent(Q::zero_target_masked_class, "class indices only"),
      reads(Q::zero_weight_masked_target, A::nan, "0 * inf = NaN"),
  };
}

std::vector<DialectEntry> probabilities() {
  constexpr std::string_view no_kl = "no loss of probabilities";
  constexpr std::string_view no_bce = "no binary loss";
  return {
      absent(Q::zero_prob_target, no_kl),  absent(Q::zero_both, no_kl),
      absent(Q::zero_prob_model, no_kl),   absent(Q::negative_prob, no_kl),
      absent(Q::log_of_zero_right, no_bce), absent(Q::log_of_zero_wrong, no_bce),
      absent(Q::infinite_right, no_bce),   absent(Q::infinite_wrong, no_bce),
  };
}

std::vector<DialectEntry> calls() {
  return {
      reads(Q::none_valid_mean, A::nan, "0 / 0 = NaN"),
      reads(Q::zero_weight_mean, A::nan, "0 / 0 = NaN"),
      reads(Q::loss_overflow, A::plus_inf,
            "log(exp(d) / s) with exp(d) = 0: +inf for gaps that exp underflows on, too"),
      reads(Q::target_out_of_range, A::error,
            "IndexError; the evaluator reads a small negative index from the end"),
      absent(Q::smoothing_out_of_range, "no smoothing"),
      absent(Q::ignore_with_vector_targets, "class indices only"),
  };
}

DialectNote reads(std::string_view topic, std::string_view answer) {
  return {topic, answer, kSource};
}

std::vector<DialectNote> notes() {
  constexpr std::string_view none = "no such option";
  return {
      reads(topics::smoothing_mass, none),
      reads(topics::weighted_mean, "divided by the sum of the targets' weights"),
      reads(topics::log_clamp, none),
      reads(topics::smoothing_weights, none),
      reads(topics::vector_targets, none),
      reads(topics::vector_mean, none),
      reads(topics::kl_mean, none),
      reads(topics::bce_mean, none),
      reads(topics::ignored_class,
            "rows of that class are dropped; the class stays in every other row's softmax"),
      reads(topics::negative_weights, "allowed: the loss is linear in the weights"),
      reads(topics::empty_sum, "the sum of nothing is 0; none gives no losses"),
      reads(topics::lse_of_nothing, "NaN: the maximum is subtracted first"),
      reads(topics::z_loss, none),
      reads(topics::double_softmax, "probabilities are taken as logits, without a warning"),
      reads(topics::in_place, "inputs are read, never written"),
  };
}

}  // namespace

// SoftmaxCrossEntropyLoss as the reference evaluator computes it:
// onnx/reference/ops/op_softmax_cross_entropy_loss.py, commit 04cc1064.
Dialect onnx_dialect() {
  return {"onnx", answers(logits(), probabilities(), calls()), {}, notes()};
}

}  // namespace xent
