// SPDX-License-Identifier: Apache-2.0
#include "properties/shrink.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "properties/domain_rows.h"

namespace xent {
namespace {

/// Integers up to here are simple, the smaller the better; other numbers by their bits.
constexpr double kPlain = 1024;

bool is_plain(double x) { return std::fabs(x) <= kPlain && x == std::trunc(x); }

int significant_bits(double x) {
  const std::uint64_t fraction = std::bit_cast<std::uint64_t>(x) << 12;
  return fraction == 0 ? 1 : 65 - std::countr_zero(fraction);
}

/// 0 < integers by magnitude < -inf < other numbers by bits, then by distance from 1 < +inf < NaN.
double number_cost(double x) {
  const double sign = std::signbit(x) ? 0.5 : 0;
  if (x == 0) return sign;
  if (is_plain(x)) return 16 + std::fabs(x) + sign;
  if (std::isnan(x)) return 0x1p20;
  if (std::isinf(x)) return x < 0 ? 2 * kPlain : 0x1p19;
  return 4096.0 * (1 + significant_bits(x)) + std::abs(exponent_of(x)) + sign;
}

/// Weights and upstream factors are simplest at 1.
double factor_cost(double x) { return x == 1 ? 0 : 1 + number_cost(x); }

/// What makes a case simpler; compared from the first member on, and every accepted move lowers it.
using Cost = std::tuple<std::int64_t, std::int64_t, std::size_t, double, std::int64_t>;

Cost cost(const TestCase& c) {
  double numbers = 0;
  std::int64_t labels = 0;
  for (std::int64_t i = 0; i < c.input.size(); ++i) numbers += number_cost(c.input.at(i));
  for (std::int64_t i = 0; i < c.target.size(); ++i) {
    if (is_float(c.target.dtype)) numbers += number_cost(c.target.at(i));
    else labels += std::abs(c.target.integer(i));
  }
  for (const Tensor* factors : {&c.weight, &c.upstream}) {
    for (std::int64_t i = 0; i < factors->size(); ++i) numbers += factor_cost(factors->at(i));
  }
  return {c.problem.n, c.problem.v, simpler_options(c.problem).size(), numbers, labels};
}

/// The best case so far, and the way to propose another.
class Descent {
 public:
  Descent(const TestCase& start, const Fails& fails, std::int64_t max_attempts)
      : fails_(fails), max_attempts_(max_attempts), cost_(cost(start)) {
    result_.test_case = start;
  }

  const TestCase& best() const { return result_.test_case; }
  std::int64_t steps() const { return result_.steps; }
  bool spent() const {
    return result_.attempts >= max_attempts_ || idle_ > kMostIdle || elements_ > kMostElements;
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
    const Cost candidate_cost = cost(candidate);
    if (spent() || !(candidate_cost < cost_)) return false;
    if (!tried_.insert(content_hash(candidate)).second) {
      idle_ += candidate.input.size();
      return false;
    }
    ++result_.attempts;
    elements_ += candidate.input.size();
    candidate.recipe.domain = "shrunk";
    if (!fails_(candidate)) return false;
    result_.test_case = std::move(candidate);
    cost_ = candidate_cost;
    ++result_.steps;
    return true;
  }

 private:
  const Fails& fails_;
  std::int64_t max_attempts_;
  std::int64_t elements_ = 0;
  int depth_ = 4;
  Cost cost_;
  Shrunk result_;
  std::unordered_set<std::uint64_t> tried_;

  /// Elements of candidates that had been tried before: a bound on work that is no attempt.
  static constexpr std::int64_t kMostIdle = std::int64_t{1} << 26;
  static constexpr std::int64_t kMostElements = std::int64_t{1} << 21;
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

void drop_rows(Descent& descent) {
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

void reset_options(Descent& descent) {
  for (const Problem& simpler : simpler_options(descent.best().problem)) {
    TestCase candidate = descent.best();
    candidate.problem = simpler;
    if (simpler.upstream == Upstream::one) candidate.upstream = {};
    if (!simpler.weights) candidate.weight = {};
    const Tensor& labels = candidate.target;
    bool valid = true;
    for (std::int64_t i = 0; labels.dtype == DType::i64 && i < labels.size(); ++i) {
      const std::int64_t y = labels.integer(i);
      valid = valid && ((y >= 0 && y < simpler.v) || y == simpler.ignore_index);
    }
    if (valid) descent.propose(std::move(candidate));
  }
}

void zero_logits(Descent& descent) {
  const auto count = [&] { return descent.best().input.size(); };
  const auto propose = [&](std::int64_t from, std::int64_t to) {
    const Tensor& input = descent.best().input;
    std::int64_t first = from;
    while (first < to && number_cost(input.at(first)) == 0) ++first;
    if (first == to) return false;
    TestCase candidate = descent.best();
    for (std::int64_t i = first; i < to; ++i) candidate.input.set(i, 0);
    return descent.propose(std::move(candidate));
  };
  if (!propose(0, count())) by_halves(descent, count, propose, true);
}

/// Each row less its least, its greatest or its target's logit.
void subtract_offsets(Descent& descent) {
  const Problem problem = descent.best().problem;
  if (problem.op != Op::ce && problem.op != Op::lse) return;
  for (std::int64_t row = 0; row < problem.n; ++row) {
    double least = std::numeric_limits<double>::infinity();
    double greatest = -least;
    for (std::int64_t j = 0; j < problem.v; ++j) {
      const double z = descent.best().logit(row, j);
      if (!std::isfinite(z)) continue;
      least = std::min(least, z);
      greatest = std::max(greatest, z);
    }
    for (const double offset : {least, greatest}) {
      TestCase candidate = descent.best();
      for (std::int64_t i = row * problem.v; i < (row + 1) * problem.v; ++i) {
        const double z = candidate.input.at(i);
        if (std::isfinite(z)) candidate.input.set(i, z - offset);
      }
      descent.propose(std::move(candidate));
    }
  }
}

/// x cut to its leading bits, towards or away from zero.
double cut(double x, int bits, bool away) {
  const std::uint64_t unit = std::uint64_t{1} << (53 - bits);
  const std::uint64_t down = std::bit_cast<std::uint64_t>(x) & ~(unit - 1);
  return std::bit_cast<double>(away ? down + unit : down);
}

/// Simpler numbers than a finite x, the simplest first.
std::vector<double> simpler_numbers(double x) {
  const double away = x < 0 ? std::floor(x) : std::ceil(x);
  std::vector<double> all = {0, 1, -1, 0.5, std::trunc(x), away, -x};
  for (int bits = 1; bits < significant_bits(x); bits = bits < 4 ? bits + 1 : 2 * bits) {
    all.push_back(cut(x, bits, false));
    all.push_back(cut(x, bits, true));
  }
  return all;
}

/// Simplifies single elements of one tensor of a case.
class Elements {
 public:
  using Cost = double (*)(double);
  Elements(Descent& descent, Tensor TestCase::* tensor, Cost element_cost)
      : descent_(descent), tensor_(tensor), element_cost_(element_cost) {}

  void simplify() {
    for (std::int64_t i = 0; i < (descent_.best().*tensor_).size() && !descent_.spent(); ++i) {
      if (!std::isfinite(at(i))) {
        propose(i, 0) || propose(i, 1);
        continue;
      }
      if (element_cost_(at(i)) == 0) continue;
      for (const double x : simpler_numbers(at(i))) {
        if (propose(i, x)) break;
      }
      if (is_plain(at(i))) lower_integer(i);
      else lower_exponent(i);
    }
  }

 private:
  double at(std::int64_t i) const { return (descent_.best().*tensor_).at(i); }

  bool propose(std::int64_t i, double x) {
    if (!(element_cost_(x) < element_cost_(at(i)))) return false;  // before the case is copied
    TestCase candidate = descent_.best();
    (candidate.*tensor_).set(i, x);
    return descent_.propose(std::move(candidate));
  }

  /// Bisects the magnitude of an integer towards 0.
  void lower_integer(std::int64_t i) {
    const double sign = at(i) < 0 ? -1 : 1;
    double passes = 0;
    while (std::fabs(at(i)) - passes > 1) {
      const double middle = std::floor((std::fabs(at(i)) + passes) / 2);
      if (!propose(i, sign * middle)) passes = middle;
    }
  }

  /// Bisects the exponent towards 0.
  void lower_exponent(std::int64_t i) {
    if (at(i) == 0 || exponent_of(at(i)) < -1022) return;
    int passes = 0;
    while (std::abs(exponent_of(at(i)) - passes) > 1) {
      const int e = exponent_of(at(i));
      const int middle = passes + (e - passes) / 2;
      if (!propose(i, at(i) / power_of_two(e) * power_of_two(middle))) passes = middle;
    }
  }

  Descent& descent_;
  Tensor TestCase::* tensor_;
  Cost element_cost_;
};

void simplify_numbers(Descent& descent) {
  const Tensor& input = descent.best().input;
  std::int64_t live = 0;
  for (std::int64_t i = 0; i < input.size(); ++i) live += number_cost(input.at(i)) > 0;
  if (descent.shortest(live) > 1) return;
  Elements(descent, &TestCase::input, number_cost).simplify();
  if (is_float(descent.best().target.dtype)) {
    Elements(descent, &TestCase::target, number_cost).simplify();
  }
  Elements(descent, &TestCase::upstream, factor_cost).simplify();
  Elements(descent, &TestCase::weight, factor_cost).simplify();
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
constexpr Move kMoves[] = {drop_rows,        drop_classes,     reset_options, zero_logits,
                           subtract_offsets, simplify_numbers, lower_labels};

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
  reset(&Problem::reduction);
  reset(&Problem::denominator, &Problem::denominator_value);
  reset(&Problem::upstream);
  reset(&Problem::stride);
  reset(&Problem::layout, &Problem::t);
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
  do {
    for (std::int64_t before = -1; before != descent.steps() && !descent.spent();) {
      before = descent.steps();
      for (const Move move : kMoves) move(descent);
    }
  } while (!descent.spent() && descent.refine());
  return descent.take();
}

}  // namespace xent
