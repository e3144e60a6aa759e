// SPDX-License-Identifier: Apache-2.0
// The tiers refuse to certify in modes that no proof describes.
#include <gtest/gtest.h>

#include <cfenv>
#include <cmath>
#include <thread>

#include "oracle/simd/canary.h"
#include "oracle/simd/rows.h"

namespace xent {
namespace {

/// Restores the modes of the thread.
class Modes {
 public:
  Modes() { std::fegetenv(&saved_); }
  Modes(const Modes&) = delete;
  Modes& operator=(const Modes&) = delete;
  ~Modes() { std::fesetenv(&saved_); }

 private:
  std::fenv_t saved_;
};

TEST(Canary, IsQuietInTheModesOfANewProcess) {
  EXPECT_EQ(arithmetic_modes_wrong(), "");
  EXPECT_EQ(primitives_wrong(), "");
}

TEST(Canary, SeesEveryOtherRounding) {
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::string modes, tiers;
    {
      const Modes restored;
      ASSERT_EQ(std::fesetround(mode), 0);
      modes = arithmetic_modes_wrong();
      tiers = simd_tiers_unusable();
    }
    EXPECT_NE(modes.find("nearest"), std::string::npos) << mode;
    EXPECT_EQ(tiers, modes);
  }
  EXPECT_EQ(arithmetic_modes_wrong(), "");
}

#if defined(__x86_64__) && defined(__GLIBC__)
constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x40;

void set_modes(std::fenv_t& modes, unsigned bits) { modes.__mxcsr |= bits; }
#elif defined(__aarch64__) && defined(__GLIBC__)
constexpr unsigned kFlushToZero = 1u << 24, kDenormalsAreZero = 1u << 24;

void set_modes(std::fenv_t& modes, unsigned bits) { modes.__fpcr |= bits; }
#endif

#ifdef __GLIBC__
TEST(Canary, SeesFlushedSubnormals) {
  for (const unsigned bits : {kFlushToZero, kDenormalsAreZero, kFlushToZero | kDenormalsAreZero}) {
    std::string modes, tiers;
    {
      const Modes restored;
      std::fenv_t poisoned;
      std::fegetenv(&poisoned);
      set_modes(poisoned, bits);
      std::fesetenv(&poisoned);
      modes = arithmetic_modes_wrong();
      tiers = simd_tiers_unusable();
    }
    EXPECT_NE(modes.find("subnormal"), std::string::npos) << bits;
    EXPECT_EQ(tiers, modes);
  }
}
#endif

/// Modes belong to threads: another one's do not matter here.
TEST(Canary, LooksAtTheCallingThread) {
  std::string elsewhere;
  std::thread([&] {
    std::fesetround(FE_UPWARD);
    elsewhere = arithmetic_modes_wrong();
  }).join();
  EXPECT_NE(elsewhere, "");
  EXPECT_EQ(arithmetic_modes_wrong(), "");
}

/// Bits of exp and log on a machine that rounds otherwise are not those that are stored.
TEST(Canary, StoredBitsDependOnTheRounding) {
  std::string wrong;
  {
    const Modes restored;
    std::fesetround(FE_UPWARD);
    wrong = primitives_wrong();
  }
  const bool fused = simd_tiers_unusable().find("fused") == std::string::npos;
  EXPECT_EQ(wrong != "", fused);
}

}  // namespace
}  // namespace xent
