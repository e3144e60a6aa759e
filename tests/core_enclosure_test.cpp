// SPDX-License-Identifier: Apache-2.0
#include "core/enclosure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMax = std::numeric_limits<double>::max();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();

// Exact sums of doubles: a two's complement integer of 36 words in units of 2^-1138, so that every
// double, thousands of their sums, and these shifted right by up to 64 bits are integers.
class Exact {
 public:
  explicit Exact(double x) {
    int exponent = 0;
    const double fraction = std::frexp(std::abs(x), &exponent);
    const auto significand = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
    const auto position = static_cast<std::size_t>(exponent - 53 + 1138);
    words_[position / 64] = significand << (position % 64);
    if (position % 64 != 0) words_[position / 64 + 1] = significand >> (64 - position % 64);
    if (x < 0) *this = -*this;
  }
  Exact operator-() const {
    Exact result = *this;
    bool carry = true;
    for (std::uint64_t& word : result.words_) {
      word = ~word + (carry ? 1 : 0);
      carry = carry && word == 0;
    }
    return result;
  }
  Exact operator+(const Exact& other) const {
    Exact result = *this;
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::uint64_t partial = words_[i] + other.words_[i];
      result.words_[i] = partial + carry;
      carry = static_cast<std::uint64_t>(partial < words_[i]) | (result.words_[i] < partial);
    }
    return result;
  }
  Exact operator-(const Exact& other) const { return *this + -other; }
  bool negative() const { return words_.back() >> 63 != 0; }
  Exact magnitude() const { return negative() ? -*this : *this; }
  // Of a number that is not negative, 0 < bits < 64.
  Exact shifted_right(int bits) const {
    Exact result = *this;
    for (std::size_t i = 0; i + 1 < words_.size(); ++i) {
      result.words_[i] = words_[i] >> bits | words_[i + 1] << (64 - bits);
    }
    result.words_.back() >>= bits;
    return result;
  }
  friend bool operator<(const Exact& a, const Exact& b) { return (a - b).negative(); }
  friend bool operator>(const Exact& a, const Exact& b) { return b < a; }
  friend bool operator<=(const Exact& a, const Exact& b) { return !(b < a); }
  friend bool operator>=(const Exact& a, const Exact& b) { return !(a < b); }
  bool operator==(const Exact&) const = default;

 private:
  std::array<std::uint64_t, 36> words_{};
};

Exact exact(double x) { return Exact(x); }
Exact abs(const Exact& x) { return x.magnitude(); }

TEST(ExactTest, AgreesWithIntegersAndKnownSums) {
  for (int a = -40; a <= 40; ++a) {
    for (int b = -40; b <= 40; ++b) {
      ASSERT_EQ(exact(a) + exact(b), exact(a + b));
      ASSERT_EQ(exact(a) - exact(b), exact(a - b));
      ASSERT_EQ(exact(a) < exact(b), a < b);
    }
  }
  EXPECT_LT(exact(kMax), exact(kMax) + exact(kTiny));
  EXPECT_EQ(exact(kMax) + exact(kTiny) - exact(kMax), exact(kTiny));
  EXPECT_EQ(exact(0x1p-1010).shifted_right(60), exact(0x1p-1070));
  EXPECT_EQ(abs(exact(-kMax)), exact(kMax));
}

Exact center(const Enclosure& e) { return exact(e.hi) + exact(e.lo); }
Exact low(const Enclosure& e) { return center(e) - exact(e.rad); }
Exact high(const Enclosure& e) { return center(e) + exact(e.rad); }

// Doubles of any exponent, near one another's exponents, and at the edges of the format.
class Doubles {
 public:
  double next() {
    switch (random_() % 8) {
      case 0: return 0;
      case 1: return sign() * kTiny * static_cast<double>(random_() % 9);
      case 2: return sign() * (kMax - std::ldexp(static_cast<double>(random_() % 9), 971));
      case 3: return scaled(static_cast<int>(random_() % 2046) - 1074);
      default: return scaled(static_cast<int>(random_() % 12) - 6);
    }
  }
  Enclosure enclosure() {
    Enclosure e = Enclosure::exact(next());
    const double half_ulp =
        std::ldexp(std::nextafter(std::abs(e.hi), 0.0) - std::abs(e.hi), -1);
    if (random_() % 4 != 0) e.lo = half_ulp * static_cast<double>(random_() % 1025) / 1024 * sign();
    if (random_() % 4 != 0) e.rad = std::ldexp(std::abs(e.hi), -static_cast<int>(random_() % 130));
    if (random_() % 8 == 0) e.rad = kTiny;
    return e;
  }
  // Values that matter for a distance: near the enclosure, equal to it, or anywhere.
  double near(const Enclosure& e) {
    switch (random_() % 5) {
      case 0: return e.hi;
      case 1: return std::clamp(std::nextafter(e.hi, sign() * kInf), -kMax, kMax);
      case 2: return std::clamp(e.hi * (1 + sign() * 0x1p-30), -kMax, kMax);
      case 3: return -e.hi;
      default: return next();
    }
  }

 private:
  double sign() { return (random_() & 1) != 0 ? 1.0 : -1.0; }
  double scaled(int e) {
    return sign() * std::ldexp(static_cast<double>(random_() >> 11) * 0x1p-53, e);
  }
  std::mt19937_64 random_{11};
};

TEST(EnclosureTest, DistanceHoldsTheExactBounds) {
  Doubles random;
  for (int i = 0; i < 20000; ++i) {
    const Enclosure e = random.enclosure();
    const double value = random.near(e);
    const Distance d = distance(value, e);
    const Exact above = abs(exact(value) - low(e));
    const Exact below = abs(exact(value) - high(e));
    const bool inside = exact(value) >= low(e) && exact(value) <= high(e);
    const Exact largest = std::max(above, below);
    const Exact least = inside ? exact(0) : std::min(above, below);
    ASSERT_GE(d.lower, 0);
    ASSERT_LT(d.lower, kInf);
    ASSERT_TRUE(d.upper == kInf || exact(d.upper) >= largest) << value << " " << e.hi;
    ASSERT_LE(exact(d.lower), least) << value << " " << e.hi;
    ASSERT_TRUE(d.upper < kInf || largest > exact(0x1p1023));
  }
}

// Each bound takes at most four roundings of nonnegative terms that do not cancel beyond the exact
// difference, so it is within 4 * 2^-52 of the terms' sum.
TEST(EnclosureTest, DistanceIsTight) {
  Doubles random;
  for (int i = 0; i < 20000; ++i) {
    const Enclosure e = random.enclosure();
    const double value = random.near(e);
    if (std::abs(value) >= 0x1p1000 || std::abs(e.hi) >= 0x1p1000) continue;
    const Distance d = distance(value, e);
    const Exact apart = abs(exact(value) - center(e));
    const Exact largest = apart + exact(e.rad);
    const Exact slack = largest.shifted_right(50) + exact(kTiny);
    ASSERT_LE(exact(d.upper), largest + slack) << value << " " << e.hi << " " << e.lo;
    ASSERT_GE(exact(d.lower), apart - exact(e.rad) - slack);
  }
}

TEST(EnclosureTest, ExactCasesStayExact) {
  EXPECT_EQ(distance(1.0, Enclosure::exact(1.0)).upper, 0);
  EXPECT_EQ(distance(3.0, Enclosure::exact(1.0)).upper, 2);
  EXPECT_EQ(distance(3.0, Enclosure::exact(1.0)).lower, 2);
  const Enclosure third{Enclosure::Kind::number, 1.0 / 3, 0x1p-56, 0x1p-110};
  EXPECT_GE(exact(distance(1.0 / 3, third).upper), exact(0x1p-56) + exact(0x1p-110));
  EXPECT_LT(distance(1.0 / 3, third).upper, 0x1p-55);
  EXPECT_GT(distance(1.0 / 3, third).lower, 0x1p-57);
}

TEST(EnclosureTest, FarApartOverflowsUpwardsOnly) {
  const Distance d = distance(kMax, Enclosure::exact(-kMax));
  EXPECT_EQ(d.upper, kInf);
  EXPECT_GT(d.lower, 0x1p1023);
  EXPECT_LE(exact(d.lower), exact(kMax) + exact(kMax));
  EXPECT_GE(magnitude_upper(Enclosure::exact(kMax)), kMax);
}

TEST(EnclosureTest, SumsHoldEveryPairOfEnds) {
  Doubles random;
  for (int i = 0; i < 20000; ++i) {
    const Enclosure a = random.enclosure();
    const Enclosure b = random.enclosure();
    const Enclosure sum = a + b;
    const Enclosure difference = a - b;
    if (sum.rad < kInf) {
      ASSERT_LE(low(sum), low(a) + low(b)) << a.hi << " " << b.hi;
      ASSERT_GE(high(sum), high(a) + high(b)) << a.hi << " " << b.hi;
    } else {
      ASSERT_GT(abs(center(a) + center(b)) + exact(a.rad) + exact(b.rad), exact(0x1p1022));
    }
    if (difference.rad < kInf) {
      ASSERT_LE(low(difference), low(a) - high(b));
      ASSERT_GE(high(difference), high(a) - low(b));
    }
    ASSERT_EQ(sum.hi, sum.hi + sum.lo);  // |lo| <= ulp(hi) / 2
  }
}

TEST(EnclosureTest, SumsKeepAbout106Bits) {
  const Enclosure a{Enclosure::Kind::number, 1.0 / 3, 0x1.5p-56, 0};
  const Enclosure b{Enclosure::Kind::number, 2.0 / 7, -0x1.7p-57, 0};
  EXPECT_LE((a + b).rad, std::ldexp((a + b).hi, -105));
}

TEST(EnclosureTest, MagnitudesAndIntersection) {
  Doubles random;
  for (int i = 0; i < 20000; ++i) {
    const Enclosure a = random.enclosure();
    const Enclosure b = random.enclosure();
    const Exact most = std::max(abs(low(a)), abs(high(a)));
    ASSERT_TRUE(magnitude_upper(a) == kInf || exact(magnitude_upper(a)) >= most);
    const bool holds_zero = low(a) <= exact(0) && high(a) >= exact(0);
    const Exact least = holds_zero ? exact(0) : std::min(abs(low(a)), abs(high(a)));
    ASSERT_LE(exact(magnitude_lower(a)), least);
    const bool meet = low(a) <= high(b) && low(b) <= high(a);
    ASSERT_TRUE(!meet || intersects(a, b));
    ASSERT_EQ(intersects(a, b), intersects(b, a));
    ASSERT_TRUE(intersects(a, a));
  }
  const Enclosure one = Enclosure::exact(1);
  EXPECT_FALSE(intersects(one, Enclosure::exact(std::nextafter(1.0, 2.0))));
  EXPECT_FALSE(intersects(one, Enclosure::special(Enclosure::Kind::plus_inf)));
  EXPECT_TRUE(intersects(Enclosure::special(Enclosure::Kind::nan),
                         Enclosure::special(Enclosure::Kind::nan)));
  EXPECT_EQ(magnitude_upper(Enclosure::special(Enclosure::Kind::minus_inf)), kInf);
  EXPECT_THROW(one + Enclosure::special(Enclosure::Kind::nan), std::logic_error);
}

}  // namespace
}  // namespace xent
