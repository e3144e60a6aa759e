// SPDX-License-Identifier: Apache-2.0
#include "core/dtype.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>

#include "core/error.h"
#include "core/tensor.h"

namespace xent {
namespace {

struct Half {
  const char* name;
  DType dtype;
  std::uint16_t (*narrow)(double);
  double (*widen)(std::uint16_t);
};
constexpr Half kHalves[] = {{"bf16", DType::bf16, to_bf16, from_bf16},
                            {"f16", DType::f16, to_f16, from_f16}};

std::uint16_t infinity_of(const Half& h) { return h.narrow(HUGE_VAL); }

// The definition, apart from the code under test: +-2^E * (1 + f / 2^(p-1)).
double by_definition(std::uint16_t bits, const Format& f) {
  const int fraction_bits = f.precision - 1;
  const int field = (bits & 0x7fff) >> fraction_bits;
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const double magnitude =
      field == 0 ? std::ldexp(fraction, f.emin - fraction_bits)
                 : std::ldexp(fraction + (1 << fraction_bits), field - 1 + f.emin - fraction_bits);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(Dtype, EveryHalfWidensToItsDefinitionAndBack) {
  for (const Half& h : kHalves) {
    for (std::uint32_t i = 0; i < 65536; ++i) {
      const auto bits = static_cast<std::uint16_t>(i);
      ASSERT_EQ(h.narrow(h.widen(bits)), bits) << h.name << " " << i;
      const std::uint16_t magnitude = bits & 0x7fff;
      if (magnitude > infinity_of(h)) {
        ASSERT_TRUE(std::isnan(h.widen(bits)));
      } else if (magnitude == infinity_of(h)) {
        ASSERT_TRUE(std::isinf(h.widen(bits)));
      } else {
        const double expected = by_definition(bits, format(h.dtype));
        ASSERT_EQ(h.widen(bits), expected);
        ASSERT_EQ(std::signbit(h.widen(bits)), std::signbit(expected));
      }
    }
  }
}

// Between neighbours a and b = next(a): below the midpoint rounds to a, above it to b, the midpoint
// to the even one. Midpoints of 16-bit formats are doubles, and so are their neighbours.
TEST(Dtype, HalfwayCasesRoundToEvenOnce) {
  for (const Half& h : kHalves) {
    const double inf = HUGE_VAL;
    for (std::uint16_t bits = 0; bits < infinity_of(h); ++bits) {
      const auto next = static_cast<std::uint16_t>(bits + 1);
      const double low = h.widen(bits);
      const bool last = next == infinity_of(h);
      const double high = last ? std::ldexp(1.0, format(h.dtype).emax + 1) : h.widen(next);
      const double middle = low + (high - low) / 2;
      for (const double sign : {1.0, -1.0}) {
        const auto flag = static_cast<std::uint16_t>(sign < 0 ? 0x8000 : 0);
        const std::uint16_t even = (bits & 1) == 0 ? bits : next;
        ASSERT_EQ(h.narrow(sign * middle), even | flag) << h.name << " " << bits;
        ASSERT_EQ(h.narrow(sign * std::nextafter(middle, 0.0)), bits | flag);
        ASSERT_EQ(h.narrow(sign * std::nextafter(middle, inf)), next | flag);
      }
    }
  }
}

// Numbers are ordered as their bits are, by sign and magnitude; each loads and stores as itself.
TEST(Dtype, EveryHalfIsOrderedAndStoredAsItself) {
  for (const Half& h : kHalves) {
    for (std::uint16_t bits = 0; bits < infinity_of(h); ++bits) {
      const auto next = static_cast<std::uint16_t>(bits + 1);
      ASSERT_LT(h.widen(bits), h.widen(next)) << h.name << " " << bits;
      ASSERT_EQ(h.widen(static_cast<std::uint16_t>(bits | 0x8000)), -h.widen(bits));
    }
    Tensor t(h.dtype, {65536});
    for (std::int64_t i = 0; i < 65536; ++i) {
      const auto bits = static_cast<std::uint16_t>(i);
      t.set(i, h.widen(bits));
      ASSERT_EQ(t.bytes[static_cast<std::size_t>(2 * i)], static_cast<std::byte>(bits & 0xff));
      ASSERT_EQ(t.bytes[static_cast<std::size_t>(2 * i + 1)], static_cast<std::byte>(bits >> 8));
    }
  }
}

// Narrowing never reverses an order.
TEST(Dtype, NarrowingIsMonotone) {
  std::mt19937_64 random(11);
  for (const Half& h : kHalves) {
    for (int i = 0; i < 200000; ++i) {
      const int exponent = static_cast<int>(random() % 300) - 160;
      const double x = std::ldexp(static_cast<double>(random() >> 11), exponent - 52);
      const double y = x * (1 + std::ldexp(static_cast<double>(random() >> 11), -62));
      ASSERT_LE(h.narrow(x), h.narrow(y)) << h.name << " " << x;
    }
  }
}

// Rounding to float first would land on the midpoint and then go to the even side.
TEST(Dtype, NoDoubleRoundingThroughFloat) {
  const double above_middle = 1.0 + 0x1p-8 + 0x1p-40;
  EXPECT_EQ(to_bf16(above_middle), 0x3f81);
  EXPECT_EQ(to_bf16(static_cast<double>(static_cast<float>(above_middle))), 0x3f80);
  const double above_middle_f16 = 1.0 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(to_f16(above_middle_f16), 0x3c01);
}

TEST(Dtype, RandomDoublesRoundToTheNearerNeighbour) {
  std::mt19937_64 random(1);
  for (const Half& h : kHalves) {
    for (int i = 0; i < 200000; ++i) {
      const int exponent = static_cast<int>(random() % 300) - 160;
      const double x = std::ldexp(static_cast<double>(random() >> 11), exponent - 52);
      const std::uint16_t bits = h.narrow(x);
      if (bits == infinity_of(h)) {
        const Format f = format(h.dtype);
        ASSERT_GE(x, std::ldexp(2.0 - std::ldexp(1.0, -f.precision), f.emax));
        continue;
      }
      const double error = std::abs(h.widen(bits) - x);
      if (bits > 0) {
        ASSERT_LE(error, std::abs(h.widen(static_cast<std::uint16_t>(bits - 1)) - x));
      }
      if (bits + 1 < infinity_of(h)) {
        ASSERT_LE(error, std::abs(h.widen(static_cast<std::uint16_t>(bits + 1)) - x));
      }
    }
  }
}

TEST(Dtype, NamesParseBack) {
  for (const DType d : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32,
                        DType::u16}) {
    EXPECT_EQ(parse_dtype(name(d)), d);
    EXPECT_EQ(is_float(d), name(d).find('f') != std::string_view::npos);
  }
  EXPECT_FALSE(parse_dtype("f8"));
  EXPECT_THROW(format(DType::i32), std::logic_error);
}

TEST(Dtype, UnitRoundoffIsHalfTheSpacingAboveOne) {
  EXPECT_EQ(unit_roundoff(DType::f64), std::numeric_limits<double>::epsilon() / 2);
  EXPECT_EQ(unit_roundoff(DType::f32), std::numeric_limits<float>::epsilon() / 2);
  EXPECT_EQ(unit_roundoff(DType::bf16), (from_bf16(0x3f81) - 1) / 2);
  EXPECT_EQ(unit_roundoff(DType::f16), (from_f16(0x3c01) - 1) / 2);
}

TEST(Dtype, StoringIntegersSaturates) {
  std::array<std::byte, 8> at{};
  store(at.data(), DType::i32, 1e30);
  EXPECT_EQ(load_integer(at.data(), DType::i32), std::numeric_limits<std::int32_t>::max());
  store(at.data(), DType::u16, -1);
  EXPECT_EQ(load_integer(at.data(), DType::u16), 0);
  store(at.data(), DType::i64, 2.5);
  EXPECT_EQ(load_integer(at.data(), DType::i64), 2);
  EXPECT_THROW(load_integer(at.data(), DType::f32), std::logic_error);
}

TEST(TensorTest, SizesElementsAndIdentity) {
  Tensor t(DType::f16, {2, 3});
  EXPECT_EQ(t.size(), 6);
  t.set(4, 1.0 / 3);
  EXPECT_EQ(t.at(4), from_f16(to_f16(1.0 / 3)));
  EXPECT_EQ(t.at(5), 0);
  EXPECT_TRUE(Tensor().empty());
  EXPECT_EQ(Tensor().size(), 0);
  EXPECT_EQ(Tensor(DType::f32, {0, 5}).size(), 0);
  Tensor negative_zero(DType::f32, {1});
  negative_zero.set(0, -0.0);
  EXPECT_NE(negative_zero, Tensor(DType::f32, {1}));
}

TEST(TensorTest, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Tensor(DType::f32, {-1}), UsageError);
  EXPECT_THROW(Tensor(DType::f64, {std::int64_t{1} << 40, std::int64_t{1} << 40}), UsageError);
  Tensor small(DType::i32, {1});
  EXPECT_THROW(small.set_integer(0, std::int64_t{1} << 40), UsageError);
  small.set_integer(0, -100);
  EXPECT_EQ(small.integer(0), -100);
}

}  // namespace
}  // namespace xent
