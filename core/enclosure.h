// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>

namespace xent {

/// A proved interval that contains the exact real value: |x - (hi + lo)| <= rad, where hi + lo is
/// an unevaluated sum with |lo| <= ulp(hi) / 2. About 106 bits when rad is small. Special values
/// carry their kind and no numbers.
struct Enclosure {
  enum class Kind : std::uint8_t {
    number,
    plus_inf,   ///< exactly +infinity, or a number above every double
    minus_inf,
    nan,        ///< the dialect asks for NaN
    undefined,  ///< the dialect gives no answer: not judged, but counted by name
  };
  Kind kind = Kind::number;
  double hi = 0;
  double lo = 0;
  double rad = 0;

  static Enclosure exact(double x) { return {Kind::number, x, 0, 0}; }
  static Enclosure special(Kind k) { return {k, 0, 0, 0}; }
  bool is_number() const { return kind == Kind::number; }
};

/// The two enclosures share a point (equal kinds for special values).
bool intersects(const Enclosure&, const Enclosure&);

/// Bounds of |x|, rounded outward.
double magnitude_upper(const Enclosure&);
double magnitude_lower(const Enclosure&);

/// Bounds of |value - x| for x in the enclosure, rounded outward. Value and enclosure are finite.
struct Distance {
  double lower;
  double upper;
};
Distance distance(double value, const Enclosure&);

/// Outward arithmetic on enclosures of numbers.
Enclosure operator+(const Enclosure&, const Enclosure&);
Enclosure operator-(const Enclosure&, const Enclosure&);

}  // namespace xent
