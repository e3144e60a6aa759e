// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>

#include "properties/experiments/categorical.h"
#include "properties/experiments/experiments.h"
#include "properties/experiments/statistics.h"

namespace xent {
namespace {

const Categorical kModel{{6, 5, 3, 2}};

struct Grid {
  std::vector<std::int64_t> sizes;  ///< N
  std::size_t replicates = 0;
  std::vector<double> frequencies;  ///< [sizes, replicates, classes]
};

Grid draw(const ClaimContext& context) {
  Grid g;
  g.replicates = is_smoke(context) ? 400 : 1600;
  const std::int64_t last = is_smoke(context) ? 1 << 16 : 1 << 18;
  // At N = 256 an unseen class, which has no finite logit, has probability (7/8)^256 < 10^-14.
  for (std::int64_t n = 256; n <= last; n *= 4) g.sizes.push_back(n);
  const Random random = Random(context.seed).stream(0x30);
  for (std::size_t i = 0; i < g.sizes.size(); ++i) {
    for (std::size_t k = 0; k < g.replicates; ++k) {
      const auto f = kModel.frequencies(random.stream(i).stream(k), g.sizes[i]);
      g.frequencies.insert(g.frequencies.end(), f.begin(), f.end());
    }
  }
  return g;
}

/// |p - true p|^2 of each fit of one size.
std::vector<double> squared_errors(const Fit& fit, const Grid& g, std::size_t size) {
  const auto v = static_cast<std::size_t>(kModel.classes());
  std::vector<double> squares;
  for (std::size_t k = 0; k < g.replicates; ++k) {
    const auto p = softmax(&fit.logits[(size * g.replicates + k) * v], kModel.classes());
    double sum = 0;
    for (std::size_t j = 0; j < v; ++j) {
      const double from = p[j] - kModel.probability(static_cast<std::int64_t>(j));
      sum += from * from;
    }
    squares.push_back(sum);
  }
  return squares;
}

/// Root mean square error by N and its slope on log axes.
struct Convergence {
  Series curve;
  Estimate slope;
  Estimate level;  ///< mean square error of the last size over what theory says
};

/// 1 - sum p^2: N E|p - p*|^2, exactly, for every N.
double spread_of_model() {
  double spread = 1;
  for (std::int64_t c = 0; c < kModel.classes(); ++c) {
    spread -= kModel.probability(c) * kModel.probability(c);
  }
  return spread;
}

Convergence measure(const Subject& s, const Grid& g) {
  const Fit fit = fit_logits(s, g.frequencies, kModel.classes());
  const double spread = spread_of_model();
  Convergence r;
  r.curve = {s.kernel.name, {}, {}, true};
  std::vector<double> x, y, error;
  for (std::size_t i = 0; i < g.sizes.size(); ++i) {
    const auto n = static_cast<double>(g.sizes[i]);
    const std::vector<double> squares = squared_errors(fit, g, i);
    const Estimate e = mean_estimate(squares);
    r.level = {n * e.value / spread, n * e.low / spread, n * e.high / spread};
    r.curve.x.push_back(n);
    r.curve.y.push_back(std::sqrt(e.value));
    x.push_back(std::log(n));
    y.push_back(std::log(e.value) / 2);
    // Of log of a mean, halved: delta method.
    const double relative =
        std::sqrt(variance(squares) / static_cast<double>(squares.size())) / e.value;
    error.push_back(relative / 2);
  }
  r.slope = slope_estimate(x, y, error);
  return r;
}

}  // namespace

ClaimEvidence study_consistency(const ClaimContext& context) {
  ClaimEvidence e;
  const Grid g = draw(context);
  Plot plot{"Error of the maximum-likelihood estimate", "draws N", "root mean square of p - p*",
            true, true, {}};
  std::size_t judged = 0;
  study_each(context, {"op=ce dir=fwdbwd"}, ClaimVerdict::agrees, e, [&](const Subject& s) {
    const Convergence c = measure(s, g);
    e.cases += static_cast<std::int64_t>(g.sizes.size() * g.replicates);
    if (judged++ == 0) {
      e.figures = {figure("slope of log error over log N", c.slope),
                   figure("N times the mean square error, over 1 - sum p^2", c.level)};
      Series theory{"sqrt((1 - sum p^2) / N)", c.curve.x, {}, false};
      for (const double n : theory.x) theory.y.push_back(std::sqrt(spread_of_model() / n));
      plot.series = {c.curve, theory};
    }
    demand(e, c.slope.contains(-0.5),
           fmt::format("the error falls like N^{:.4f}, interval [{:.4f}, {:.4f}] without -1/2",
                       c.slope.value, c.slope.low, c.slope.high));
    demand(e, !c.slope.contains(-0.25) && !c.slope.contains(-1),
           fmt::format("interval [{:.4f}, {:.4f}] of the slope cannot tell -1/2 from -1/4 or -1",
                       c.slope.low, c.slope.high));
    demand(e, c.level.contains(1),
           fmt::format("N times the mean square error is {:.4f} of 1 - sum p^2, interval [{:.4f}, "
                       "{:.4f}] without 1", c.level.value, c.level.low, c.level.high));
  });
  e.plots.push_back(std::move(plot));
  e.evidence = fmt::format(
      "{} samples of a distribution over {} classes at each of {} sizes from {} to {}, fitted by "
      "the gradients of {}: error against the true probabilities; intervals at 1 - 10^-6",
      g.replicates, kModel.classes(), g.sizes.size(), g.sizes.front(), g.sizes.back(),
      kernels_in_words(judged));
  return e;
}

}  // namespace xent
