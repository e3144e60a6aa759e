// SPDX-License-Identifier: Apache-2.0
// L18: squared error of a softmax.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <span>

#include "oracle/bound_elements.h"

namespace xent {
namespace {

/// Errors of p_k, added up over all k, or over all but a class index.
double probability_errors(const RowOfLogits& s, GradForm form, double weight, double mean_gap) {
  const ProbabilityError e = probability_error(s, form, 1, 0);
  const double slope = s.g.exp_slope + (form == GradForm::shifted ? 1 : 0);
  return s.r.rigorous(times(weight, e.bracket + slope * s.r.live_gap(mean_gap)),
                      e.absolute * s.g.n, e.extra_tau);
}

/// y_k: an exact number of the case.
double label_of(const TestCase& c, std::int64_t row, std::int64_t k) {
  if (has_vector_targets(c.problem)) return c.target.at(row * c.problem.v + k);
  return c.scored_class(row) == k ? 1 : 0;
}

bool any_negative(const TestCase& c, std::int64_t row) {
  for (std::int64_t k = 0; k < c.problem.v; ++k) {
    if (label_of(c, row, k) < 0) return true;
  }
  return false;
}

/// p_y - 1 in the forms that f says.
Rounded target_gradient(const RowOfLogits& s, const FormOfElements& f, const Rounded& p) {
  Rounded g{target_size(s), 0};
  if (f.naive) g.error = p.error + s.a.u() * (g.size + p.error);
  if (f.accurate) g.error = std::max(g.error, f.accurate_error);
  return g;
}

/// p_k - y_k; of a class index in the form of the budget, elsewhere p_k itself.
Rounded difference(const RowOfLogits& s, const FormOfElements& f, const Rounded& p, double y) {
  const bool vector = has_vector_targets(s.ref.test_case().problem);
  if (!vector) return y == 1 ? target_gradient(s, f, p) : p;
  const double size = y < 0 ? p.size - y : std::max(p.size, y);
  return {size, (p.error + s.a.u() * (size + p.error)) * kOutward};
}

/// sum (p_k - y_k)^2 over the block, added to `total` of each form.
void add_squares(const RowOfLogits& s, std::span<const FormOfElements> forms, std::int64_t first,
                 std::int64_t count, const Elements& e, Rounded* total) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double most = magnitude_upper({Enclosure::Kind::number, e.hi[i], e.lo[i], e.rad[i]});
    const double gap = s.gap(first + i), y = label_of(s.ref.test_case(), s.row, first + i);
    for (std::size_t k = 0; k < forms.size(); ++k) {
      const Rounded d = difference(s, forms[k], s.probability(forms[k].grad, most, gap), y);
      const Rounded term = s.a.product(d, d);
      total[k] = {total[k].size + term.size, total[k].error + term.error};
    }
  }
}

}  // namespace

Rounded mean_difference(const RowOfLogits& s, const FormOfElements& f) {
  const TestCase& c = s.ref.test_case();
  const double products = s.a.omega() * s.g.n;
  Rounded mean;
  if (has_vector_targets(c.problem)) {
    // |p_k - y_k| <= max(1, |y_k|) for y_k >= 0, else 1 + |y_k|.
    const double most = any_negative(c, s.row) ? 1 + s.f.mass : std::max(1.0, s.f.mass);
    const double errors = probability_errors(s, f.grad, 1, s.f.mean_gap);
    mean = {most, errors * (most + 1 + errors) + products};
  } else {
    const std::int64_t y = *c.scored_class(s.row);
    const double rest = target_size(s);
    const double errors = probability_errors(s, f.grad, rest, s.f.rest_gap);
    const double most = magnitude_upper(s.ref.probability(s.row, y));
    const Rounded p_y = s.probability(f.grad, most, s.gap(y));
    const Rounded own = s.a.product(p_y, target_gradient(s, f, p_y));
    mean = {own.size + rest * rest, own.error + errors * (2 * rest + errors) + products};
  }
  return s.a.rounded(mean, s.g.depth + 2);
}

Rounded squared_loss(Reference& ref, const Ground& g, std::int64_t row) {
  const RowOfLogits s(ref, g, row);
  FormOfElements forms[4];
  const std::span open(forms, static_cast<std::size_t>(open_forms(s, true, forms)));
  Rounded total[4];
  const auto e = std::make_unique<Elements>();
  const std::int64_t v = ref.test_case().problem.v;
  for (std::int64_t first = 0; first < v; first += Elements::kMost) {
    const std::int64_t count = std::min(Elements::kMost, v - first);
    if (!ref.probabilities(row, first, count, 0, *e)) return {0, kNoBound};
    add_squares(s, open, first, count, *e, total);
  }
  Rounded worst;
  for (std::size_t k = 0; k < open.size(); ++k) {
    worst = larger(worst, s.a.rounded(total[k], s.g.depth));
  }
  return worst;
}

}  // namespace xent
