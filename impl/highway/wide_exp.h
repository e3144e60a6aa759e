// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace xent {

/// Constants of WideExp; minimax by sollya's fpminimax, the constant term held at 1.
struct WideExpConstants {
  static constexpr float log2_e = 0x1.715476p+0f;  ///< relative error 0.224 u

  /// 2^f - 1 = f (c0 + f (c1 + f c2)) for |f| <= 1/32: 0.03 u of 2^f.
  static constexpr float of_sixteenth[] = {0x1.62e43p-1f, 0x1.ec0004p-3f, 0x1.c6ad06p-5f};
  static constexpr float to_sixteenth = 0x1.8p19f;  ///< x + it - it is a multiple of 1/16
  /// 2^(i/16), by the last four bits of that sum.
  alignas(64) static constexpr float table[16] = {
      0x1p+0f,        0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f,
      0x1.306fep+0f,  0x1.3dea64p+0f, 0x1.4bfdaep+0f, 0x1.5ab07ep+0f,
      0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f,
      0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f};

  /// 2^f - 1 = f (c0 + f (c1 + ...)) for |f| <= 1/2: 0.07 u of 2^f.
  static constexpr float of_one[] = {0x1.62e43p-1f,   0x1.ebfbd8p-3f,  0x1.c6af74p-5f,
                                     0x1.3b3096p-7f,  0x1.5f0cb4p-10f, 0x1.3fada4p-13f};
  /// The last bits of x + it are round(x) + 127.
  static constexpr float to_biased_integer = 0x1.8p23f + 127;
  static constexpr float lowest = -88;   ///< 2^k becomes 0
  static constexpr float highest = 89;   ///< 2^k becomes inf
  static constexpr float ln2_hi = 0x1.62e4p-1f;  ///< times an integer below 2^9 is exact
  static constexpr float ln2_lo = 0x1.7f7d1cp-20f;
};

/// Declared error of WideExp: |exp^(x) / exp(x) - 1| <= (a + b |x|) u, u = 2^-24. b is that of
/// log2 e. AVX-512: table 0.8 u, last rounding 0.5 ulp <= u / 2^f' with 1 <= 2^f' < 2, the
/// polynomial's roundings 2^-5 of the same, truncation 0.03 u. Others: last rounding u, that of the
/// sum before it 1/2 u 0.42, f and truncation 0.2 u; without fused multiply-adds each counts twice.
/// Certified over every argument (`xentcheck certify-exp`): README.md has the figures.
inline constexpr double kWideExp = 1.875;
inline constexpr double kWideExpUnfused = 2.5;
inline constexpr double kWideExpSlope = 0.25;
/// Below it the portable form gives 0: (-126 - 1/2) log 2.
inline constexpr double kWideExpCutoff = -87.68;

}  // namespace xent
