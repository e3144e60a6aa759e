// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "core/enclosure.h"
#include "oracle/interval.h"
#include "oracle/reference.h"

namespace xent::oracle_tests {

/// 1025 bits: next to the enclosures under test, exact.
using Exact = Interval<308>;

template <class I>
I expm1_of(const I& x) {
  I r;
  mpfi_expm1(raw(r), raw(x));
  return r;
}
template <class I>
I atanh_of(const I& x) {
  I r;
  mpfi_atanh(raw(r), raw(x));
  return r;
}

/// The exact value may be inside: its distance from the middle is not certainly above the radius.
inline bool contains(const Enclosure& e, const Exact& x) {
  constexpr double kMax = std::numeric_limits<double>::max();
  if (e.kind == Enclosure::Kind::plus_inf) return lower_double(x) == kMax;
  if (!e.is_number()) return false;
  const Exact difference = x - Exact(e.hi) - Exact(e.lo);
  return lower_double(Exact(abs_of(difference))) <= e.rad;
}

/// As narrow as level 0 promises, as far as doubles go.
inline bool is_sharp(const Enclosure& e) {
  return e.is_number() && e.rad <= std::fabs(e.hi) * Reference::kSharp +
                                       2 * std::numeric_limits<double>::denorm_min();
}

inline Exact exact_sum(const std::vector<Exact>& terms) {
  Exact s(0);
  for (const Exact& x : terms) s += x;
  return s;
}

}  // namespace xent::oracle_tests
