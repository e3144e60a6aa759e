// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "impl/blocked_sum.h"

namespace xent {
namespace {

/// Numbers of many sizes, so that another tree has another sum.
template <class T>
std::vector<T> numbers(std::int64_t n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  std::uint32_t state = 1;
  for (T& number : x) {
    state = state * 1664525u + 1013904223u;
    number = static_cast<T>(1 + (state >> 8)) / static_cast<T>(1u << (state >> 27));
  }
  return x;
}

template <class T>
T one_by_one(const std::vector<T>& x) {
  BlockedSum<T> sum;
  for (std::size_t j = 0; j < x.size(); ++j) sum.add(static_cast<std::int64_t>(j), x[j]);
  return sum.value();
}

template <class T>
class BlockedSums : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(BlockedSums, Types);

TYPED_TEST(BlockedSums, AllAtOnceHasTheSameBits) {
  using T = TypeParam;
  constexpr std::int64_t run = kLanes<T> * kBlock;
  for (const std::int64_t n : {std::int64_t{0}, std::int64_t{1}, kLanes<T> + 3, run - 1, run,
                               run + 1, 3 * run, 5 * run + 7}) {
    const std::vector<T> x = numbers<T>(n);
    BlockedSum<T> sum;
    sum.add_all(x.data(), n);
    EXPECT_EQ(sum.value(), one_by_one(x)) << n;
  }
}

TYPED_TEST(BlockedSums, HasATreeOfItsOwn) {
  const std::vector<TypeParam> x = numbers<TypeParam>(5000);
  TypeParam in_order = 0;
  for (const TypeParam number : x) in_order += number;
  EXPECT_NE(one_by_one(x), in_order);
}

}  // namespace
}  // namespace xent
