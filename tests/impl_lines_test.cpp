// SPDX-License-Identifier: Apache-2.0
// Gradients of 16 bits are rounded to nearest, ties to even, by the vectors of every instruction
// set that runs here.
// Compiled once for each instruction set: this file includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/impl_lines_test.cpp"
#include "hwy/foreach_target.h"

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "hwy/highway.h"
#include "impl/highway/lines-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3
/// y[i] = x[i], a line at a time.
template <class E>
void StoreLines(const float* x, std::uint16_t* y, std::int64_t n) {
  for (std::int64_t j = 0; j < n; j += kLine<E>) {
    Line<E> line;
    for (int part = 0; part < Line<E>::kParts; ++part) {
      alignas(64) float lane[Line<E>::kLanesOfPart];
      hn::Store(Places<E>(part), F32(), lane);
      for (float& l : lane) l = x[j + static_cast<std::int64_t>(l)];
      line.part[part] = hn::Load(F32(), lane);
    }
    Store(line, reinterpret_cast<E*>(y + j), Stored());
  }
}
#endif

/// Of a multiple of 32 elements; false if this instruction set has no such lines.
bool Narrow([[maybe_unused]] DType to, [[maybe_unused]] const float* x,
            [[maybe_unused]] std::uint16_t* y, [[maybe_unused]] std::int64_t n) {
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3
  if (to == DType::bf16) return StoreLines<Bf16>(x, y, n), true;
#if XENT_HIGHWAY_F16
  if (to == DType::f16) return StoreLines<F16>(x, y, n), true;
#endif
#endif
  return false;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <vector>

namespace xent {
namespace {

HWY_EXPORT(Narrow);

/// Every number of the 16-bit type's precision and range, and beyond its ends; on it, half a step
/// from the next, and just beside that half.
std::vector<float> around_ties(int bits_lost) {
  std::vector<float> x;
  const std::uint32_t half = std::uint32_t{1} << (bits_lost - 1);
  for (std::uint32_t upper = 0; upper < std::uint32_t{1} << (32 - bits_lost); ++upper) {
    for (const std::uint32_t lower : {std::uint32_t{0}, half - 1, half, half + 1}) {
      const float number = std::bit_cast<float>((upper << bits_lost) + lower);
      x.push_back(number == number ? number : 0.0f);
    }
  }
  return x;
}

/// The instruction sets that had something to convert with.
int expect_nearest_even(DType to, int bits_lost, std::uint16_t (*exact)(double)) {
  const std::vector<float> x = around_ties(bits_lost);
  int tried = 0;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    std::vector<std::uint16_t> y(x.size());
    const auto n = static_cast<std::int64_t>(x.size());
    if (!HWY_DYNAMIC_DISPATCH(Narrow)(to, x.data(), y.data(), n)) continue;
    ++tried;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (y[i] == exact(static_cast<double>(x[i]))) continue;
      if (wrong++ == 0) ADD_FAILURE() << hwy::TargetName(target) << ": " << x[i] << " is " << y[i];
    }
    EXPECT_EQ(wrong, 0u) << hwy::TargetName(target);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
  return tried;
}

TEST(Lines, Bf16IsRoundedToNearestEven) {
  EXPECT_GT(expect_nearest_even(DType::bf16, 16, to_bf16), 0);
}

TEST(Lines, F16IsRoundedToNearestEven) {
  if (expect_nearest_even(DType::f16, 13, to_f16) == 0) GTEST_SKIP() << "no f16 on this machine";
}

}  // namespace
}  // namespace xent
#endif
