// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle_simd_exact.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>

namespace xent::simd_tests {
namespace {

/// A number that holds any sum of doubles exactly.
class Real {
 public:
  Real() { mpfr_init2(x_, 2300); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  ~Real() { mpfr_clear(x_); }
  operator mpfr_ptr() { return x_; }  // NOLINT: as MPFR's own type

  /// hi + lo + side rad.
  void set(const Enclosure& e, int side) {
    mpfr_set_d(x_, e.hi, MPFR_RNDN);
    mpfr_add_d(x_, x_, e.lo, MPFR_RNDN);
    if (side != 0) mpfr_add_d(x_, x_, side * e.rad, MPFR_RNDN);
  }

 private:
  mpfr_t x_;
};

bool same_bits(const Enclosure& a, const Enclosure& b) {
  return std::bit_cast<std::uint64_t>(a.hi) == std::bit_cast<std::uint64_t>(b.hi) &&
         std::bit_cast<std::uint64_t>(a.lo) == std::bit_cast<std::uint64_t>(b.lo) &&
         std::bit_cast<std::uint64_t>(a.rad) == std::bit_cast<std::uint64_t>(b.rad);
}

std::vector<Enclosure> answers(const Asking& q) {
  std::vector<Enclosure> first;
  for (const PrimitiveTarget& target : primitive_targets()) {
    std::vector<Enclosure> result(q.what == Primitive::sum ? 1 : q.a.size());
    target.run({q.what, q.tier, q.a, q.b, result});
    if (first.empty()) first = result;
    std::size_t differing = 0;
    for (std::size_t i = 0; i < result.size(); ++i) differing += !same_bits(result[i], first[i]);
    EXPECT_EQ(differing, 0u) << target.isa << " has other bits than the first";
  }
  return first;
}

class Checker {
 public:
  explicit Checker(const Asking& q) : q_(q) {}

  void check(std::size_t i, const Enclosure& answer, int a_side, int b_side) {
    static const Enclosure nothing;
    a_.set(q_.a[i], a_side);
    b_.set(q_.b.empty() ? nothing : q_.b[i], b_side);
    q_.exact(exact_, a_, b_);
    distance_.set(answer, 0);
    mpfr_sub(distance_, distance_, exact_, MPFR_RNDN);
    mpfr_abs(distance_, distance_, MPFR_RNDN);
    ++found.checks;
    if (mpfr_cmp_d(distance_, answer.rad) > 0 && found.outside++ < 3) {
      ADD_FAILURE() << std::hexfloat << "at " << q_.a[i].hi << " + " << q_.a[i].lo << " +- "
                    << q_.a[i].rad << (q_.b.empty() ? 0 : q_.b[i].hi) << ": " << answer.hi << " + "
                    << answer.lo << " +- " << answer.rad << ", off by "
                    << mpfr_get_d(distance_, MPFR_RNDN);
    }
    if (answer.rad > 0) found.most = std::max(found.most, over(answer.rad));
    if (mpfr_cmpabs_ui(exact_, 0) > 0) {
      mpfr_div(distance_, distance_, exact_, MPFR_RNDN);
      found.relative = std::max(found.relative, std::fabs(mpfr_get_d(distance_, MPFR_RNDN)));
    }
  }

  Measured found;

 private:
  double over(double rad) {
    mpfr_div_d(b_, distance_, rad, MPFR_RNDN);
    return mpfr_get_d(b_, MPFR_RNDN);
  }

  const Asking& q_;
  Real a_, b_, exact_, distance_;
};

}  // namespace

Measured measure(const Asking& q) {
  const std::vector<Enclosure> y = answers(q);
  Checker checker(q);
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (std::isinf(y[i].rad)) continue;
    ++checker.found.promising;
    const int a_ends = q.a[i].rad > 0, b_ends = !q.b.empty() && q.b[i].rad > 0;
    for (int a = -a_ends; a <= a_ends; ++a) {
      for (int b = -b_ends; b <= b_ends; ++b) checker.check(i, y[i], a, b);
    }
  }
  return checker.found;
}

double Draw::power(int least, int most) {
  const double x = std::ldexp(1 + unit(), between(least, most));
  return between(0, 1) ? x : -x;
}

double Draw::stepped(double x, int ulps) {
  const double towards = between(0, 1) ? INFINITY : -INFINITY;
  for (int i = between(0, ulps); i > 0; --i) x = std::nextafter(x, towards);
  return x;
}

Enclosure Draw::number(double x) {
  if (tier_ == Tier::doubles) return Enclosure::exact(x);
  const double low = std::fabs(x) * within(-0x1p-53, 0x1p-53);
  const double hi = x + low;
  return {Enclosure::Kind::number, hi, low - (hi - x), 0};
}

Enclosure Draw::ball(Enclosure e) {
  e.rad = std::fabs(e.hi) * std::ldexp(unit(), -between(0, 60));
  return e;
}

}  // namespace xent::simd_tests
