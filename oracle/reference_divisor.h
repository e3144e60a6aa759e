// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <tuple>
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
  double counted = 1;                ///< groups that the mean is made of
  std::optional<Question> question;  ///< none_valid_mean, zero_weight_mean

  Divisions(const TestCase&, const Conventions&);
  /// A sequence without a valid row is left out of the mean.
  bool counts(std::int64_t group) const {
    return !per_sequence || valid[static_cast<std::size_t>(group)] > 0;
  }
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

/// What losses and gradients are divided by, in intervals of any precision. Thread-safe.
class MeanDivisors {
 public:
  /// Both outlive this.
  MeanDivisors(const TestCase& c, const Divisions& d) : c_(c), d_(d) {}

  /// D of a group.
  template <class I>
  const I& of_group(std::int64_t g) {
    Kept<I>& kept = std::get<Kept<I>>(kept_);
    std::call_once(kept.once, [&] { kept.divisors = divisors_of<I>(c_, d_); });
    return kept.divisors[static_cast<std::size_t>(g)];
  }

  /// What a row's loss is divided by; of an ignored row of a mean 0.
  template <class I>
  I of_row(std::int64_t row) {
    if (!c_.problem.is_mean()) return I(1);
    if (is_ignored(c_, row)) return I(0);
    return of_group<I>(row / d_.group_size) * I(d_.counted);
  }

  /// sum over groups of (sum of losses / D), divided by the number of groups; `row` gives values.
  template <class I, class Row>
  I mean_or_sum(const Row& row) {
    I total(0);
    for (std::int64_t g = 0; g < std::ssize(d_.valid); ++g) {
      I sum(0);
      for (std::int64_t r = g * d_.group_size; r < (g + 1) * d_.group_size; ++r) sum += row(r);
      if (!c_.problem.is_mean()) total += sum;
      else if (d_.counts(g)) total += sum / of_group<I>(g);
    }
    return c_.problem.is_mean() ? I(total / I(d_.counted)) : total;
  }

  template <class I>
  bool positive() {
    if (!c_.problem.is_mean()) return true;
    for (std::int64_t g = 0; g < std::ssize(d_.valid); ++g) {
      if (d_.counts(g) && !(lower_double(of_group<I>(g)) > 0)) return false;
    }
    return true;
  }

 private:
  template <class I>
  struct Kept {
    std::once_flag once;
    std::vector<I> divisors;
  };

  const TestCase& c_;
  const Divisions& d_;
  std::tuple<Kept<Interval<kDigits[0]>>, Kept<Interval<kDigits[1]>>, Kept<Interval<kDigits[2]>>,
             Kept<Interval<kDigits[3]>>>
      kept_;
};

}  // namespace xent
