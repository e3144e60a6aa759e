// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace xent {

/// exp(x) = 2^k exp(r),  k = round(x log2 e),  r = x - k ln 2, |r| <= ln(2) / 2 + tiny.
/// `ln2_hi` has so few bits that k * ln2_hi is exact for every k that occurs. The polynomial is
/// Taylor's; `coefficient[i]` is 1 / (i + 2)!.
template <class T>
struct ExpConstants;

/// Truncation: r^8 / 8! < 5.3e-9 = 0.09 u. |k| <= 150 has 8 bits, ln2_hi 15.
template <>
struct ExpConstants<float> {
  static constexpr float log2_e = 0x1.715476p+0f;
  static constexpr float ln2_hi = 0x1.62e4p-1f;
  static constexpr float ln2_lo = 0x1.7f7d1cp-20f;
  static constexpr float coefficient[] = {1.0f / 2,   1.0f / 6,   1.0f / 24,
                                          1.0f / 120, 1.0f / 720, 1.0f / 5040};
  static constexpr float lowest = -104;           ///< exp of less is below 2^-150, rounds to 0
  static constexpr float to_integer = 0x1.8p23f;  ///< x + it - it rounds to an integer
  static constexpr float bias = 127;
  static constexpr int mantissa_bits = 23;
  static constexpr float deep = -100;  ///< k below it is applied in two steps
  static constexpr float lift = 64;
  static constexpr float drop = 0x1p-64f;  ///< 2^-lift
};

/// Truncation: r^14 / 14! < 4.1e-18 = 0.04 u. |k| <= 1076 has 11 bits, ln2_hi 32.
template <>
struct ExpConstants<double> {
  static constexpr double log2_e = 0x1.71547652b82fep+0;
  static constexpr double ln2_hi = 0x1.62e42feep-1;
  static constexpr double ln2_lo = 0x1.a39ef35793c76p-33;
  static constexpr double coefficient[] = {
      1.0 / 2,     1.0 / 6,      1.0 / 24,      1.0 / 120,      1.0 / 720,       1.0 / 5040,
      1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  static constexpr double lowest = -746;
  static constexpr double to_integer = 0x1.8p52;
  static constexpr double bias = 1023;
  static constexpr int mantissa_bits = 52;
  static constexpr double deep = -1000;
  static constexpr double lift = 128;
  static constexpr double drop = 0x1p-128;
};

}  // namespace xent
