// SPDX-License-Identifier: Apache-2.0
#include "core/dialect_tables.h"

namespace xent {
namespace {

using Q = Question;
using A = Answer;

constexpr std::string_view kExecuted = "executed";

DialectEntry does(Q question, A loss, A grad, std::string_view note) {
  return {question, loss, grad, note, kExecuted};
}

std::vector<DialectEntry> logits() {
  return {
      does(Q::masked_class, A::value, A::value, "finite loss, gradient 0 at j"),
      does(Q::masked_target, A::plus_inf, A::value, "+inf; gradient p_j and -1 at the target"),
      does(Q::all_masked, A::nan, A::nan, "-inf - -inf in log_softmax: NaN in the whole row"),
      does(Q::plus_inf_logit, A::nan, A::nan, "inf - inf in log_softmax: NaN in the whole row"),
      does(Q::nan_logit, A::nan, A::nan, "NaN in the whole row, other rows untouched"),
      does(Q::ignored_row, A::zero, A::zero, "loss and gradient 0"),
      does(Q::ignored_row_nan, A::zero, A::nan, "loss 0, but 0 * NaN reaches the gradient"),
      does(Q::single_class, A::value, A::value, "loss -0.0, gradient 0"),
      does(Q::smoothed_masked_class, A::plus_inf, A::value, "+inf; the gradient is finite"),
      does(Q::zero_target_masked_class, A::nan, A::value,
           "0 * -inf = NaN; the gradient is the formula's"),
      does(Q::zero_weight_masked_target, A::nan, A::value, "0 * inf = NaN; gradient 0"),
  };
}

std::vector<DialectEntry> probabilities() {
  return {
      does(Q::zero_prob_target, A::value, A::value, "kl_div has xlogy: the term vanishes"),
      does(Q::zero_both, A::nan, A::undefined,
           "0 * log q = 0 * -inf = NaN; the gradient through log q is NaN at j"),
      does(Q::zero_prob_model, A::plus_inf, A::undefined,
           "+inf; the gradient through log q is -inf at j"),
      does(Q::negative_prob, A::nan, A::undefined,
           "log of a negative number: NaN (special.entr: -inf); gradient -p / q"),
      does(Q::log_of_zero_right, A::clamped, A::undefined,
           "0 * -100 = 0; gradient (x - y) / max(x (1 - x), 1e-12) = 0"),
      does(Q::log_of_zero_wrong, A::clamped, A::undefined,
           "100 times the label; gradient (x - y) / max(x (1 - x), 1e-12)"),
      does(Q::infinite_right, A::nan, A::value, "inf - inf = NaN; gradient 0"),
      does(Q::infinite_wrong, A::undefined, A::value,
           "+inf at x = +inf, NaN at x = -inf; gradient sigma(x) - y"),
  };
}

std::vector<DialectEntry> calls() {
  return {
      does(Q::none_valid_mean, A::nan, A::zero, "0 / 0 = NaN; the gradient is 0"),
      does(Q::zero_weight_mean, A::nan, A::nan, "0 / 0 = NaN; so is every row's gradient"),
      does(Q::loss_overflow, A::plus_inf, A::value, "+inf; the gradient is finite"),
      does(Q::target_out_of_range, A::error, A::error, "IndexError (on a GPU: a device assert)"),
      does(Q::smoothing_out_of_range, A::error, A::error,
           "RuntimeError above 1; a negative epsilon is inert"),
      does(Q::ignore_with_vector_targets, A::error, A::error,
           "RuntimeError if ignore_index >= 0; a negative one is inert"),
  };
}

DialectNote does(std::string_view topic, std::string_view answer) {
  return {topic, answer, kExecuted};
}

std::vector<DialectNote> notes() {
  constexpr std::string_view absent = "no such option";
  return {
      does(topics::smoothing_mass, "epsilon / V on each of the V classes, the target's included"),
      does(topics::weighted_mean, "divided by the sum of the targets' weights"),
      does(topics::log_clamp, "clamped at -100, so that the loss is 100 at most"),
      does(topics::smoothing_weights,
           "each class's term has its weight; a mean divides by the targets' weights alone"),
      does(topics::vector_targets, "used as they are: nobody makes them sum to 1"),
      does(topics::vector_mean, "divided by N, with or without weights"),
      does(topics::kl_mean, "'mean' divides by N * V; 'batchmean' divides by N, the rows"),
      does(topics::bce_mean, "divided by N * V, the elements"),
      does(topics::ignored_class,
           "rows of that class are dropped; the class stays in every other row's softmax"),
      does(topics::negative_weights, "allowed: the loss is linear in the weights"),
      does(topics::empty_sum, "sum 0 (-0.0 with vector targets); none gives no losses"),
      does(topics::lse_of_nothing, "logsumexp gives -inf"),
      does(topics::z_loss, absent),
      does(topics::double_softmax, "probabilities are taken as logits, without a warning"),
      does(topics::in_place, "inputs are read, never written"),
  };
}

}  // namespace

// torch.nn.functional on the CPU: cross_entropy, nll_loss, kl_div(log q, p), binary_cross_entropy,
// binary_cross_entropy_with_logits. tests/dialect_torch.py runs every line of this file.
Dialect pytorch_dialect() {
  Conventions conventions;
  conventions.log_floor = -100;
  return {"pytorch", answers(logits(), probabilities(), calls()), conventions, notes()};
}

}  // namespace xent
