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
  // Posed by the numbers of a row of logits.
  masked_class,         ///< z_j = -inf for some j without target mass
  masked_target,        ///< z_y = -inf, others finite
  all_masked,           ///< every logit -inf
  plus_inf_logit,       ///< some logit +inf
  nan_logit,            ///< some logit NaN
  ignored_row,          ///< target = ignore_index, ordinary logits
  ignored_row_nan,      ///< the same where the row holds NaN, +inf, or nothing but -inf
  single_class,         ///< V = 1
  smoothed_masked_class,     ///< smoothing > 0 and some z_j = -inf
  zero_target_masked_class,  ///< vector targets: z_j = -inf only where y_j = 0
  zero_weight_masked_target,  ///< w_y = 0 and z_y = -inf
  // Posed by the numbers of a row of probabilities.
  zero_prob_target,     ///< p_j = 0 where q_j > 0: 0 * log q_j
  zero_both,            ///< p_j = q_j = 0
  zero_prob_model,      ///< p_j > 0 = q_j
  negative_prob,        ///< p_j < 0 or q_j < 0
  log_of_zero_right,    ///< bce-prob: x = 0 where y = 0, or x = 1 where y = 1
  log_of_zero_wrong,    ///< bce-prob: x = 0 where y > 0, or x = 1 where y < 1
  infinite_right,       ///< bce-logits: x = +inf where y = 1, or -inf where y = 0
  infinite_wrong,       ///< bce-logits: an infinite logit elsewhere
  // Posed by the call.
  none_valid_mean,      ///< a mean over no row: N = 0, or all ignored
  zero_weight_mean,     ///< a mean whose weights sum to 0
  loss_overflow,        ///< the exact loss is beyond the output format
  target_out_of_range,  ///< a class index outside [0, V) that is not ignore_index
  smoothing_out_of_range,      ///< epsilon outside [0, 1]
  ignore_with_vector_targets,  ///< ignore_index beside class probabilities
};

/// What a dialect says of a question.
enum class Answer : std::uint8_t {
  value,      ///< the formula, with exp(-inf) = 0 and 0 * log 0 = 0
  zero,       ///< exactly 0 (either sign)
  plus_inf,
  nan,
  error,      ///< the call must be refused
  undefined,  ///< no answer: the row is excluded, by this question's name
  clamped,    ///< the logarithm is clamped at the dialect's log_floor
  absent,     ///< the dialect has no such option
};

struct DialectEntry {
  Question question;
  Answer loss;
  Answer grad;
  std::string_view note;    ///< one line
  std::string_view source;  ///< "definition", "executed", "from source"
};

/// Formulas that libraries choose differently. Each is printed by `list dialects` with its source.
struct Conventions {
  /// smoothing spreads epsilon over the V - 1 other classes instead of all V.
  bool smoothing_over_others = false;
  /// A weighted mean of class indices divides by the sum of the targets' weights; else by rows.
  bool weighted_mean_by_weights = true;
  /// Least value of a logarithm in bce-prob; -infinity: not clamped.
  double log_floor = -1e300 * 1e300;
};

/// A convention, or another choice that needs no number, in words.
struct DialectNote {
  std::string_view topic;   ///< "smoothing mass", "kl mean", ...
  std::string_view answer;  ///< one line
  std::string_view source;  ///< "definition", "executed", "from source"
};

struct Dialect {
  std::string_view name;
  std::vector<DialectEntry> entries;  ///< one for each question
  Conventions conventions;
  std::vector<DialectNote> notes;     ///< the same topics in each dialect
  const DialectEntry& at(Question) const;
};

const std::vector<Dialect>& dialects();
/// Throws UsageError with the known names.
const Dialect& find_dialect(std::string_view name);

/// The oracle computes by this topic's Conventions; the other topics are only stated.
bool follows_convention(std::string_view topic);

/// How many questions there are; they are numbered from 0.
inline constexpr int kQuestions = static_cast<int>(Question::ignore_with_vector_targets) + 1;

std::string_view name(Question);     ///< kebab case: all-masked
std::string_view meaning(Question);  ///< one line: "every logit is -inf"
std::string_view name(Answer);

}  // namespace xent
