// SPDX-License-Identifier: Apache-2.0
#include "core/enclosure.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string_view>

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMax = std::numeric_limits<double>::max();
// Below it neither a sum of two nor the intermediate terms of two_sum overflow.
constexpr double kSafe = 0x1p1022;

bool safe(double a, double b) { return std::abs(a) < kSafe && std::abs(b) < kSafe; }

// The least double above x; the greatest one for +inf, the least finite one for -inf.
double next_up(double x) {
  if (x == kInf) return x;
  if (x == 0) return std::numeric_limits<double>::denorm_min();
  const auto bits = std::bit_cast<std::uint64_t>(x);
  return std::bit_cast<double>(x > 0 ? bits + 1 : bits - 1);
}

struct Sum {
  double value;
  double error;
};

// Knuth: a + b = value + error exactly, for safe(a, b).
Sum two_sum(double a, double b) {
  const double value = a + b;
  const double b_part = value - a;
  const double a_part = value - b_part;
  return {value, (a - a_part) + (b - b_part)};
}

// a + b rounded up: exact when the sum is a double and the operands are safe.
double add_up(double a, double b) {
  if (!safe(a, b)) return next_up(a + b);
  const Sum sum = two_sum(a, b);
  return sum.error > 0 ? next_up(sum.value) : sum.value;
}

double add_down(double a, double b) { return -add_up(-a, -b); }

void require_number(const Enclosure& e, const char* what) {
  if (!e.is_number()) throw std::logic_error(what);
}

Enclosure negated(const Enclosure& e) { return {e.kind, -e.hi, -e.lo, e.rad}; }

// Where two_sum may overflow: one double and a radius that holds everything else.
Enclosure add_coarsely(const Enclosure& a, const Enclosure& b) {
  const double sum = a.hi + b.hi;
  const double hi = std::clamp(sum, -kMax, kMax);
  double rad = sum == hi ? add_up(next_up(std::abs(hi)), -std::abs(hi)) : kInf;
  for (const double part : {a.lo, b.lo, a.rad, b.rad}) rad = add_up(rad, std::abs(part));
  return {Enclosure::Kind::number, hi, 0, rad};
}

}  // namespace

bool intersects(const Enclosure& a, const Enclosure& b) {
  if (a.kind != b.kind) return false;
  return !a.is_number() || magnitude_lower(a - b) == 0;
}

double magnitude_upper(const Enclosure& e) {
  return e.is_number() ? distance(0, e).upper : kInf;
}

double magnitude_lower(const Enclosure& e) {
  if (e.is_number()) return distance(0, e).lower;
  const bool infinite = e.kind == Enclosure::Kind::plus_inf || e.kind == Enclosure::Kind::minus_inf;
  return infinite ? kMax : 0;
}

Distance distance(double value, const Enclosure& e) {
  require_number(e, "distance to an enclosure of no number");
  double above = 0;
  double below = 0;
  if (safe(value, e.hi)) {
    // value - hi = difference + error exactly, so only the last sums round.
    const Sum difference = two_sum(value, -e.hi);
    above = add_up(difference.value, add_up(difference.error, -e.lo));
    below = add_down(difference.value, add_down(difference.error, -e.lo));
  } else {
    above = add_up(add_up(value, -e.hi), -e.lo);
    below = add_down(add_down(value, -e.hi), -e.lo);
  }
  const double largest = std::max(std::abs(above), std::abs(below));
  const double least = below > 0 ? below : above < 0 ? -above : 0;
  return {std::max(0.0, add_down(least, -e.rad)), add_up(largest, e.rad)};
}

Enclosure operator+(const Enclosure& a, const Enclosure& b) {
  require_number(a, "sum with an enclosure of no number");
  require_number(b, "sum with an enclosure of no number");
  if (!safe(a.hi, b.hi)) return add_coarsely(a, b);
  // hi + lo of both = top + bottom + low.error + rest.error exactly.
  const Sum top = two_sum(a.hi, b.hi);
  const Sum low = two_sum(a.lo, b.lo);
  const Sum rest = two_sum(top.error, low.value);
  const Sum whole = two_sum(top.value, rest.value);
  const double lost = add_up(std::abs(low.error), std::abs(rest.error));
  return {Enclosure::Kind::number, whole.value, whole.error,
          add_up(add_up(a.rad, b.rad), lost)};
}

Enclosure operator-(const Enclosure& a, const Enclosure& b) { return a + negated(b); }

}  // namespace xent
