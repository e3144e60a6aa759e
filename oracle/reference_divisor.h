// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/dialect.h"
#include "core/test_case.h"
#include "oracle/interval.h"
#include "oracle/reference_questions.h"

namespace xent {

/// The groups of rows whose losses are added up and divided by one D: all rows, or (denominator
/// sequence) one group a sequence.
struct Divisions {
  bool per_sequence = false;
  std::int64_t group_size = 1;
  std::vector<std::int64_t> valid;   ///< rows that are not ignored, of each group
  bool by_weight = false;            ///< D is the sum of the targets' weights
  std::optional<Question> question;  ///< none_valid_mean, zero_weight_mean

  Divisions(const TestCase&, const Conventions&);
  /// A sequence without a valid row is left out of the mean.
  bool counts(std::int64_t group) const {
    return !per_sequence || valid[static_cast<std::size_t>(group)] > 0;
  }
  double groups_counted() const;
};

/// D of each group.
template <class I>
std::vector<I> divisors_of(const TestCase& c, const Divisions& d) {
  const Problem& p = c.problem;
  std::vector<I> result;
  for (std::int64_t g = 0; g < std::ssize(d.valid); ++g) {
    if (p.denominator == Denominator::number) result.push_back(I(p.denominator_value));
    else if (p.denominator == Denominator::rows) result.push_back(I(static_cast<double>(p.n)));
    else if (!d.by_weight) {
      result.push_back(I(static_cast<double>(d.valid[static_cast<std::size_t>(g)])));
    } else {
      I sum(0);
      for (std::int64_t r = g * d.group_size; r < (g + 1) * d.group_size; ++r) {
        if (const auto y = c.scored_class(r)) sum += I(c.weight_of(*y));
      }
      result.push_back(sum);
    }
  }
  return result;
}

}  // namespace xent
