// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <tuple>

#include "properties/refutation_tools.h"

namespace xent {
namespace {

constexpr std::int64_t kAttempts = 20000, kWitnesses = 24;
using Kind = WitnessSpace::Kind;

std::vector<std::int64_t> random_distribution(std::int64_t columns, std::int64_t total,
                                              const Random& random) {
  std::vector<std::int64_t> cuts = {0, total};
  for (std::int64_t j = 1; j < columns; ++j) {
    cuts.push_back(random.below(static_cast<std::uint64_t>(j), total + 1));
  }
  std::sort(cuts.begin(), cuts.end());
  std::vector<std::int64_t> out;
  for (std::size_t j = 1; j < cuts.size(); ++j) out.push_back(cuts[j] - cuts[j - 1]);
  return out;
}

/// Without column j; a distribution's mass goes to the column that comes after it.
Dyadic without_column(const WitnessSpace& s, const Dyadic& d, std::size_t j) {
  Dyadic out = d;
  for (std::size_t r = 0; r < out.rows.size(); ++r) {
    auto& row = out.rows[r];
    const std::int64_t mass = row[j];
    row.erase(row.begin() + static_cast<std::ptrdiff_t>(j));
    if (s.rows[r] == Kind::distribution) row[j % row.size()] += mass;
  }
  return out;
}

Dyadic halved(const WitnessSpace& s, const Dyadic& d) {
  Dyadic out = d;
  out.denominator /= 2;
  for (std::size_t r = 0; r < out.rows.size(); ++r) {
    std::int64_t sum = 0;
    for (std::int64_t& x : out.rows[r]) sum += x /= 2;
    if (s.rows[r] == Kind::distribution) {
      *std::max_element(out.rows[r].begin(), out.rows[r].end()) += out.denominator - sum;
    }
  }
  return out;
}

void smaller_numbers(const Dyadic& d, std::size_t r, std::vector<Dyadic>& out) {
  for (std::size_t j = 0; j < d.rows[r].size(); ++j) {
    const std::int64_t x = d.rows[r][j];
    if (x == 0) continue;
    std::vector<std::int64_t> tries = {0, x / 2, x > 0 ? x - 1 : x + 1};
    if (x < 0) tries.push_back(-x);
    for (const std::int64_t y : tries) {
      if (y == x) continue;
      out.push_back(d);
      out.back().rows[r][j] = y;
    }
  }
}

/// One unit from a greater number to a smaller one.
void more_even(const Dyadic& d, std::size_t r, std::vector<Dyadic>& out) {
  for (std::size_t i = 0; i < d.rows[r].size(); ++i) {
    for (std::size_t j = 0; j < d.rows[r].size(); ++j) {
      if (d.rows[r][i] < d.rows[r][j] + 2) continue;
      out.push_back(d);
      --out.back().rows[r][i];
      ++out.back().rows[r][j];
    }
  }
}

std::vector<Dyadic> smaller(const WitnessSpace& s, const Dyadic& d) {
  std::vector<Dyadic> out;
  for (std::size_t j = 0; d.columns() > s.least_columns && j < d.rows[0].size(); ++j) {
    out.push_back(without_column(s, d, j));
  }
  if (d.denominator > 1) out.push_back(halved(s, d));
  for (std::size_t r = 0; r < d.rows.size(); ++r) {
    if (s.rows[r] == Kind::number) smaller_numbers(d, r, out);
    else more_even(d, r, out);
  }
  return out;
}

/// Fewer columns, then a smaller denominator, then smaller and more even numbers come first.
auto size_of(const Dyadic& d) {
  std::int64_t squares = 0;
  for (const auto& row : d.rows) {
    for (const std::int64_t x : row) squares += x * x;
  }
  return std::tuple(d.columns(), d.denominator, squares);
}

/// The same space at a denominator that attempt i chooses: small witnesses are met directly.
WitnessSpace coarser(const WitnessSpace& s, std::int64_t i) {
  WitnessSpace out = s;
  for (std::int64_t halvings = i % 6; halvings > 0 && out.denominator > 2; --halvings) {
    out.denominator /= 2;
    out.greatest = std::max<std::int64_t>(1, out.greatest / 2);
  }
  return out;
}

}  // namespace

Dyadic random_dyadic(const WitnessSpace& s, const Random& random) {
  Dyadic d;
  d.denominator = s.denominator;
  const std::int64_t columns =
      s.least_columns + random.below(0, s.most_columns - s.least_columns + 1);
  for (std::size_t r = 0; r < s.rows.size(); ++r) {
    const Random draw = random.stream(r + 1);
    if (s.rows[r] == Kind::distribution) {
      d.rows.push_back(random_distribution(columns, s.denominator, draw));
      continue;
    }
    auto& row = d.rows.emplace_back();
    for (std::int64_t j = 0; j < columns; ++j) {
      row.push_back(draw.below(static_cast<std::uint64_t>(j), 2 * s.greatest + 1) - s.greatest);
    }
  }
  return d;
}

Witness shrink_witness(const WitnessSpace& s, Dyadic d, const Fails& fails) {
  Witness w;
  for (bool shrunk = true; shrunk;) {
    shrunk = false;
    for (Dyadic& candidate : smaller(s, d)) {
      if (!fails(candidate)) continue;
      d = std::move(candidate);
      ++w.steps;
      shrunk = true;
      break;
    }
  }
  w.data = std::move(d);
  return w;
}

Witness find_witness(const WitnessSpace& s, const Random& random, const Fails& fails) {
  Witness best;
  std::int64_t steps = 0;
  for (std::int64_t i = 0; i < kAttempts && best.found < kWitnesses; ++i) {
    Dyadic d = random_dyadic(coarser(s, i), random.stream(static_cast<std::uint64_t>(i)));
    if (!fails(d)) continue;
    Witness w = shrink_witness(s, std::move(d), fails);
    steps += w.steps;
    if (!best || size_of(w.data) < size_of(best.data)) best.data = std::move(w.data);
    ++best.found;
    best.tried = i + 1;
  }
  best.steps = steps;
  return best;
}

}  // namespace xent
