// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "properties/domain.h"

// Cases for the tests of the domains.
namespace xent {

/// Problems of every kind, in the order in which problem_for tries them.
inline constexpr std::string_view kKinds[] = {
    "op=ce", "op=kl targets=prob", "op=ce targets=prob", "op=nll", "op=bce-logits targets=prob",
    "op=bce-prob targets=prob", "op=ce ignore=-100", "op=ce weights=on", "op=ce softcap=5"};

/// A problem of the domain's kind: shape that shows its intent, both directions of data.
inline Problem problem_for(const Domain& domain, DType dtype) {
  for (const auto& [n, v] : {std::pair{13, 37}, {13, 3}, {3, 5}}) {
    for (const std::string_view kind : kKinds) {
      Problem p = parse_problem(std::string(kind) + " dir=fwdbwd upstream=row");
      p.dtype = dtype;
      p.n = n;
      p.v = v;
      if (domain.fits(p)) return p;
    }
  }
  return {};
}

inline TestCase make(std::string_view domain, DType dtype, std::uint64_t seed, std::int64_t n = 13,
                     std::int64_t v = 37) {
  Problem p = problem_for(find_domain(domain), dtype);
  p.n = n;
  p.v = v;
  return make_case(p, domain, seed);
}

inline constexpr DType kFloats[] = {DType::f32, DType::f64};

/// Calls check(row, case) on every row of some cases of the domain in f32 and f64.
template <class Check>
void for_rows(std::string_view domain, Check check) {
  for (const DType dtype : kFloats) {
    for (const std::int64_t v : {2, 5, 37, 130}) {
      for (const std::uint64_t seed : {0, 1, 2, 77}) {
        const TestCase c = make(domain, dtype, seed, 31, v);
        for (std::int64_t row = 0; row < c.problem.n; ++row) check(row, c);
      }
    }
  }
}

inline double greatest(const TestCase& c, std::int64_t row, std::int64_t without = -1) {
  double m = -std::numeric_limits<double>::infinity();
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    if (j != without) m = std::max(m, c.logit(row, j));
  }
  return m;
}

inline std::int64_t count_live(const TestCase& c, std::int64_t row) {
  std::int64_t live = 0;
  for (std::int64_t j = 0; j < c.problem.v; ++j) live += std::isfinite(c.logit(row, j));
  return live;
}

}  // namespace xent
