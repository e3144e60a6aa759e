// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/claim.h"

namespace xent {

/// Probability with which a true claim may be rejected; every interval has 1 minus this.
inline constexpr double kRejection = 1e-6;

struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
  bool contains(double x) const { return low <= x && x <= high; }
};

Figure figure(std::string label, const Estimate&, std::string unit = {});

double mean(const std::vector<double>&);
double variance(const std::vector<double>&);  ///< divided by n - 1

/// The value that a standard normal exceeds with this probability.
double normal_quantile(double upper_tail);

/// Mean with Student's interval.
Estimate mean_estimate(const std::vector<double>&);

/// Two-sided interval of a variance from the sum of `degrees` squares of normals around 0.
Estimate variance_estimate(double sum_of_squares, double degrees);

/// Slope of y over x by least squares weighted with the known standard errors of y.
Estimate slope_estimate(const std::vector<double>& x, const std::vector<double>& y,
                        const std::vector<double>& error);

/// sup |empirical distribution - standard normal| (Kolmogorov).
double distance_from_normal(std::vector<double> sample);

/// What that distance exceeds with probability at most `rejection` when the sample is normal, for
/// every n (Massart 1990): sqrt(log(2 / rejection) / (2 n)).
double distance_allowed(std::size_t n, double rejection);

/// Of a sorted or unsorted sample, by linear interpolation.
double sample_quantile(std::vector<double>, double q);

}  // namespace xent
