// SPDX-License-Identifier: Apache-2.0
#include "core/bytes.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace xent {
namespace {

const std::byte* at(const Bytes& b) { return b.data(); }

TEST(Bytes, StartAsZeros) {
  const Bytes b(1000);
  ASSERT_EQ(b.size(), 1000u);
  for (const std::byte x : b) ASSERT_EQ(x, std::byte{0});
  EXPECT_TRUE(Bytes().empty());
  EXPECT_TRUE(Bytes(0) == Bytes());
}

TEST(Bytes, CopiesShareMemoryUntilOneIsWritten) {
  Bytes a(10);
  a[3] = std::byte{7};
  const Bytes b = a;
  EXPECT_EQ(at(a), at(b));
  EXPECT_TRUE(a == b);
  a[4] = std::byte{8};
  EXPECT_NE(at(a), at(b));
  EXPECT_EQ(b[3], std::byte{7});
  EXPECT_EQ(b[4], std::byte{0});
  EXPECT_EQ(a[3], std::byte{7});
  EXPECT_FALSE(a == b);
  const std::byte* const alone = at(a);
  a[5] = std::byte{9};
  EXPECT_EQ(at(a), alone);
}

TEST(Bytes, EqualBytesAreEqualWhereverTheyAre) {
  Bytes a(5), b(5);
  EXPECT_TRUE(a == b);
  b.back() = std::byte{1};
  EXPECT_FALSE(a == b);
  b.pop_back();
  EXPECT_FALSE(a == b);
  a.pop_back();
  EXPECT_TRUE(a == b);
}

TEST(Tensor, ACopyIsNotChangedByItsOriginal) {
  Tensor a(DType::f32, {2, 3});
  a.set(4, 1.5);
  const Tensor b = a;
  a.set(4, 2.5);
  a.as<float>()[0] = 1;
  EXPECT_EQ(b.at(4), 1.5);
  EXPECT_EQ(b.at(0), 0);
  EXPECT_EQ(a.at(4), 2.5);
}

/// Doubles of every kind: ordinary, at the formats' limits, infinite, NaN.
std::vector<double> kinds_of_numbers() {
  std::vector<double> x = {0, -0.0, 1, -1, 65504, 65520, 3.4e38, -3.5e38, 1e-8, 6e-8, 1e-45, 1e-320,
                           std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN()};
  std::mt19937_64 random(1);
  while (x.size() < 1000) x.push_back(std::bit_cast<double>(random()));
  return x;
}

TEST(Tensor, ManyElementsAreReadAndWrittenAsOneByOne) {
  const std::vector<double> x = kinds_of_numbers();
  const auto n = static_cast<std::int64_t>(x.size());
  for (const DType d : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32,
                        DType::u16}) {
    Tensor one(d, {n + 1}), many(d, {n + 1});
    for (std::int64_t i = 0; i < n; ++i) one.set(i + 1, x[static_cast<std::size_t>(i)]);
    many.write(1, x);
    EXPECT_EQ(one, many) << name(d);
    std::vector<double> read(x.size());
    many.read(1, read);
    for (std::int64_t i = 0; i < n; ++i) {
      const double single = one.at(i + 1);
      ASSERT_EQ(std::memcmp(&read[static_cast<std::size_t>(i)], &single, sizeof single), 0)
          << name(d) << ' ' << i;
    }
  }
}

}  // namespace
}  // namespace xent
