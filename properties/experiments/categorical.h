// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "properties/experiments/laboratory.h"
#include "properties/random.h"

namespace xent {

/// A distribution over classes whose probabilities are sixteenths: exact, and sixteen draws a word.
struct Categorical {
  std::vector<int> sixteenths;  ///< sum 16, each >= 1

  std::int64_t classes() const { return static_cast<std::int64_t>(sixteenths.size()); }
  double probability(std::int64_t c) const {
    return sixteenths[static_cast<std::size_t>(c)] / 16.0;
  }
  /// Relative frequencies of `draws` independent draws; a multiple of 16.
  std::vector<double> frequencies(const Random&, std::int64_t draws) const;
};

/// Where Newton's method ended; [rows, classes] each.
struct Fit {
  std::vector<double> logits;    ///< numbers of the subject's type
  std::vector<double> gradient;  ///< the kernel's, at these logits
};

/// For each row f of frequencies (positive): minimises sum_c f_c CE(z, c) over z from 0, with the
/// kernel's gradient and the Hessian diag(p) - p p^T; its solution for a step is g / p, as
/// (diag(p) - p p^T)(g / p) = g when the gradient sums to 0.
Fit fit_logits(const Subject&, const std::vector<double>& frequencies, std::int64_t classes);

/// What fit_logits asks the kernel at given logits: for each row of [rows, classes], one row with
/// each class as its target.
TestCase every_class_case(const Subject&, const std::vector<double>& logits,
                          std::int64_t classes);

}  // namespace xent
