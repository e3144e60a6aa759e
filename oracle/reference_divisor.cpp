// SPDX-License-Identifier: Apache-2.0
#include "oracle/reference_divisor.h"

#include <algorithm>

namespace xent {

Divisions::Divisions(const TestCase& c, const Conventions& conventions) {
  const Problem& p = c.problem;
  per_sequence = p.is_mean() && p.denominator == Denominator::sequence;
  group_size = per_sequence ? p.t : p.n;
  valid.assign(static_cast<std::size_t>(per_sequence ? p.n / p.t : 1), 0);
  std::int64_t all = 0;
  for (std::int64_t r = 0; r < p.n; ++r) {
    if (is_ignored(c, r)) continue;
    ++valid[static_cast<std::size_t>(r / group_size)];
    ++all;
  }
  if (per_sequence) {
    const auto count = [](std::int64_t rows) { return rows > 0; };
    counted = static_cast<double>(std::count_if(valid.begin(), valid.end(), count));
  }
  if (!p.is_mean() || p.denominator == Denominator::number) return;
  const bool by_rows = p.denominator == Denominator::rows;
  if (by_rows ? p.n == 0 : all == 0) {
    question = Question::none_valid_mean;
    return;
  }
  by_weight = !by_rows && p.weights && has_index_target(p) && conventions.weighted_mean_by_weights;
  if (!by_weight) return;
  const auto divisors = divisors_of<Interval<kDigits[3]>>(c, *this);
  for (std::int64_t g = 0; g < std::ssize(valid); ++g) {
    const bool none = counts(g) && is_zero(divisors[static_cast<std::size_t>(g)]);
    if (none) question = Question::zero_weight_mean;
  }
}

}  // namespace xent
