// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "properties/shrink.h"

// Shared by the files of the shrinker; not for others.
namespace xent {

/// 0 < integers by magnitude < -inf < other numbers by bits, then by distance from 1 < +inf < NaN.
double number_cost(double);
/// Weights and upstream factors are simplest at 1.
double factor_cost(double);

/// What makes a case simpler: first the shape and the options, then the data. Every accepted move
/// lowers it.
using ShapeCost = std::tuple<std::int64_t, std::int64_t, std::size_t>;
using DataCost = std::pair<double, std::int64_t>;
ShapeCost shape_cost(const TestCase&);
DataCost data_cost(const TestCase&);

/// The best case so far, and the way to propose another.
class Descent {
 public:
  Descent(const TestCase& start, const Fails& fails, std::int64_t max_attempts)
      : fails_(fails),
        max_attempts_(max_attempts),
        most_elements_(std::max(kMostElements, 4 * start.input.size())) {
    result_.test_case = start;
  }

  const TestCase& best() const { return result_.test_case; }
  std::int64_t steps() const { return result_.steps; }
  bool spent() const {
    return result_.attempts >= max_attempts_ || idle_ > kMostIdle || elements_ > most_elements_;
  }

  /// Runs shorter than this wait until longer ones have been tried of everything: a long row that
  /// can't be cut must not use up the attempts.
  std::int64_t shortest(std::int64_t count) const {
    return std::max<std::int64_t>(1, count >> depth_);
  }
  /// False when even the shortest runs have had their turn.
  bool refine() {
    const bool more = shortest(best().input.size()) > 1;
    depth_ += 4;
    return more;
  }
  Shrunk take() { return std::move(result_); }

  /// Takes the candidate if it is simpler and still fails.
  bool propose(TestCase candidate) {
    if (spent()) return false;
    std::optional<DataCost> data;  // of a large case, long to find out
    if (!is_simpler(candidate, data)) return false;
    if (!tried_.insert(content_hash(candidate)).second) {
      idle_ += candidate.input.size();
      return false;
    }
    ++result_.attempts;
    elements_ += candidate.input.size();
    candidate.recipe.domain = "shrunk";
    if (!fails_(candidate)) return false;
    result_.test_case = std::move(candidate);
    data_ = data;
    ++result_.steps;
    return true;
  }

  static constexpr std::int64_t kMostElements = std::int64_t{1} << 21;

 private:
  bool is_simpler(const TestCase& candidate, std::optional<DataCost>& data) {
    const ShapeCost shape = shape_cost(candidate), known = shape_cost(best());
    if (shape != known) return shape < known;
    if (!data_) data_ = data_cost(best());
    data = data_cost(candidate);
    return *data < *data_;
  }

  const Fails& fails_;
  std::int64_t max_attempts_;
  std::int64_t most_elements_;
  std::int64_t elements_ = 0;
  int depth_ = 4;
  std::optional<DataCost> data_;  ///< of the best
  Shrunk result_;
  std::unordered_set<std::uint64_t> tried_;

  /// Elements of candidates that had been tried before: a bound on work that is no attempt.
  static constexpr std::int64_t kMostIdle = std::int64_t{1} << 26;
  std::int64_t idle_ = 0;
};

/// Proposes something for runs of half of `count()` elements, then a quarter, ... down to the
/// shortest allowed now. `stays` tells whether the elements of an accepted run remain.
template <class Count, class Propose>
void by_halves(const Descent& descent, Count count, Propose propose, bool stays) {
  const std::int64_t shortest = descent.shortest(count());
  for (std::int64_t size = std::max(shortest, count() / 2); size >= shortest; size /= 2) {
    for (std::int64_t start = 0; start < count() && !descent.spent();) {
      const bool accepted = propose(start, std::min(start + size, count()));
      if (!accepted || stays) start += size;
    }
    if (size == 1) return;
  }
}

// The moves on numbers. Zeroes runs of one tensor; takes each row's least or greatest logit from
// it; puts the mass of vector targets on one class; simplifies numbers one by one.
void zero_logits(Descent&);
void zero_direction(Descent&);
void subtract_offsets(Descent&);
void concentrate_targets(Descent&);
void simplify_numbers(Descent&);

}  // namespace xent
