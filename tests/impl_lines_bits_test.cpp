// SPDX-License-Identifier: Apache-2.0
// 16-bit types from and to binary32 by the vectors of every instruction set that runs here: bit for
// bit as core/dtype.h has them, NaN, subnormal numbers and ties too.
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/impl_lines_bits_test.cpp"
#include "hwy/foreach_target.h"

#include <cstdint>

#include "core/dtype.h"
#include "hwy/highway.h"
#include "impl/highway/sixteen_bits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace {
void WidenThem(DType dtype, const void* x, float* y, std::int64_t n) { Widen(dtype, x, y, n); }
void NarrowThem(DType dtype, const float* x, void* y, std::int64_t n) { Narrow(dtype, x, y, n); }
}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <vector>

namespace xent {
namespace {

HWY_EXPORT(WidenThem);
HWY_EXPORT(NarrowThem);

template <class F>
void on_every_target(F f) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    f();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

std::byte* bytes(std::uint16_t& x) { return reinterpret_cast<std::byte*>(&x); }

class SixteenBits : public testing::TestWithParam<DType> {};

TEST_P(SixteenBits, EveryNumberIsWidenedExactly) {
  std::vector<std::uint16_t> x(1 << 16);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::uint16_t>(i);
  on_every_target([&] {
    std::vector<float> y(x.size());
    HWY_DYNAMIC_DISPATCH(WidenThem)(GetParam(), x.data(), y.data(), 1 << 16);
    int wrong = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto exact = static_cast<float>(load(bytes(x[i]), GetParam()));
      const bool same = std::memcmp(&exact, &y[i], sizeof exact) == 0;
      wrong += same || (exact != exact && y[i] != y[i]) ? 0 : 1;
    }
    EXPECT_EQ(wrong, 0);
  });
}

/// Every sign, exponent and upper fraction; below it ties, their neighbours and the ends.
std::vector<float> around_ties() {
  std::vector<float> x;
  for (std::uint32_t upper = 0; upper < 0x80000; ++upper) {
    for (const std::uint32_t lower : {0x0u, 0x1u, 0xfffu, 0x1000u, 0x1001u, 0x1fffu}) {
      x.push_back(std::bit_cast<float>(upper << 13 | lower));
    }
  }
  return x;
}

TEST_P(SixteenBits, NarrowingIsThatOfCore) {
  const std::vector<float> x = around_ties();
  std::vector<std::uint16_t> exact(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    store(bytes(exact[i]), GetParam(), static_cast<double>(x[i]));
  }
  on_every_target([&] {
    std::vector<std::uint16_t> y(x.size());
    HWY_DYNAMIC_DISPATCH(NarrowThem)(GetParam(), x.data(), y.data(),
                                     static_cast<std::int64_t>(x.size()));
    EXPECT_EQ(std::memcmp(y.data(), exact.data(), 2 * y.size()), 0);
  });
}

TEST_P(SixteenBits, NothingBeyondTheEndIsTouched) {
  on_every_target([] {
    for (std::int64_t n = 0; n < 40; ++n) {
      const auto count = static_cast<std::size_t>(n);
      std::vector<std::uint16_t> x(count, 0x3c00), y(count + 1, 7);
      std::vector<float> wide(count + 1, -1.0f);
      HWY_DYNAMIC_DISPATCH(WidenThem)(GetParam(), x.data(), wide.data(), n);
      EXPECT_EQ(wide.back(), -1.0f);
      HWY_DYNAMIC_DISPATCH(NarrowThem)(GetParam(), wide.data(), y.data(), n);
      EXPECT_EQ(y.back(), 7);
      y.pop_back();
      EXPECT_EQ(x, y);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Types, SixteenBits, testing::Values(DType::bf16, DType::f16));

}  // namespace
}  // namespace xent
#endif
