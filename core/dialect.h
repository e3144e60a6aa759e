// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xent {

/// The questions on which mathematics is silent or libraries differ. A row of a case poses at most
/// one of them; rows that pose none are ordinary.
enum class Question : std::uint8_t {
  masked_class,         ///< z_j = -inf for some j != y, the target finite
  masked_target,        ///< z_y = -inf, others finite
  all_masked,           ///< every logit -inf
  plus_inf_logit,       ///< some logit +inf
  nan_logit,            ///< some logit NaN
  ignored_row,          ///< target = ignore_index
  none_valid_mean,      ///< a mean over no row
  zero_weight_mean,     ///< a mean whose weights sum to 0
  single_class,         ///< V = 1
  zero_prob_target,     ///< p_j = 0 where q_j > 0: 0 * log q_j
  zero_both,            ///< p_j = q_j = 0
  zero_prob_model,      ///< p_j > 0 = q_j
  negative_prob,        ///< p_j < 0 or q_j < 0
  loss_overflow,        ///< the exact loss is beyond the output format
};

/// What a dialect says of a question.
enum class Answer : std::uint8_t {
  value,      ///< the formula, with exp(-inf) = 0 and 0 * log 0 = 0
  zero,       ///< exactly 0 (either sign)
  plus_inf,
  nan,
  error,      ///< the call must be refused
  undefined,  ///< no answer: the row is excluded, by this question's name
};

struct DialectEntry {
  Question question;
  Answer loss;
  Answer grad;
  std::string_view note;    ///< one line
  std::string_view source;  ///< "definition", "executed", "from source"
};

struct Dialect {
  std::string_view name;
  std::vector<DialectEntry> entries;  ///< one for each question
  const DialectEntry& at(Question) const;
};

const std::vector<Dialect>& dialects();
/// Throws UsageError with the known names.
const Dialect& find_dialect(std::string_view name);

std::string_view name(Question);  ///< kebab case: all-masked
std::string_view name(Answer);

}  // namespace xent
