// SPDX-License-Identifier: Apache-2.0
#include "properties/shrink.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "properties/shrink_descent.h"

namespace xent {
namespace {

/// The case with the rows of which `kept` holds, positions and labels as they are, and sequences of
/// `t` rows.
template <class Kept>
TestCase with_rows(TestCase c, std::int64_t t, Kept kept) {
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    if (kept(row)) rows.push_back(row);
  }
  const bool shift = c.problem.shift;
  c.problem.shift = false;
  c.problem.t = 1;
  c = keep_rows(c, rows);
  c.problem.shift = shift;
  c.problem.t = t;
  return c;
}

/// Of a large case the half that fails, again and again: whole sequences.
void halve_rows(Descent& descent) {
  const std::int64_t t = descent.best().problem.t;
  while (descent.best().input.size() > Descent::kMostElements && descent.best().problem.n > t) {
    const std::int64_t half = descent.best().problem.n / t / 2 * t;
    const auto keep = [&](bool first) {
      return with_rows(descent.best(), t, [&](std::int64_t row) { return (row < half) == first; });
    };
    if (!descent.propose(keep(true)) && !descent.propose(keep(false))) return;
  }
}

void drop_sequences(Descent& descent) {
  const auto t = descent.best().problem.t;
  const auto count = [&] { return descent.best().problem.n / t; };
  const auto propose = [&](std::int64_t from, std::int64_t to) {
    if (to - from == count()) return false;
    return descent.propose(with_rows(descent.best(), t, [&](std::int64_t row) {
      return row / t < from || row / t >= to;
    }));
  };
  by_halves(descent, count, propose, false);
}

/// Fewer positions in every sequence.
void shorten_sequences(Descent& descent) {
  const std::int64_t t = descent.best().problem.t;
  for (const std::int64_t shorter : {std::int64_t{1}, std::int64_t{2}, t / 2, t - 1}) {
    if (shorter < 1 || shorter >= descent.best().problem.t) continue;
    descent.propose(with_rows(descent.best(), shorter,
                              [&](std::int64_t row) { return row % t < shorter; }));
    if (descent.best().problem.t != t) return;
  }
}

/// Single rows; what is left are no sequences, and labels stand at the rows that they score.
void drop_rows(Descent& descent) {
  if (descent.best().problem.t > 1) {
    drop_sequences(descent);
    shorten_sequences(descent);
  }
  const auto count = [&] { return descent.best().problem.n; };
  const auto propose = [&](std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> kept;
    for (std::int64_t row = 0; row < count(); ++row) {
      if (row < from || row >= to) kept.push_back(row);
    }
    if (kept.empty()) return false;
    return descent.propose(keep_rows(descent.best(), kept));
  };
  by_halves(descent, count, propose, false);
}

/// The case without classes [from, to). Target classes among them are kept, or, with `retarget`,
/// replaced by the first class that stays.
std::optional<TestCase> without_classes(const TestCase& c, std::int64_t from, std::int64_t to,
                                        bool retarget) {
  const bool has_labels = c.target.dtype == DType::i64 && !c.target.empty();
  std::vector<bool> keep(static_cast<std::size_t>(c.problem.v), true);
  std::fill(keep.begin() + from, keep.begin() + to, false);
  const auto dropped = [&](std::int64_t y) { return y >= from && y < to; };
  TestCase start = c;
  for (std::int64_t row = 0; has_labels && row < c.problem.n; ++row) {
    if (!dropped(c.label(row))) continue;
    if (retarget) start.target.set_integer(row, from == 0 ? to : 0);
    else keep[static_cast<std::size_t>(c.label(row))] = true;
  }
  std::vector<std::int64_t> kept;
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    if (keep[static_cast<std::size_t>(j)]) kept.push_back(j);
  }
  if (kept.empty() || static_cast<std::int64_t>(kept.size()) == c.problem.v) return std::nullopt;
  return keep_classes(start, kept);
}

void drop_classes(Descent& descent) {
  const auto propose = [&](std::int64_t from, std::int64_t to) {
    for (const bool retarget : {false, true}) {
      auto candidate = without_classes(descent.best(), from, to, retarget);
      if (candidate && descent.propose(*std::move(candidate))) return true;
    }
    return false;
  };
  by_halves(descent, [&] { return descent.best().problem.v; }, propose, false);
}

/// The same data under simpler options; without shift only the rows that it scores, if any. A label
/// that would be no class becomes 0.
std::optional<TestCase> under(const TestCase& c, const Problem& simpler) {
  TestCase changed = c;
  if (c.problem.shift && !simpler.shift) {
    std::vector<std::int64_t> scored;
    for (std::int64_t row = 0; row < c.problem.n; ++row) {
      if (c.scored_class(row)) scored.push_back(row);
    }
    if (scored.empty()) return std::nullopt;
    changed = keep_rows(c, scored);
  }
  const std::int64_t n = changed.problem.n;
  changed.problem = simpler;
  changed.problem.n = n;
  if (n % simpler.t != 0) changed.problem.t = 1;
  if (simpler.upstream == Upstream::one) changed.upstream = {};
  if (!simpler.weights) changed.weight = {};
  if (simpler.dir != Dir::hvp) changed.direction = {};
  Tensor& labels = changed.target;
  for (std::int64_t i = 0; labels.dtype == DType::i64 && i < labels.size(); ++i) {
    const std::int64_t y = labels.integer(i);
    if ((y < 0 || y >= simpler.v) && y != simpler.ignore_index) labels.set_integer(i, 0);
  }
  return changed;
}

void reset_options(Descent& descent) {
  for (const Problem& simpler : simpler_options(descent.best().problem)) {
    if (auto candidate = under(descent.best(), simpler)) descent.propose(*std::move(candidate));
  }
}

void lower_labels(Descent& descent) {
  if (descent.best().target.dtype != DType::i64) return;
  for (std::int64_t row = 0; row < descent.best().target.size(); ++row) {
    const std::int64_t y = descent.best().label(row);
    for (const std::int64_t lower : {std::int64_t{0}, y / 2, y - 1}) {
      if (lower < 0 || y == descent.best().problem.ignore_index) continue;
      TestCase candidate = descent.best();
      candidate.target.set_integer(row, lower);
      if (descent.propose(std::move(candidate))) break;
    }
  }
}

using Move = void (*)(Descent&);
constexpr Move kMoves[] = {drop_rows,        drop_classes,        reset_options,
                           zero_logits,      zero_direction,      subtract_offsets,
                           simplify_numbers, concentrate_targets, lower_labels};

}  // namespace

std::vector<Problem> simpler_options(const Problem& problem) {
  static const Problem plain;
  std::vector<Problem> simpler;
  const auto reset = [&](auto... fields) {
    Problem changed = problem;
    ((changed.*fields = plain.*fields), ...);
    if (!(changed == problem)) simpler.push_back(changed);
  };
  if (problem.dir == Dir::fwdbwd) {
    for (const Dir dir : {Dir::fwd, Dir::bwd}) {
      simpler.push_back(problem);
      simpler.back().dir = dir;
    }
  }
  if (problem.reduction != plain.reduction) {
    Problem rows = problem;
    rows.reduction = plain.reduction;
    rows.denominator = plain.denominator;
    rows.denominator_value = plain.denominator_value;
    if (rows.unit == Unit::perplexity) rows.unit = plain.unit;
    simpler.push_back(rows);
  }
  reset(&Problem::denominator, &Problem::denominator_value);
  reset(&Problem::upstream);
  reset(&Problem::stride);
  reset(&Problem::layout);
  if (problem.shift) reset(&Problem::shift, &Problem::t);
  else reset(&Problem::t);
  reset(&Problem::ignore_index);
  reset(&Problem::smoothing);
  reset(&Problem::weights);
  reset(&Problem::z_loss);
  reset(&Problem::softcap);
  reset(&Problem::scale);
  reset(&Problem::accumulate);
  reset(&Problem::output);
  reset(&Problem::unit);
  return simpler;
}

Shrunk shrink(const TestCase& start, const Fails& fails, std::int64_t max_attempts) {
  Descent descent(start, fails, max_attempts);
  halve_rows(descent);
  do {
    for (std::int64_t before = -1; before != descent.steps() && !descent.spent();) {
      before = descent.steps();
      for (const Move move : kMoves) {
        if (!descent.spent()) move(descent);
      }
    }
  } while (!descent.spent() && descent.refine());
  return descent.take();
}

}  // namespace xent
