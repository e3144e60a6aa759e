// SPDX-License-Identifier: Apache-2.0
#include "core/dialect_tables.h"

namespace xent {
namespace {

using Q = Question;
using A = Answer;

constexpr std::string_view kSource = "from source";

DialectEntry reads(Q question, A loss, A grad, std::string_view note) {
  return {question, loss, grad, note, kSource};
}

DialectEntry absent(Q question, std::string_view note) {
  return reads(question, A::absent, A::absent, note);
}

std::vector<DialectEntry> logits() {
  return {
      reads(Q::masked_class, A::value, A::value,
            "finite with integer labels (one-hot labels: see zero-target-masked-class)"),
      reads(Q::masked_target, A::plus_inf, A::value, "lse - -inf = +inf; gradient p_j, p_y - 1"),
      reads(Q::all_masked, A::nan, A::nan, "lse = -inf, -inf - -inf = NaN; gradient NaN"),
      reads(Q::plus_inf_logit, A::undefined, A::undefined,
            "lse = +inf: the loss is +inf, and NaN with z_y = +inf; gradient NaN there"),
      reads(Q::nan_logit, A::nan, A::nan, "NaN in this row, other rows untouched"),
      absent(Q::ignored_row, "no ignore_index: the caller masks the losses"),
      absent(Q::ignored_row_nan, "no ignore_index: the caller masks the losses"),
      reads(Q::single_class, A::value, A::value, "lse - z = 0"),
      reads(Q::smoothed_masked_class, A::plus_inf, A::value,
            "alpha / V * inf = +inf; the gradient is finite"),
      reads(Q::zero_target_masked_class, A::nan, A::value,
            "0 * -inf = NaN; safe_softmax_cross_entropy gives the formula's value"),
      absent(Q::zero_weight_masked_target, "no class weights"),
  };
}

std::vector<DialectEntry> probabilities() {
  constexpr std::string_view no_bce_prob = "binary loss of logits only";
  return {
      reads(Q::zero_prob_target, A::value, A::value, "log 0 is replaced by 0: the term vanishes"),
      reads(Q::zero_both, A::nan, A::undefined,
            "0 * log q = 0 * -inf = NaN; the gradient through log q is NaN at j"),
      reads(Q::zero_prob_model, A::plus_inf, A::undefined,
            "+inf; the gradient through log q is -inf at j"),
      reads(Q::negative_prob, A::nan, A::undefined, "log of a negative number: NaN"),
      absent(Q::log_of_zero_right, no_bce_prob),
      absent(Q::log_of_zero_wrong, no_bce_prob),
      reads(Q::infinite_right, A::nan, A::value, "0 * log_sigmoid(-inf) = 0 * -inf = NaN"),
      reads(Q::infinite_wrong, A::plus_inf, A::value, "+inf; gradient sigma(x) - y"),
  };
}

std::vector<DialectEntry> calls() {
  constexpr std::string_view no_mean = "no reduction: the caller takes the mean";
  return {
      absent(Q::none_valid_mean, no_mean),
      absent(Q::zero_weight_mean, no_mean),
      reads(Q::loss_overflow, A::plus_inf, A::value, "+inf; the gradient is finite"),
      reads(Q::target_out_of_range, A::nan, A::undefined,
            "take_along_axis fills in NaN; an index from -V to -1 counts from the end"),
      reads(Q::smoothing_out_of_range, A::value, A::value, "not checked: the formula's value"),
      absent(Q::ignore_with_vector_targets, "no ignore_index"),
  };
}

DialectNote reads(std::string_view topic, std::string_view answer) {
  return {topic, answer, kSource};
}

std::vector<DialectNote> notes() {
  constexpr std::string_view none = "no such option";
  return {
      reads(topics::smoothing_mass,
            "epsilon / V on each of the V classes, the target's included"),
      reads(topics::weighted_mean, none),
      reads(topics::log_clamp, none),
      reads(topics::smoothing_weights, none),
      reads(topics::vector_targets, "used as they are: nobody makes them sum to 1"),
      reads(topics::vector_mean, none),
      reads(topics::kl_mean, "a loss for each row; the caller takes the mean"),
      reads(topics::bce_mean, "a loss for each element; the caller takes the mean"),
      reads(topics::ignored_class, none),
      reads(topics::negative_weights, none),
      reads(topics::empty_sum, "no losses; the caller adds them up"),
      reads(topics::lse_of_nothing, "logsumexp gives -inf"),
      reads(topics::z_loss, none),
      reads(topics::double_softmax, "probabilities are taken as logits, without a warning"),
      reads(topics::in_place, "arrays are immutable"),
  };
}

}  // namespace

// softmax_cross_entropy_with_integer_labels, softmax_cross_entropy, smooth_labels, kl_divergence,
// sigmoid_binary_cross_entropy of optax/losses/_classification.py, commit 01be1bf3, and logsumexp
// of jax/_src/ops/special.py, commit 0f103d33.
Dialect optax_dialect() {
  return {"optax", answers(logits(), probabilities(), calls()), {}, notes()};
}

}  // namespace xent
