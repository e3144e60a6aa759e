// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "oracle/bound.h"
#include "oracle/interval.h"
#include "oracle/judge.h"
#include "properties/data/iris.h"
#include "properties/experiments/experiments.h"
#include "properties/experiments/laboratory.h"
#include "properties/random.h"

namespace xent {
namespace {

using Real = Interval<kDigits[1]>;

constexpr std::array<double, 3> kVariances = {0.25, 1, 4};

Real pi() {
  Real x;
  mpfi_const_pi(raw(x));
  return x;
}

/// exp(-r^2 / (2 var)) / sqrt(2 pi var), the density of an error r, squared: no root is needed.
Real squared_density(const Real& r, double var) {
  return exp_of(Real(-(r * r) / Real(var))) / (Real(2) * pi() * Real(var));
}

/// -log of the product of the densities.
Real gaussian_nll(const std::vector<Real>& errors, double var) {
  Real nll(0);
  for (const Real& r : errors) nll -= log_of(squared_density(r, var)) / Real(2);
  return nll;
}

Real sum_of_squares(const std::vector<Real>& errors) {
  Real sum(0);
  for (const Real& r : errors) sum += r * r;
  return sum;
}

/// -log density less squared error / (2 var): the constant n/2 log(2 pi var), whatever the errors.
Real constant_of(const std::vector<Real>& errors, double var) {
  return gaussian_nll(errors, var) - sum_of_squares(errors) / Real(2 * var);
}

bool contains_zero(const Real& x) { return lower_double(x) <= 0 && upper_double(x) >= 0; }

/// Marks the evidence if the exact statement does not hold.
void expect(ClaimEvidence& e, bool holds, const char* what) {
  ++e.checks;
  if (holds) return;
  e.verdict = ClaimVerdict::contradicted;
  e.reason = what;
}

/// On two sets of dyadic errors the constants are the same: the intervals of their difference
/// hold 0 and are narrow.
void check_identity(ClaimEvidence& e, const ClaimContext& context) {
  const Random random = Random(context.seed).stream(0x60);
  const std::uint64_t trials = is_smoke(context) ? 30 : 300;
  for (std::uint64_t k = 0; k < trials; ++k, ++e.cases) {
    std::vector<Real> a, b;
    for (std::uint64_t i = 0; i < 8; ++i) {
      a.emplace_back(random.stream(2 * k).normal(i));
      b.emplace_back(random.stream(2 * k + 1).normal(i));
    }
    for (const double var : kVariances) {
      const Real difference = constant_of(a, var) - constant_of(b, var);
      const double width = upper_double(difference) - lower_double(difference);
      expect(e, contains_zero(difference) && width <= 0x1p-40,
             "the Gaussian likelihood and the squared error differ by more than a constant");
    }
  }
}

/// Petal width over petal length, in tenths, by least squares in integers: slope = num / den, and
/// the errors times den are integers. Both scores are 0 there exactly, so the Gaussian likelihood
/// has the same stationary point, its own by convexity.
struct LeastSquares {
  std::int64_t num = 0, den = 0, offset = 0;  ///< predicted = (num x + offset / n) / den

  static LeastSquares of_iris() {
    std::int64_t sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (const auto& flower : iris::kTenths) {
      const std::int64_t x = flower[2], y = flower[3];
      sx += x, sy += y, sxx += x * x, sxy += x * y;
    }
    const std::int64_t n = iris::kRows;
    LeastSquares l;
    l.num = n * sxy - sx * sy;
    l.den = n * sxx - sx * sx;
    l.offset = sy * l.den - l.num * sx;
    return l;
  }
  /// n den (y - predicted), an integer.
  std::int64_t error(std::int64_t x, std::int64_t y) const {
    return iris::kRows * (den * y - num * x) - offset;
  }
};

void check_minimiser(ClaimEvidence& e, Plot& plot) {
  const LeastSquares l = LeastSquares::of_iris();
  std::int64_t score_offset = 0, score_slope = 0;
  for (const auto& flower : iris::kTenths) {
    const std::int64_t r = l.error(flower[2], flower[3]);
    score_offset += r;
    score_slope += r * flower[2];
  }
  expect(e, score_offset == 0 && score_slope == 0, "the least-squares line has a score");
  const double slope = static_cast<double>(l.num) / static_cast<double>(l.den);
  const double offset =
      static_cast<double>(l.offset) / static_cast<double>(iris::kRows * l.den);
  for (int k = -10; k <= 10; ++k) {
    std::vector<Real> errors;
    for (const auto& flower : iris::kTenths) {
      errors.push_back(Real(flower[3]) - Real(slope + k / 100.0) * Real(flower[2]) - Real(offset));
    }
    plot.series[0].x.push_back(slope + k / 100.0);
    plot.series[0].y.push_back(to_enclosure(gaussian_nll(errors, 4)).hi);
    plot.series[1].x.push_back(slope + k / 100.0);
    plot.series[1].y.push_back(to_enclosure(sum_of_squares(errors)).hi / 8);
  }
  ++e.cases;
}

/// A kernel's squared error of softmax or sigmoid is the Gaussian likelihood of y around p.
void check_kernel(ClaimEvidence& e, const Subject& s, const char* problem, std::uint64_t seed) {
  constexpr std::int64_t n = 20, v = 5;
  std::vector<double> z, y;
  const Random random = Random(seed).stream(0x61);
  for (std::uint64_t i = 0; i < n * v; ++i) {
    z.push_back(std::round(64 * random.normal(i)) / 64);
    y.push_back(i % v == i / v % v ? 1 : 0);
  }
  Problem p = problem_for(s, problem, n, v);
  const TestCase c = vector_case(p, z, y);
  Reference reference(c);
  const ErrorBudget budget = s.kernel.budget(p);
  const Output out = answer(s, c);
  for (std::int64_t r = 0; r < n; ++r) {
    std::vector<Real> errors, e_j;
    Real sum(0);
    for (std::int64_t j = 0; j < v; ++j) {
      e_j.push_back(exp_of(Real(c.logit(r, j))));
      sum += e_j.back();
    }
    for (std::int64_t j = 0; j < v; ++j) {
      const Real& own = e_j[static_cast<std::size_t>(j)];
      const Real of_all = p.op == Op::mse_softmax ? sum : Real(Real(1) + own);
      errors.push_back(own / of_all - Real(c.target.at(r * v + j)));
    }
    // At variance 1/2 the likelihood is the squared error + v/2 log pi.
    const Real likelihood = gaussian_nll(errors, 0.5) - Real(v) / Real(2) * log_of(pi());
    const Judgement j =
        judge_value(out.loss.at(r), p.output_dtype(), loss_bound(reference, budget, r),
                    "squared error", [&](int) { return to_enclosure(likelihood); });
    demand(e, j.verdict == Verdict::pass, "against the Gaussian likelihood: " + j.message);
  }
  ++e.cases;
}

}  // namespace

ClaimEvidence study_mse_is_gaussian(const ClaimContext& context) {
  ClaimEvidence e;
  e.verdict = ClaimVerdict::tested;
  Plot plot{"Petal width over petal length (Iris, variance 4): one curve is the other, raised",
            "slope of the line", "nats", false, false,
            {{"Gaussian negative log-likelihood", {}, {}, false},
             {"sum of squared errors / (2 variance)", {}, {}, false}}};
  check_identity(e, context);
  check_minimiser(e, plot);
  std::size_t judged = 0;
  for (const char* problem : {"op=mse-softmax targets=prob", "op=mse-sigmoid"}) {
    if (subjects(context, {problem}).empty() || e.verdict != ClaimVerdict::tested) continue;
    study_each(context, {problem}, ClaimVerdict::tested, e, [&](const Subject& s) {
      check_kernel(e, s, problem, context.seed);
      ++judged;
    });
  }
  const std::vector<double>& nll = plot.series[0].y;
  e.figures.push_back(exact_figure("their difference on Iris, n/2 log(2 pi variance)",
                                   nll[10] - plot.series[1].y[10], "nats"));
  e.plots.push_back(std::move(plot));
  e.evidence = fmt::format(
      "-log of Gaussian densities less squared error / (2 variance) is one constant on dyadic "
      "errors, in enclosures; the least-squares line on Iris solves both problems, in integers; "
      "squared errors of {} are such likelihoods, within their bounds",
      judged == 0 ? "no kernel" : fmt::format("{} runs of kernels", judged));
  return e;
}

}  // namespace xent
