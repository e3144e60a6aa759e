// SPDX-License-Identifier: Apache-2.0
#include "oracle/reference_questions.h"

#include <cmath>
#include <limits>
#include <vector>

#include "oracle/row_numbers.h"

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

using Asked = std::optional<Question>;

double target_at(const TestCase& c, std::int64_t row, std::int64_t j) {
  return c.target.at(row * c.problem.v + j);
}

std::size_t at(std::int64_t j) { return static_cast<std::size_t>(j); }

/// z_j, as far as classes of numbers go: a cap makes every number finite.
double kind_of_logit(const Problem& p, double x) {
  if (p.softcap != 0 && std::isinf(x)) return 0;
  return p.scale < 0 ? -x : x;
}

std::vector<double> row_of(const Tensor& t, const TestCase& c, std::int64_t row) {
  return doubles_of(t, row * c.problem.v, c.problem.v);
}
std::vector<double> inputs_of(const TestCase& c, std::int64_t row) {
  return row_of(c.input, c, row);
}

struct Survey {
  bool nan = false, plus_inf = false, live = false, masked = false;
};

Survey survey_of(const TestCase& c, std::int64_t row) {
  Survey s;
  s.live = all_finite(c.input, row * c.problem.v, c.problem.v);
  if (s.live) return s;
  for (const double x : inputs_of(c, row)) {
    const double z = kind_of_logit(c.problem, x);
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
  Asked found;
  const auto look = [&](double value) {
    if (std::isnan(value)) found = Question::nan_logit;
    else if (std::isinf(value) && !found) found = Question::plus_inf_logit;
  };
  const auto look_at = [&](const Tensor& t, std::int64_t first) {
    if (all_finite(t, first, p.v)) return;
    for (const double value : doubles_of(t, first, p.v)) look(value);
  };
  const bool vector = has_vector_targets(p);
  if (vector) look_at(c.target, row * p.v);
  if (p.weights && (vector || p.smoothing > 0)) look_at(c.weight, 0);
  else if (p.weights && y >= 0) look(c.weight_of(y));
  if (p.dir == Dir::hvp) look_at(c.direction, row * p.v);
  return found;
}

/// 0 * -inf is no number in the dialect.
bool zero_times_infinity_is_nan(const Problem& p) {
  const DialectEntry& entry = find_dialect(p.dialect).at(Question::zero_target_masked_class);
  return entry.loss != Answer::value;
}

/// Open where the mass is negative: -inf, or a difference of infinities; and where a masked class
/// without mass stands beside one with mass, in dialects that multiply.
RowQuestion masked_question(const TestCase& c, std::int64_t row, std::int64_t y) {
  const Problem& p = c.problem;
  if (p.op != Op::ce && p.op != Op::nll) return {Question::masked_class};
  bool target = false, smoothed = false, weightless = false, negative = false, massless = false;
  const std::vector<double> x = inputs_of(c, row);
  for (std::int64_t j = 0; j < p.v; ++j) {
    if (kind_of_logit(p, x[at(j)]) != -kInf) continue;
    const bool named = y >= 0 ? j == y : target_at(c, row, j) != 0;
    const bool mass = has_mass(c, row, j, y);
    target |= named && mass;
    smoothed |= mass;
    weightless |= y >= 0 && named && !mass;
    massless |= y < 0 && !mass;
    negative |= mass && (c.weight_of(j) < 0 || (y < 0 && target_at(c, row, j) < 0));
  }
  const bool open = negative || (massless && zero_times_infinity_is_nan(p));
  if (target) return {Question::masked_target, open};
  if (smoothed) return {Question::smoothed_masked_class, open};
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
  if (all_finite(c.input, row * c.problem.v, c.problem.v)) return {};
  RowQuestion r;
  bool masked = false;
  const std::vector<double> inputs = inputs_of(c, row);
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    const double x = inputs[at(j)];
    if (std::isfinite(x)) continue;
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
  if (all_finite(c.input, row * c.problem.v, c.problem.v)) return {};
  for (const double x : inputs_of(c, row)) {
    if (std::isnan(x)) return {Question::nan_logit, true};
  }
  return {};
}

RowQuestion probabilities_question(const TestCase& c, std::int64_t row) {
  const Problem& problem = c.problem;
  const Tensor& of_p = problem.op == Op::entropy ? c.input : c.target;
  const std::int64_t first = row * problem.v;
  if (all_positive(c.input, first, problem.v) && all_positive(of_p, first, problem.v)) return {};
  bool nan = false, infinite = false, negative = false, model = false, both = false, zero = false;
  const std::vector<double> ps = row_of(of_p, c, row), qs = inputs_of(c, row);
  for (std::size_t j = 0; j < ps.size(); ++j) {
    const double p = ps[j], q = qs[j];
    nan |= std::isnan(p) || std::isnan(q);
    infinite |= p == kInf || q == kInf;
    negative |= p < 0 || q < 0;
    both |= p == 0 && q == 0;
    zero |= p == 0 && q != 0;
    model |= p != 0 && q == 0;
  }
  if (nan) return {Question::nan_logit};
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
  const bool inside = all_positive(c.input, row * c.problem.v, c.problem.v, true);
  const std::vector<double> inputs = inside ? std::vector<double>() : inputs_of(c, row);
  for (std::int64_t j = 0; j < std::ssize(inputs); ++j) {
    const double x = inputs[at(j)];
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
  const bool finite = all_finite(c.input, row * c.problem.v, c.problem.v);
  const std::vector<double> inputs = finite ? std::vector<double>() : inputs_of(c, row);
  for (std::int64_t j = 0; j < std::ssize(inputs); ++j) {
    const double x = inputs[at(j)];
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
