// SPDX-License-Identifier: Apache-2.0
#include "core/dialect.h"

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>

#include "core/error.h"
#include "core/text.h"

namespace xent {
namespace {

using Q = Question;
using A = Answer;

// Mathematics on the extended reals with exp(-inf) = 0 and 0 * log 0 = 0. A target out of range is
// an error of the call and hence no question.
Dialect math() {
  constexpr std::string_view definition = "definition";
  return {"math",
          {
              {Q::masked_class, A::value, A::value, "p_j = 0: finite loss, gradient 0 at j",
               definition},
              {Q::masked_target, A::plus_inf, A::value,
               "p_y = 0: the loss is +inf, the gradient p_j and -1 at the target", definition},
              {Q::all_masked, A::undefined, A::undefined, "0 / 0: no distribution", definition},
              {Q::plus_inf_logit, A::undefined, A::undefined,
               "inf - inf: the limit depends on how it is approached", definition},
              {Q::nan_logit, A::nan, A::nan, "NaN in this row, other rows untouched", definition},
              {Q::ignored_row, A::zero, A::zero,
               "loss and gradient are exactly 0 whatever the logits are", definition},
              {Q::none_valid_mean, A::undefined, A::undefined, "0 / 0: a mean over no row",
               definition},
              {Q::zero_weight_mean, A::undefined, A::undefined, "0 / 0: the weights sum to 0",
               definition},
              {Q::single_class, A::value, A::value,
               "softmax of one logit is 1: loss 0 of either sign, gradient 0", definition},
              {Q::zero_prob_target, A::value, A::value, "0 * log q_j = 0: the term vanishes",
               definition},
              {Q::zero_both, A::value, A::undefined,
               "0 * log 0 = 0: the term vanishes; its derivative 0 / 0 does not exist",
               definition},
              {Q::zero_prob_model, A::plus_inf, A::undefined,
               "p_j > 0 = q_j: +inf; no derivative at the boundary", definition},
              {Q::negative_prob, A::undefined, A::undefined, "no distribution", definition},
              {Q::loss_overflow, A::plus_inf, A::value,
               "rounding to nearest gives +inf beyond the format's range", definition},
          }};
}

}  // namespace

const DialectEntry& Dialect::at(Question question) const {
  for (const DialectEntry& entry : entries) {
    if (entry.question == question) return entry;
  }
  throw std::logic_error(fmt::format("dialect {} does not answer {}", name, xent::name(question)));
}

const std::vector<Dialect>& dialects() {
  static const std::vector<Dialect> all{math()};
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
    case Q::none_valid_mean: return "none-valid-mean";
    case Q::zero_weight_mean: return "zero-weight-mean";
    case Q::single_class: return "single-class";
    case Q::zero_prob_target: return "zero-prob-target";
    case Q::zero_both: return "zero-both";
    case Q::zero_prob_model: return "zero-prob-model";
    case Q::negative_prob: return "negative-prob";
    case Q::loss_overflow: return "loss-overflow";
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
  }
  return "unknown";
}

}  // namespace xent
