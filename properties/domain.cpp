// SPDX-License-Identifier: Apache-2.0
#include "properties/domain.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "core/text.h"
#include "properties/domain_rows.h"

namespace xent {
namespace {

/// Streams of a case's generator.
enum Use : std::uint64_t { kSeed, kRows, kTargets, kUpstream, kWeights, kChoice, kElement };

RowPlan plan_row(const Problem& problem, std::uint64_t seed, std::int64_t row) {
  const Random random(seed);
  const Random of_row = random.stream(kRows).stream(static_cast<std::uint64_t>(row));
  const auto start = static_cast<std::int64_t>(random.stream(kSeed).bits(~0U) >> 32);
  return {problem,           format(problem.dtype), row, start + row, random.stream(kSeed),
          of_row.stream(kChoice), of_row.stream(kElement)};
}

/// argmax, random, first or last class; then the next one, cyclically, that is not masked.
std::int64_t mixed_target(const Random& random, const Tensor& input, std::int64_t row,
                          std::int64_t v) {
  const auto at = [&](std::int64_t j) { return input.at(row * v + j); };
  std::int64_t argmax = 0;
  for (std::int64_t j = 1; j < v; ++j) {
    if (at(j) > at(argmax)) argmax = j;
  }
  const std::int64_t choices[] = {argmax, random.below(1, v), 0, v - 1};
  std::int64_t y = choices[random.below(0, 4)];
  while (std::isinf(at(y)) && y != argmax) y = (y + 1) % v;
  return y;
}

template <LogitRow fill>
TestCase logits(const Problem& problem, std::uint64_t seed) {
  TestCase made;
  made.problem = problem;
  made.input = Tensor(problem.dtype, {problem.n, problem.v});
  if (problem.takes_targets()) made.target = Tensor(DType::i64, {problem.n});
  std::vector<double> z(static_cast<std::size_t>(problem.v));
  for (std::int64_t row = 0; row < problem.n; ++row) {
    const RowPlan plan = plan_row(problem, seed, row);
    std::int64_t y = fill(plan, z);
    for (std::int64_t j = 0; j < problem.v; ++j) made.input.set(row * problem.v + j, z[j]);
    if (!problem.takes_targets()) continue;
    if (y == kAnyClass) y = mixed_target(plan.choice.stream(kTargets), made.input, row, problem.v);
    made.target.set_integer(row, y);
  }
  return made;
}

template <ProbabilityRow fill>
TestCase probabilities(const Problem& problem, std::uint64_t seed) {
  TestCase made;
  made.problem = problem;
  made.input = Tensor(problem.dtype, {problem.n, problem.v});
  if (problem.takes_targets()) made.target = Tensor(problem.dtype, {problem.n, problem.v});
  std::vector<double> q(static_cast<std::size_t>(problem.v));
  std::vector<double> p(q);
  for (std::int64_t row = 0; row < problem.n; ++row) {
    fill(plan_row(problem, seed, row), q, p);
    for (std::int64_t j = 0; j < problem.v; ++j) {
      const std::int64_t at = row * problem.v + j;
      made.input.set(at, problem.op == Op::entropy ? p[j] : q[j]);
      if (problem.takes_targets()) made.target.set(at, p[j]);
    }
  }
  return made;
}

bool takes_logits(const Problem& p) {
  return is_float(p.dtype) &&
         (p.op == Op::lse || (p.op == Op::ce && p.targets == TargetKind::index));
}
bool takes_index(const Problem& p) { return takes_logits(p) && p.op == Op::ce; }
bool takes_probabilities(const Problem& p) {
  return is_float(p.dtype) && (p.op == Op::entropy || p.op == Op::cross_entropy || p.op == Op::kl);
}
bool takes_pairs(const Problem& p) { return takes_probabilities(p) && p.takes_targets(); }

bool several_logits(const Problem& p) { return takes_logits(p) && p.v >= 2; }
bool several_index(const Problem& p) { return takes_index(p) && p.v >= 2; }
bool holds_grid(const Problem& p) { return takes_logits(p) && format(p.dtype).precision >= 11; }
bool iris_shape(const Problem& p) { return takes_logits(p) && p.v == 3; }
bool worked_shape(const Problem& p) { return takes_logits(p) && p.n == 3 && p.v == 5; }
bool holds_dyadic(const Problem& p) {
  return takes_probabilities(p) && dyadic_bits(p.v) <= format(p.dtype).precision;
}
bool several_pairs(const Problem& p) { return takes_pairs(p) && p.v >= 2; }

std::vector<Domain> make_domains() {
  return {
      {"gaussian", "normal logits, standard deviation 1 to 8", takes_logits, logits<gaussian_row>},
      {"confident", "the target leads by a gap, losses down to the format's underflow",
       several_index, logits<confident_row>},
      {"wrong", "the target trails by a gap", several_index, logits<wrong_row>},
      {"offset", "a common offset of up to 10^30; every difference is exact", takes_logits,
       logits<offset_row>},
      {"ties", "several maxima, up to all equal", several_logits, logits<ties_row>},
      {"masked", "-inf at random classes, never at the target", several_logits,
       logits<masked_row>},
      {"masked-target", "-inf at the target: the loss is +inf", several_index,
       logits<masked_target_row>},
      {"extreme", "the format's limits, exp's thresholds, subnormals, signed zeros", takes_logits,
       logits<extreme_row>},
      {"dyadic", "multiples of 1/16 within 8", takes_logits, logits<dyadic_row>},
      {"grid", "a grid on which integer shifts of up to 2^10 are exact", holds_grid,
       logits<grid_row>},
      {"integer-mass", "one value or -inf: every partial sum is an exact integer", takes_logits,
       logits<integer_mass_row>},
      {"spikes", "one class dominates, at block and lane boundaries", takes_logits,
       logits<spikes_row>},
      {"index-bit", "live where one bit of the class index has a given value", several_logits,
       logits<index_bit_row>},
      {"subnormal", "subnormal logits and zeros of both signs", takes_logits,
       logits<subnormal_row>},
      {"iris", "logits of a softmax regression on Fisher's iris table, rows in turn", iris_shape,
       logits<iris_row>},
      {"worked-example", "the documents' printed 3x5 logits, targets 2 0 0", worked_shape,
       logits<worked_example_row>},
      {"simplex", "positive, normalised by division, some zeros in p", takes_probabilities,
       probabilities<simplex_row>},
      {"dyadic-simplex", "multiples of 2^-m that sum to exactly 1, some zeros in p", holds_dyadic,
       probabilities<dyadic_simplex_row>},
      {"one-hot", "all of p on one class", takes_probabilities, probabilities<one_hot_row>},
      {"near-equal", "q is p but for at most 3 ulps", takes_pairs,
       probabilities<near_equal_row>},
      {"uniform", "1/V everywhere in q, and in p on every other row", takes_probabilities,
       probabilities<uniform_row>},
      {"tiny", "one large entry, the others down to the subnormals", takes_probabilities,
       probabilities<tiny_row>},
      {"disjoint-zero", "some q = 0 where p > 0: infinite", several_pairs,
       probabilities<disjoint_zero_row>},
  };
}

/// Random in [-2, 2], or 0, or 1.
void fill_upstream(TestCase& made, const Random& random) {
  const Problem& problem = made.problem;
  if (problem.upstream == Upstream::one) return;
  made.upstream =
      Tensor(problem.dtype, {problem.upstream == Upstream::row ? problem.n : std::int64_t{1}});
  for (std::int64_t i = 0; i < made.upstream.size(); ++i) {
    const auto at = static_cast<std::uint64_t>(i);
    const std::int64_t kind = random.stream(1).below(at, 4);
    made.upstream.set(i, kind == 0 ? 0 : kind == 1 ? 1 : random.between(at, -2, 2));
  }
}

/// Class weights: sixteenths in (0, 2].
void fill_weights(TestCase& made, const Random& random) {
  if (!made.problem.weights) return;
  made.weight = Tensor(made.problem.dtype, {made.problem.v});
  for (std::int64_t j = 0; j < made.weight.size(); ++j) {
    const std::int64_t sixteenths = 1 + random.below(static_cast<std::uint64_t>(j), 32);
    made.weight.set(j, static_cast<double>(sixteenths) / 16);
  }
}

/// One row in four is ignored.
void ignore_rows(TestCase& made, const Random& random) {
  if (!made.problem.ignore_index || made.target.dtype != DType::i64) return;
  for (std::int64_t i = 0; i < made.target.size(); ++i) {
    if (random.below(static_cast<std::uint64_t>(i), 4) != 0) continue;
    made.target.set_integer(i, *made.problem.ignore_index);
  }
}

}  // namespace

const std::vector<Domain>& all_domains() {
  static const std::vector<Domain> domains = make_domains();
  return domains;
}

const Domain& find_domain(std::string_view name) {
  const std::vector<Domain>& domains = all_domains();
  const auto found =
      std::find_if(domains.begin(), domains.end(), [&](const Domain& d) { return d.name == name; });
  if (found != domains.end()) return *found;
  std::vector<std::string> names;
  for (const Domain& domain : domains) names.emplace_back(domain.name);
  throw UsageError("no domain '" + std::string(name) + "'" + nearest_hint(name, names));
}

TestCase make_case(const Problem& problem, std::string_view domain, std::uint64_t seed) {
  const Domain& found = find_domain(domain);
  if (!found.fits(problem)) {
    throw UsageError("domain '" + std::string(domain) + "' (" + std::string(found.intent) +
                     ") does not fit the problem '" + to_text(problem) +
                     "'; choose another domain or change op, targets, n or v");
  }
  TestCase made = found.make(problem, seed);
  made.recipe = {std::string(domain), seed};
  const Random random(seed);
  fill_upstream(made, random.stream(kUpstream));
  fill_weights(made, random.stream(kWeights));
  ignore_rows(made, random.stream(kTargets));
  return made;
}

}  // namespace xent
