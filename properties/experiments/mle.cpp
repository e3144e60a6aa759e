// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "oracle/bound.h"
#include "properties/experiments/categorical.h"
#include "properties/experiments/experiments.h"
#include "properties/experiments/linear_model.h"
#include "properties/experiments/statistics.h"

namespace xent {
namespace {

using Vector = std::vector<double>;

constexpr double kInf = std::numeric_limits<double>::infinity();

// (a) The categorical model. At logits z the exact gradient of sum_c f_c CE(z, c) is p - f.

/// Bounds of the error of the kernel's weighted gradient of one row, by component.
Vector weighted_bounds(const Subject& s, Reference& r, const Vector& f, std::int64_t row) {
  const ErrorBudget budget = s.kernel.budget(r.test_case().problem);
  const auto v = static_cast<std::int64_t>(r.test_case().problem.v);
  Vector bounds(static_cast<std::size_t>(v));
  for (std::int64_t j = 0; j < v; ++j) {
    double sum = rounding(v + 1);  // of the weighted sum itself: terms at most f_c
    for (std::int64_t c = 0; c < v; ++c) {
      const double at = grad_bound(r, budget, row * v + c, j);
      sum += f[static_cast<std::size_t>(row * v + c)] * at;
    }
    bounds[static_cast<std::size_t>(j)] = sum;
  }
  return bounds;
}

/// How far one row's fit is from the frequencies, and whether it may be.
double check_fit(ClaimEvidence& e, const Subject& s, const Fit& fit, const Vector& f,
                 std::int64_t row, Reference& reference) {
  const std::int64_t v = reference.test_case().problem.v;
  const Vector bounds = weighted_bounds(s, reference, f, row);
  const auto first = static_cast<std::size_t>(row * v);
  const Vector g(&fit.gradient[first], &fit.gradient[first] + v);
  double largest_logit = 0, worst = 0;
  for (std::size_t j = 0; j < g.size(); ++j) {
    largest_logit = std::max(largest_logit, std::fabs(fit.logits[first + j]));
  }
  // After the last step the exact gradient is the error of the one it was made of, moved by the
  // rounding of the logits: the norm of diag(p) - p p^T is at most 1/2.
  const double grid =
      std::sqrt(static_cast<double>(v)) * ulp(largest_logit, s.dtype) / 4;
  demand(e, norm(g) <= 2 * norm(bounds) + grid,
         fmt::format("Newton's method ends at a gradient of {:.3g}, above {:.3g}", norm(g),
                     2 * norm(bounds) + grid));
  for (std::size_t j = 0; j < g.size(); ++j) {
    const Enclosure p = reference.probability(row * v, static_cast<std::int64_t>(j));
    const double bound = std::fabs(g[j]) + bounds[j];
    const double apart = distance(f[first + j], p).upper;
    worst = std::max(worst, std::fabs(std::log1p((p.hi - f[first + j]) / f[first + j])));
    demand(e, apart <= bound,
           fmt::format("class {}: probability {:.9g}, frequency {:.9g}, bound {:.3g}", j, p.hi,
                       f[first + j], bound));
  }
  return worst;
}

struct FrequenciesPart {
  std::int64_t rows = 0;
  double worst_log = 0;  ///< largest |log p - log f|
};

void fit_frequencies(const ClaimContext& context, const Subject& s, ClaimEvidence& e,
                     FrequenciesPart& part) {
  static const std::vector<Categorical> kModels = {{{8, 4, 3, 1}}, {{1, 1, 14}}, {{4, 4, 4, 4}},
                                                   {{9, 7}}, {{1, 2, 3, 4, 5, 1}}};
  for (std::size_t m = 0; m < kModels.size(); ++m) {
    const std::int64_t v = kModels[m].classes();
    Vector f;
    for (std::uint64_t k = 0; k < 2; ++k) {
      const Vector more = kModels[m].frequencies(Random(context.seed).stream(0x20 + m).stream(k),
                                                 1024);
      f.insert(f.end(), more.begin(), more.end());
    }
    const Fit fit = fit_logits(s, f, v);
    Reference reference(every_class_case(s, fit.logits, v));
    for (std::int64_t row = 0; row < 2; ++row) {
      part.worst_log = std::max(part.worst_log, check_fit(e, s, fit, f, row, reference));
      ++part.rows;
    }
    // The least cross-entropy: the losses there are right as well.
    demand_right(e, s, reference, answer(s, reference.test_case()));
  }
}

// (b), (c) Linear models.

/// The objective's Hessian at distance t from w is at least exp(-curving t) times the curvature at
/// w: curving = 0 for the term lambda alone; for the logistic loss max |x_r|, because
/// |sigma''| <= sigma' (Bach 2010, Self-concordant analysis for logistic regression, lemma 1).
struct Convexity {
  double curvature = 0;
  double curving = 0;

  /// Distance to the minimiser from a gradient of at most this norm: integrating the Hessian
  /// along the segment, norm >= curvature (1 - exp(-curving d)) / curving.
  double distance(double gradient_norm) const {
    if (curving == 0) return gradient_norm / curvature;
    const double x = curving * gradient_norm / curvature;
    return x < 1 ? -std::log1p(-x) / curving : kInf;
  }
};

Convexity convexity(const LinearModel& m, const Vector& w) {
  if (m.lambda > 0) return {m.lambda, 0};
  Convexity c;
  // Half of it: far more than the roundings of the eigenvalue.
  c.curvature = least_eigenvalue(m.hessian(w), w.size()) / 2;
  for (std::int64_t r = 0; r < m.data.n; ++r) {
    c.curving = std::max(c.curving, norm(Vector(m.row(r), m.row(r) + m.data.d)));
  }
  return c;
}

/// Bound of |computed - exact gradient of the objective|, in norm. The logits are rounded in the
/// dot product and to the type, and softmax moves by at most half of that; `row_error` is of each
/// row's gradient in its logits; then the sum over the rows.
double gradient_error(const LinearModel& m, const Vector& w, const Vector& of_logits,
                      const Vector& row_error, DType dtype) {
  double sum = 0;
  const Vector z = m.logits(w);
  for (std::int64_t r = 0; r < m.data.n; ++r) {
    double moved = 0, error = 0, size = 0, weighted = 0;
    for (std::int64_t c = 0; c < m.outputs; ++c) {
      double terms = 0;
      for (std::int64_t j = 0; j < m.data.d; ++j) {
        terms += std::fabs(m.row(r)[j] * w[static_cast<std::size_t>(c * m.data.d + j)]);
      }
      const auto at = static_cast<std::size_t>(r * m.outputs + c);
      const double delta = rounding(m.data.d) * terms + ulp(z[at], dtype) / 2;
      moved += delta * delta;
      error += row_error[at] * row_error[at];
      size += of_logits[at] * of_logits[at];
    }
    weighted = std::sqrt(moved) / 2 + std::sqrt(error) + rounding(m.data.n + 3) * std::sqrt(size);
    sum += weighted * norm(Vector(m.row(r), m.row(r) + m.data.d));
  }
  return sum / static_cast<double>(m.data.n) + rounding(3) * m.lambda * norm(w);
}

/// Weights, and how far at most from the minimiser.
struct Trained {
  Vector w;
  double gradient = 0;
  double error = 0;
  double distance = 0;
};

/// Newton's method from 0; `of_logits` gives the rows' gradients. Keeps the least gradient.
template <class OfLogits>
Trained newton(const LinearModel& m, const OfLogits& of_logits) {
  constexpr int kSteps = 25;
  Trained best;
  best.gradient = kInf;
  Vector w(static_cast<std::size_t>(m.size()), 0.0);
  for (int step = 0; step < kSteps; ++step) {
    const Vector g = m.gradient(of_logits(w), w);
    if (norm(g) < best.gradient) {
      best.w = w;
      best.gradient = norm(g);
    }
    const auto d = solve_positive(m.hessian(w), g);
    if (!d) break;
    for (std::size_t i = 0; i < w.size(); ++i) w[i] -= (*d)[i];
  }
  if (best.w.empty()) throw Broken("the gradient is not a number");
  return best;
}

/// By the study's own arithmetic; the gradient at its end by the oracle.
Trained reference_optimum(const LinearModel& m, const Problem& in_f64) {
  Trained t = newton(m, [&](const Vector& w) { return m.own_gradient(w); });
  Reference exact(m.test_case(in_f64, t.w));
  Vector g, error;
  for (std::int64_t r = 0; r < m.data.n; ++r) {
    for (std::int64_t c = 0; c < m.outputs; ++c) {
      const Enclosure e = exact.grad(r, c);
      g.push_back(e.hi);
      error.push_back(e.rad + ulp(e.hi, DType::f64));
    }
  }
  t.gradient = norm(m.gradient(g, t.w));
  t.error = gradient_error(m, t.w, g, error, DType::f64);
  t.distance = convexity(m, t.w).distance(t.gradient + t.error);
  return t;
}

Trained train(const LinearModel& m, const Subject& s, const Problem& p) {
  Trained t = newton(m, [&](const Vector& w) {
    return numbers(answer(s, m.test_case(p, w)).grad);
  });
  const TestCase c = m.test_case(p, t.w);
  Reference reference(c);
  const ErrorBudget budget = s.kernel.budget(c.problem);
  Vector error;
  for (std::int64_t r = 0; r < m.data.n; ++r) {
    for (std::int64_t j = 0; j < m.outputs; ++j) {
      error.push_back(grad_bound(reference, budget, r, j));
    }
  }
  t.error = gradient_error(m, t.w, numbers(answer(s, c).grad), error, s.dtype);
  t.distance = convexity(m, t.w).distance(t.gradient + t.error);
  return t;
}

/// The kernel's optimum against the study's own. `worst` collects the distance of the two.
void check_optimum(ClaimEvidence& e, const LinearModel& m, const Subject& s,
                   const std::string& problem, Estimate& worst) {
  Problem in_f64 = parse_problem(problem);
  in_f64.dtype = DType::f64;
  const Trained own = reference_optimum(m, in_f64);
  const Trained t = train(m, s, problem_for(s, problem, m.data.n, m.outputs));
  demand(e, t.gradient <= 2 * t.error,
         fmt::format("{}: the gradient ends at {:.3g}, above twice its error {:.3g}", problem,
                     t.gradient, t.error));
  Vector apart(own.w.size());
  for (std::size_t i = 0; i < apart.size(); ++i) apart[i] = t.w[i] - own.w[i];
  const double bound = t.distance + own.distance;
  demand(e, norm(apart) <= bound && std::isfinite(bound),
         fmt::format("{}: {:.3g} from the optimum, bound {:.3g}", problem, norm(apart), bound));
  if (norm(apart) >= worst.value) worst = {norm(apart), 0, bound};
  ++e.cases;
}

}  // namespace

ClaimEvidence study_mle(const ClaimContext& context) {
  constexpr const char* kSoftmax = "op=ce dir=bwd";
  constexpr const char* kBinary = "op=bce-logits dir=bwd v=1";
  const Dataset iris = standardised(iris_dataset());
  const Dataset two = standardised(only_classes(iris_dataset(), {1, 2}));
  const LinearModel species{iris, 3, 1e-2}, logistic{two, 1, 0};
  ClaimEvidence e;
  FrequenciesPart frequencies;
  Estimate softmax_apart, logistic_apart;
  std::size_t judged = 0, binary = 0;
  study_each(context, {"op=ce dir=fwdbwd", kSoftmax}, ClaimVerdict::tested, e,
             [&](const Subject& s) {
               ++judged;
               fit_frequencies(context, s, e, frequencies);
               check_optimum(e, species, s, kSoftmax, softmax_apart);
             });
  if (!subjects(context, {kBinary}).empty()) {
    const ClaimVerdict before = e.verdict;
    study_each(context, {kBinary}, before, e, [&](const Subject& s) {
      ++binary;
      check_optimum(e, logistic, s, kBinary, logistic_apart);
    });
    if (before != ClaimVerdict::tested) e.verdict = before;
  }
  e.cases += frequencies.rows;
  e.figures = {figure("largest |log p - log frequency|", {frequencies.worst_log, 0,
                                                          frequencies.worst_log}, "nats"),
               figure("softmax regression on Iris, lambda = 1/100: distance of the weights from "
                      "the optimum, and its bound", softmax_apart)};
  if (binary > 0) {
    e.figures.push_back(figure("logistic regression, versicolor against virginica: distance of "
                               "the weights from the optimum, and its bound", logistic_apart));
  }
  e.evidence = fmt::format(
      "{} fits of logits to frequencies by the gradients of {} end at the frequencies, within the "
      "gradients' bounds; so do softmax regression on Iris and, on {}, logistic regression, at the "
      "optimum found by Newton's method in other code, within what convexity allows",
      frequencies.rows, kernels_in_words(judged), kernels_in_words(binary));
  return e;
}

}  // namespace xent
