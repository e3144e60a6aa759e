// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/results.h"

namespace xent::report {

/// How a claim's verdict is shown.
struct ClaimText {
  std::string_view symbol;
  std::string_view word;     ///< as in the data
  std::string_view badge;    ///< in words, for a reader
  std::string_view style;    ///< CSS class
  std::string_view meaning;  ///< for the legend
};
ClaimText text(ClaimVerdict);

/// Claims of one group in the order of the results.
struct ClaimGroup {
  std::string letter;
  std::string_view title;
  std::vector<const ClaimRow*> rows;
};
std::vector<ClaimGroup> claim_groups(const Results&);

/// "44 tested, 16 refuted": the verdicts that occur.
std::string claim_counts(const std::vector<const ClaimRow*>&);
std::vector<const ClaimRow*> all_claims(const Results&);

/// Why the verdict: the reason of one that is not good, else the evidence; one line.
std::string claim_line(const ClaimRow&);
/// Three to six digits and, where it is not as good as a point, the interval.
std::string figure_text(const Figure&);
/// "[1.23, 1.25]", or nothing for a point.
std::string interval_text(const Figure&);

/// Markup of a formula in plain text: x_j, x_{t+1} as subscripts, 2^n, N^(-1/2) as superscripts.
std::string html_formula(std::string_view);

}  // namespace xent::report
