// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
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

/// The tree as blocked_sum.h describes it, all totals of a lane's runs side by side.
template <class T>
T tree(const std::vector<T>& x) {
  constexpr std::size_t lanes = kLanes<T>, run = lanes * kBlock;
  T lane[lanes] = {};
  for (std::size_t i = 0; i < lanes; ++i) {
    std::vector<T> totals;
    for (std::size_t from = i; from < x.size(); from += run) {
      totals.push_back(0);
      for (std::size_t j = from; j < std::min(from + run, x.size()); j += lanes) {
        totals.back() += x[j];
      }
    }
    for (std::size_t apart = 1; apart < totals.size(); apart *= 2) {
      for (std::size_t k = 0; k + apart < totals.size(); k += 2 * apart) {
        totals[k] += totals[k + apart];
      }
    }
    if (!totals.empty()) lane[i] = totals[0];
  }
  return sum_of_lanes(lane);
}

TYPED_TEST(BlockedSums, AddsRunsPairwise) {
  constexpr std::int64_t run = kLanes<TypeParam> * kBlock;
  for (const std::int64_t runs : {0, 1, 2, 3, 4, 5, 7, 8, 11}) {
    for (const std::int64_t more : {std::int64_t{0}, std::int64_t{1}, run - 1}) {
      const std::vector<TypeParam> x = numbers<TypeParam>(runs * run + more);
      EXPECT_EQ(one_by_one(x), tree(x)) << x.size();
    }
  }
}

/// Equal terms are the worst of a long chain of additions: each rounding may go the same way.
TYPED_TEST(BlockedSums, LosesFewDigitsOfEqualTerms) {
  const double u = std::numeric_limits<TypeParam>::epsilon() / 2;
  for (const TypeParam x : numbers<TypeParam>(64)) {
    const std::vector<TypeParam> equal(262144, x);
    const long double exact = 262144.0L * static_cast<long double>(x);
    const long double sum = one_by_one(equal);
    EXPECT_LE(std::fabs(sum - exact), 12 * u * exact) << x;
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
