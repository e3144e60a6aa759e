// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>

#include "properties/experiments/categorical.h"
#include "properties/experiments/experiments.h"
#include "properties/experiments/statistics.h"

namespace xent {
namespace {

const Categorical kModel{{6, 5, 3, 2}};
constexpr std::size_t kFree = 3;  // classes less the reference class
// A log-odds has a bias of order 1/N, far below its deviation of order 1/sqrt(N).
constexpr std::int64_t kDraws = 1 << 16;

/// Log-odds against the last class, less the true ones, times sqrt(N), times L^T where
/// L L^T = diag(p) - p p^T is the Fisher information of one draw: standard normal if the estimate
/// is efficient and normal. Of estimate k: [k * kFree, (k + 1) * kFree).
std::vector<double> whitened(const Fit& fit) {
  double l[kFree][kFree] = {};
  for (std::size_t i = 0; i < kFree; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double p = kModel.probability(static_cast<std::int64_t>(i));
      double sum = (i == j ? p : 0) - p * kModel.probability(static_cast<std::int64_t>(j));
      for (std::size_t k = 0; k < j; ++k) sum -= l[i][k] * l[j][k];
      l[i][j] = i == j ? std::sqrt(sum) : sum / l[j][j];
    }
  }
  std::vector<double> out;
  for (std::size_t at = 0; at < fit.logits.size(); at += kFree + 1) {
    for (std::size_t j = 0; j < kFree; ++j) {
      double y = 0;
      for (std::size_t i = j; i < kFree; ++i) {
        const double truth = std::log(kModel.probability(static_cast<std::int64_t>(i)) /
                                      kModel.probability(kFree));
        const double odds = fit.logits[at + i] - fit.logits[at + kFree];
        y += l[i][j] * (odds - truth);
      }
      out.push_back(y * std::sqrt(static_cast<double>(kDraws)));
    }
  }
  return out;
}

std::vector<double> column(const std::vector<double>& y, std::size_t j) {
  std::vector<double> x;
  for (std::size_t at = j; at < y.size(); at += kFree) x.push_back(y[at]);
  return x;
}

/// Total variance over the bound's: an estimate of 1 by sums of squares of kFree normals each.
Estimate variance_ratio(const std::vector<double>& y) {
  double sum = 0;
  for (const double x : y) sum += x * x;
  return variance_estimate(sum, static_cast<double>(y.size()));
}

/// The mean of y_i y_j: 0 if the covariance has the bound's shape.
Estimate cross_moment(const std::vector<double>& y, std::size_t i, std::size_t j) {
  std::vector<double> products;
  for (std::size_t at = 0; at < y.size(); at += kFree) products.push_back(y[at + i] * y[at + j]);
  return mean_estimate(products);
}

Plot quantile_plot(const std::vector<double>& y, const std::string& kernel) {
  Plot plot{"Whitened log-odds against the normal law", "normal quantile", "sample quantile", false,
            false, {{kernel, {}, {}, true}, {"efficient and normal", {}, {}, false}}};
  const std::vector<double> first = column(y, 0);
  for (int k = 1; k < 40; ++k) {
    const double q = normal_quantile(1 - k / 40.0);
    plot.series[0].x.push_back(q);
    plot.series[0].y.push_back(sample_quantile(first, k / 40.0));
    plot.series[1].x.push_back(q);
    plot.series[1].y.push_back(q);
  }
  return plot;
}

/// Throws Broken unless variance, covariance and shape are those of the bound.
void check_law(ClaimEvidence& e, const std::vector<double>& y) {
  const Estimate ratio = variance_ratio(y);
  demand(e, ratio.contains(1),
         fmt::format("variance {:.4f} times the Cramer-Rao bound, interval [{:.4f}, {:.4f}]",
                     ratio.value, ratio.low, ratio.high));
  demand(e, !ratio.contains(0.5) && !ratio.contains(2),
         fmt::format("interval [{:.4f}, {:.4f}] of the variance cannot tell 1 from 1/2 or 2",
                     ratio.low, ratio.high));
  for (std::size_t j = 0; j < kFree; ++j) {
    for (std::size_t i = 0; i < j; ++i) {
      const Estimate moment = cross_moment(y, i, j);
      demand(e, moment.contains(0),
             fmt::format("whitened log-odds {} and {} correlate: {:.4f} in [{:.4f}, {:.4f}]", i, j,
                         moment.value, moment.low, moment.high));
    }
    const std::vector<double> x = column(y, j);
    const double apart = distance_from_normal(x);
    const double allowed = distance_allowed(x.size(), kRejection / kFree);
    demand(e, apart <= allowed,
           fmt::format("whitened log-odds {} are {:.4f} from the normal law, allowed {:.4f}", j,
                       apart, allowed));
  }
}

}  // namespace

ClaimEvidence study_efficiency(const ClaimContext& context) {
  ClaimEvidence e;
  const std::size_t replicates = is_smoke(context) ? 1000 : 4000;
  std::vector<double> frequencies;
  const Random random = Random(context.seed).stream(0x40);
  for (std::size_t k = 0; k < replicates; ++k) {
    const auto f = kModel.frequencies(random.stream(k), kDraws);
    frequencies.insert(frequencies.end(), f.begin(), f.end());
  }
  std::size_t judged = 0;
  study_each(context, {"op=ce dir=fwdbwd"}, ClaimVerdict::agrees, e, [&](const Subject& s) {
    const std::vector<double> y = whitened(fit_logits(s, frequencies, kModel.classes()));
    e.cases += static_cast<std::int64_t>(replicates);
    if (judged++ == 0) {
      const std::vector<double> x = column(y, 0);
      const double allowed = distance_allowed(x.size(), kRejection / kFree);
      e.figures = {figure("variance of log-odds over the Cramer-Rao bound", variance_ratio(y)),
                   figure("distance from the normal law, and what is allowed",
                          {distance_from_normal(x), 0, allowed})};
      e.plots.push_back(quantile_plot(y, s.kernel.name));
    }
    check_law(e, y);
  });
  e.evidence = fmt::format(
      "{} samples of {} draws from {} classes, fitted by the gradients of {}: log-odds whitened by "
      "the Fisher information have variance 1 (chi-square), no correlation and a normal law "
      "(Kolmogorov's distance under Massart's bound), each at 10^-6",
      replicates, kDraws, kModel.classes(), kernels_in_words(judged));
  return e;
}

}  // namespace xent
