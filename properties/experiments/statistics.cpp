// SPDX-License-Identifier: Apache-2.0
#include "properties/experiments/statistics.h"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

namespace xent {

namespace bm = boost::math;

Figure figure(std::string label, const Estimate& e, std::string unit) {
  return {std::move(label), e.value, e.low, e.high, std::move(unit)};
}

double mean(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

double variance(const std::vector<double>& x) {
  const double m = mean(x);
  double sum = 0;
  for (const double v : x) sum += (v - m) * (v - m);
  return sum / (static_cast<double>(x.size()) - 1);
}

double normal_quantile(double upper_tail) {
  return bm::quantile(bm::complement(bm::normal_distribution<double>(), upper_tail));
}

Estimate mean_estimate(const std::vector<double>& x) {
  const auto n = static_cast<double>(x.size());
  const bm::students_t_distribution<double> student(n - 1);
  const double t = bm::quantile(bm::complement(student, kRejection / 2));
  const double m = mean(x);
  const double half = t * std::sqrt(variance(x) / n);
  return {m, m - half, m + half};
}

Estimate variance_estimate(double sum_of_squares, double degrees) {
  const bm::chi_squared_distribution<double> chi(degrees);
  return {sum_of_squares / degrees,
          sum_of_squares / bm::quantile(bm::complement(chi, kRejection / 2)),
          sum_of_squares / bm::quantile(chi, kRejection / 2)};
}

Estimate slope_estimate(const std::vector<double>& x, const std::vector<double>& y,
                        const std::vector<double>& error) {
  double w = 0, wx = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double weight = 1 / (error[i] * error[i]);
    w += weight;
    wx += weight * x[i];
  }
  double sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double from_mean = (x[i] - wx / w) / (error[i] * error[i]);
    sxx += from_mean * (x[i] - wx / w);
    sxy += from_mean * y[i];
  }
  const double half = normal_quantile(kRejection / 2) / std::sqrt(sxx);
  return {sxy / sxx, sxy / sxx - half, sxy / sxx + half};
}

double distance_from_normal(std::vector<double> sample) {
  std::sort(sample.begin(), sample.end());
  const auto n = static_cast<double>(sample.size());
  double worst = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double f = std::erfc(-sample[i] * M_SQRT1_2) / 2;
    const auto rank = static_cast<double>(i);
    worst = std::max({worst, f - rank / n, (rank + 1) / n - f});
  }
  return worst;
}

double distance_allowed(std::size_t n, double rejection) {
  return std::sqrt(std::log(2 / rejection) / (2 * static_cast<double>(n)));
}

double sample_quantile(std::vector<double> x, double q) {
  std::sort(x.begin(), x.end());
  const double at = q * static_cast<double>(x.size() - 1);
  const auto i = static_cast<std::size_t>(at);
  const std::size_t next = std::min(i + 1, x.size() - 1);
  return x[i] + (at - static_cast<double>(i)) * (x[next] - x[i]);
}

}  // namespace xent
