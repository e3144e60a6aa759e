// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "properties/refutation_tools.h"

namespace xent {
namespace {

/// Hodges' estimator of a coin's p from k heads in n throws: 1/2 where the frequency is within
/// n^(-1/4) / 2 of it, else the frequency, which is the maximum-likelihood estimate. For n < 2^15.
bool pulled_in(std::int64_t n, std::int64_t k) {
  const std::int64_t off = std::abs(2 * k - n);
  return off * off * off * off < n * n * n;
}

/// N E(T - p)^2 at p = 1/2 is below 1/4, that of maximum likelihood: in whole numbers,
/// sum over the k that are not pulled in of C(n,k) (2k - n)^2 < n 2^n. For n <= 40.
bool better_in_the_middle(std::int64_t n) {
  std::int64_t binomial = 1, sum = 0;
  for (std::int64_t k = 0; k <= n; ++k) {
    if (!pulled_in(n, k)) sum += binomial * (2 * k - n) * (2 * k - n);
    binomial = binomial * (n - k) / (k + 1);
  }
  return sum < n * (std::int64_t{1} << n);
}

/// N E(T - p)^2 for p strictly between 0 and 1.
Exact scaled_risk(std::int64_t n, double p, bool hodges) {
  const Exact odds = exact(p) / (1 - exact(p));
  const Exact size = exact(static_cast<double>(n));
  Exact weight = exp_of(Exact(size * log_of(Exact(1 - exact(p)))));
  Exact risk = exact(0);
  for (std::int64_t k = 0; k <= n; ++k) {
    const Exact estimate = hodges && pulled_in(n, k) ? exact(0.5)
                                                     : exact(static_cast<double>(k)) / size;
    const Exact off = estimate - exact(p);
    risk += weight * off * off;
    weight = weight * exact(static_cast<double>(n - k)) / exact(static_cast<double>(k + 1)) * odds;
  }
  return size * risk;
}

Plot risk_plot(std::int64_t n) {
  Plot plot{fmt::format("Hodges' estimator of a coin, {} throws", n), "true p", "N · E(T − p)²",
            false, false, {{"maximum likelihood", {}, {}, false}, {"Hodges", {}, {}, false}}};
  for (int k = 1; k < 64; ++k) {
    const double p = k / 64.0;
    for (const bool hodges : {false, true}) {
      plot.series[hodges ? 1 : 0].x.push_back(p);
      plot.series[hodges ? 1 : 0].y.push_back(middle(scaled_risk(n, p, hodges)));
    }
  }
  return plot;
}

}  // namespace

ClaimEvidence refute_all_consistent(const ClaimContext& context) {
  Inquiry inquiry(context);
  std::int64_t least = 1;
  while (least <= 40 && !better_in_the_middle(least)) ++least;
  Witness w;
  if (least <= 40) w.data = {{{least}}, 1};
  Exact before = exact(0.25);
  for (const std::int64_t n : {16, 128, 1024}) {
    inquiry.next_case();
    const Exact middle_risk = scaled_risk(n, 0.5, true);
    inquiry.check(below(middle_risk, before), "the variance at 1/2 does not fall with N");
    before = middle_risk;
    for (const double p : {0.125, 0.5, 0.75}) {
      inquiry.check(meet(scaled_risk(n, p, false), exact(p * (1 - p))),
                    "maximum likelihood does not have the variance p (1 - p)");
    }
    // The price, at a distance of about n^(-1/4) / 2 from the middle.
    const double near = std::round(64 * (0.5 + 0.4 * std::pow(static_cast<double>(n), -0.25))) / 64;
    inquiry.check(below(exact(near * (1 - near)), scaled_risk(n, near, true)),
                  "Hodges' estimator pays nowhere");
    inquiry.found.figures.push_back(figure(fmt::format("Hodges at p = 1/2, {} throws", n), before));
    inquiry.found.figures.push_back(
        figure(fmt::format("Hodges at p = {}, {} throws", near, n), scaled_risk(n, near, true)));
  }
  inquiry.found.figures.push_back(figure("maximum likelihood at p = 1/2", exact(0.25)));
  inquiry.found.plots.push_back(risk_plot(128));
  const Exact risk = scaled_risk(least, 0.5, true);
  return inquiry.refuted(
      w, fmt::format("{} throws of a fair coin, the frequency taken for 1/2 when it is nearer than "
                     "N^(−1/4)/2: N · E(T − p)² = {}, where maximum likelihood has 0.25", least,
                     decimal(risk)),
      fmt::format("smallest number of throws found among 1 to {}, in whole numbers", least));
}

}  // namespace xent
