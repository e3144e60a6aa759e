// SPDX-License-Identifier: Apache-2.0
#include "oracle/reference_questions.h"

#include <cmath>
#include <limits>

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

using Asked = std::optional<Question>;

double target_at(const TestCase& c, std::int64_t row, std::int64_t j) {
  return c.target.at(row * c.problem.v + j);
}

/// z_j, as far as classes of numbers go: a cap makes every number finite.
double kind_of_logit(const TestCase& c, std::int64_t row, std::int64_t j) {
  const double x = c.logit(row, j);
  if (c.problem.softcap != 0 && std::isinf(x)) return 0;
  return c.problem.scale < 0 ? -x : x;
}

struct Survey {
  bool nan = false, plus_inf = false, live = false, masked = false;
};

Survey survey_of(const TestCase& c, std::int64_t row) {
  Survey s;
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    const double z = kind_of_logit(c, row, j);
    s.nan |= std::isnan(z);
    s.plus_inf |= z == kInf;
    s.masked |= z == -kInf;
    s.live |= z != -kInf;
  }
  return s;
}

/// NaN or an infinity in what stands beside the input: vector targets, weights, direction.
Asked stray(const TestCase& c, std::int64_t row, std::int64_t y) {
  const Problem& p = c.problem;
  const bool vector = has_vector_targets(p);
  if (!vector && !p.weights && p.dir != Dir::hvp) return std::nullopt;
  Asked found;
  const auto look = [&](double value) {
    if (std::isnan(value)) found = Question::nan_logit;
    else if (std::isinf(value) && !found) found = Question::plus_inf_logit;
  };
  for (std::int64_t j = 0; j < p.v; ++j) {
    if (vector) look(target_at(c, row, j));
    if (p.weights && (vector || p.smoothing > 0 || j == y)) look(c.weight_of(j));
    if (p.dir == Dir::hvp) look(c.direction.at(row * p.v + j));
  }
  return found;
}

/// Open where the mass is negative: -inf, or a difference of infinities.
RowQuestion masked_question(const TestCase& c, std::int64_t row, std::int64_t y) {
  const Problem& p = c.problem;
  if (p.op != Op::ce && p.op != Op::nll) return {Question::masked_class};
  bool target = false, smoothed = false, weightless = false, negative = false;
  for (std::int64_t j = 0; j < p.v; ++j) {
    if (kind_of_logit(c, row, j) != -kInf) continue;
    const bool named = y >= 0 ? j == y : target_at(c, row, j) != 0;
    const bool mass = has_mass(c, row, j, y);
    target |= named && mass;
    smoothed |= mass;
    weightless |= y >= 0 && named && !mass;
    negative |= mass && (c.weight_of(j) < 0 || (y < 0 && target_at(c, row, j) < 0));
  }
  if (target) return {Question::masked_target, negative};
  if (smoothed) return {Question::smoothed_masked_class, negative};
  if (weightless) return {Question::zero_weight_masked_target};
  return {y >= 0 ? Question::masked_class : Question::zero_target_masked_class};
}

RowQuestion softmax_question(const TestCase& c, std::int64_t row, std::int64_t y) {
  const Survey s = survey_of(c, row);
  if (s.nan) return {Question::nan_logit};
  if (const Asked found = stray(c, row, y)) return {found};
  if (s.plus_inf) return {Question::plus_inf_logit};
  if (!s.live) return {Question::all_masked};
  if (c.problem.v == 1) return {Question::single_class};
  if (s.masked) return masked_question(c, row, y);
  return {};
}

RowQuestion nll_question(const TestCase& c, std::int64_t row, std::int64_t y) {
  if (const Asked found = stray(c, row, y)) return {found};
  RowQuestion r;
  bool masked = false;
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    const double x = c.logit(row, j);
    const bool mass = has_mass(c, row, j, y);
    if (std::isnan(x) && mass) return {Question::nan_logit};
    if (std::isnan(x)) r = {Question::nan_logit, true};
    else if (x == kInf && mass && !r.question) r = {Question::plus_inf_logit};
    masked |= x == -kInf;
  }
  if (!r.question && masked) return masked_question(c, row, y);
  return r;
}

/// Self-information: only q_y matters.
RowQuestion self_information_question(const TestCase& c, std::int64_t row, std::int64_t y) {
  const double q = c.logit(row, y);
  if (std::isnan(q)) return {Question::nan_logit};
  if (q < 0) return {Question::negative_prob};
  if (q == kInf) return {Question::plus_inf_logit};
  if (q == 0) return {Question::zero_prob_model};
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    if (std::isnan(c.logit(row, j))) return {Question::nan_logit, true};
  }
  return {};
}

RowQuestion probabilities_question(const TestCase& c, std::int64_t row) {
  bool infinite = false, negative = false, model = false, both = false, zero = false;
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    const double q = c.logit(row, j);
    const double p = c.problem.op == Op::entropy ? q : target_at(c, row, j);
    if (std::isnan(p) || std::isnan(q)) return {Question::nan_logit};
    infinite |= p == kInf || q == kInf;
    negative |= p < 0 || q < 0;
    if (p == 0) (q == 0 ? both : zero) = true;
    else model |= q == 0;
  }
  if (negative) return {Question::negative_prob};
  if (infinite) return {Question::plus_inf_logit};
  if (model) return {Question::zero_prob_model};
  if (both) return {Question::zero_both};
  if (zero) return {Question::zero_prob_target};
  return {};
}

/// An infinite term of a binary loss; open unless it is +inf.
struct Ends {
  bool right = false, wrong = false, open = false;

  void add(const TestCase& c, std::int64_t row, std::int64_t j, bool at_one) {
    const double y = target_at(c, row, j), w = c.weight_of(j);
    const bool harmless = y == (at_one ? 1 : 0) || w == 0;
    (harmless ? right : wrong) = true;
    open |= !harmless && (w < 0 || y < 0 || y > 1);
  }
};

RowQuestion bce_prob_question(const TestCase& c, std::int64_t row) {
  bool outside = false;
  Ends ends;
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    const double x = c.logit(row, j);
    if (std::isnan(x)) return {Question::nan_logit};
    outside |= x < 0 || x > 1;
    if (x == 0 || x == 1) ends.add(c, row, j, x == 1);
  }
  if (const Asked found = stray(c, row, -1)) return {found};
  if (outside) return {Question::negative_prob};
  if (ends.wrong) return {Question::log_of_zero_wrong, ends.open};
  if (ends.right) return {Question::log_of_zero_right};
  return {};
}

RowQuestion binary_logits_question(const TestCase& c, std::int64_t row) {
  Ends ends;
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    const double x = c.logit(row, j);
    if (std::isnan(x)) return {Question::nan_logit};
    if (std::isinf(x)) ends.add(c, row, j, x > 0);
  }
  if (const Asked found = stray(c, row, -1)) return {found};
  if (c.problem.op == Op::mse_sigmoid) return {};
  if (ends.wrong) return {Question::infinite_wrong, ends.open};
  if (ends.right) return {Question::infinite_right};
  return {};
}

Question ignored_question(const TestCase& c, std::int64_t row) {
  const Survey s = survey_of(c, row);
  const bool strange = s.nan || s.plus_inf || !s.live;
  return strange ? Question::ignored_row_nan : Question::ignored_row;
}

}  // namespace

bool has_index_target(const Problem& p) { return p.takes_targets() && !has_vector_targets(p); }

bool is_ignored(const TestCase& c, std::int64_t row) {
  return has_index_target(c.problem) && !c.scored_class(row);
}

bool has_mass(const TestCase& c, std::int64_t row, std::int64_t j, std::int64_t y) {
  if (c.weight_of(j) == 0) return false;
  if (c.problem.smoothing > 0) return true;
  return y >= 0 ? j == y : target_at(c, row, j) != 0;
}

bool has_formula(Question q) {
  return q != Question::nan_logit && q != Question::plus_inf_logit && q != Question::all_masked &&
         q != Question::negative_prob;
}

RowQuestion row_question(const TestCase& c, std::int64_t row) {
  if (is_ignored(c, row)) return {ignored_question(c, row)};
  const Op op = c.problem.op;
  const std::int64_t y = has_index_target(c.problem) ? *c.scored_class(row) : -1;
  if (takes_logits(op)) return softmax_question(c, row, y);
  if (op == Op::nll) return nll_question(c, row, y);
  if (op == Op::bce_prob) return bce_prob_question(c, row);
  if (is_binary(op)) return binary_logits_question(c, row);
  return y >= 0 ? self_information_question(c, row, y) : probabilities_question(c, row);
}

}  // namespace xent
