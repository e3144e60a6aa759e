// SPDX-License-Identifier: Apache-2.0
#include "core/dialect_tables.h"

namespace xent {
namespace {

using Q = Question;
using A = Answer;

constexpr std::string_view kDefinition = "definition";

DialectEntry is(Q question, A loss, A grad, std::string_view note) {
  return {question, loss, grad, note, kDefinition};
}

std::vector<DialectEntry> logits() {
  return {
      is(Q::masked_class, A::value, A::value, "p_j = 0: finite loss, gradient 0 at j"),
      is(Q::masked_target, A::plus_inf, A::value,
         "p_y = 0: the loss is +inf, the gradient p_j and -1 at the target"),
      is(Q::all_masked, A::undefined, A::undefined, "0 / 0: no distribution"),
      is(Q::plus_inf_logit, A::undefined, A::undefined,
         "inf - inf: the limit depends on how it is approached"),
      is(Q::nan_logit, A::nan, A::nan, "NaN in this row, other rows untouched"),
      is(Q::ignored_row, A::zero, A::zero, "loss and gradient are exactly 0"),
      is(Q::ignored_row_nan, A::zero, A::zero, "exactly 0 whatever the row holds"),
      is(Q::single_class, A::value, A::value,
         "softmax of one logit is 1: loss 0 of either sign, gradient 0"),
      is(Q::smoothed_masked_class, A::plus_inf, A::value,
         "mass epsilon / V on p_j = 0: +inf; the gradient A p_j - a_j is finite"),
      is(Q::zero_target_masked_class, A::value, A::value, "0 * log 0 = 0: the term vanishes"),
      is(Q::zero_weight_masked_target, A::value, A::value,
         "0 * inf = 0: a class of weight 0 adds nothing"),
  };
}

std::vector<DialectEntry> probabilities() {
  return {
      is(Q::zero_prob_target, A::value, A::value, "0 * log q_j = 0: the term vanishes"),
      is(Q::zero_both, A::value, A::undefined,
         "0 * log 0 = 0: the term vanishes; its derivative 0 / 0 does not exist"),
      is(Q::zero_prob_model, A::plus_inf, A::undefined,
         "p_j > 0 = q_j: +inf; no derivative at the boundary"),
      is(Q::negative_prob, A::undefined, A::undefined, "no distribution"),
      is(Q::log_of_zero_right, A::value, A::undefined,
         "0 * log 0 = 0: the term vanishes; its derivative 0 / 0 does not exist"),
      is(Q::log_of_zero_wrong, A::plus_inf, A::undefined,
         "the label has probability 0: +inf; no derivative at the boundary"),
      is(Q::infinite_right, A::value, A::value, "sigma(x) = y: loss 0, gradient 0"),
      is(Q::infinite_wrong, A::plus_inf, A::value,
         "the label has probability 0: +inf; gradient sigma(x) - y"),
  };
}

std::vector<DialectEntry> calls() {
  return {
      is(Q::none_valid_mean, A::undefined, A::undefined, "0 / 0: a mean over no row"),
      is(Q::zero_weight_mean, A::undefined, A::undefined, "0 / 0: the weights sum to 0"),
      is(Q::loss_overflow, A::plus_inf, A::value,
         "rounding to nearest gives +inf beyond the format's range"),
      is(Q::target_out_of_range, A::error, A::error, "no such class: the call is refused"),
      is(Q::smoothing_out_of_range, A::error, A::error, "no mixture: the call is refused"),
      is(Q::ignore_with_vector_targets, A::error, A::error,
         "a vector names no class: the call is refused"),
  };
}

DialectNote says(std::string_view topic, std::string_view answer) {
  return {topic, answer, kDefinition};
}

std::vector<DialectNote> notes() {
  return {
      says(topics::smoothing_mass, "epsilon / V on each of the V classes, the target's included"),
      says(topics::weighted_mean, "divided by the sum of the targets' weights"),
      says(topics::log_clamp, "not clamped: log 0 = -inf"),
      says(topics::smoothing_weights,
           "each class's term has its weight; a mean divides by the targets' weights alone"),
      says(topics::vector_targets, "used as they are: nobody makes them sum to 1"),
      says(topics::vector_mean, "divided by N, with or without weights"),
      says(topics::kl_mean, "divided by N, the rows"),
      says(topics::bce_mean, "a row adds its classes up; a mean divides by N, the rows"),
      says(topics::ignored_class,
           "rows of that class are dropped; the class stays in every other row's softmax"),
      says(topics::negative_weights, "allowed: the loss is linear in the weights"),
      says(topics::empty_sum, "a sum over no row is 0; reduction=none gives no losses"),
      says(topics::lse_of_nothing, "log 0: undefined, as a row without a distribution"),
      says(topics::z_loss, "zloss * lse^2 has no class weight; a mean divides it by the same D"),
      says(topics::double_softmax, "logits are expected; nothing can tell probabilities apart"),
      says(topics::in_place, "inputs are read, never written"),
  };
}

}  // namespace

// The extended reals with exp(-inf) = 0, 0 * log 0 = 0 and 0 * inf = 0.
Dialect math_dialect() {
  return {"math", answers(logits(), probabilities(), calls()), {}, notes()};
}

}  // namespace xent
