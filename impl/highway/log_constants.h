// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace xent {

/// log(1 + f) = f + f^2 (-1/2 + f P(f)) for f in [-0.293, 1/2]; `coefficient` is P, by sollya's
/// fpminimax. e * ln2_hi is exact for every exponent e that occurs.
template <class T>
struct LogConstants;

/// Truncation: below 0.05 u of log(1 + f). |e| <= 149 has 8 bits, ln2_hi 15.
template <>
struct LogConstants<float> {
  static constexpr float ln2_hi = 0x1.62e4p-1f;
  static constexpr float ln2_lo = 0x1.7f7d1cp-20f;
  static constexpr float coefficient[] = {
      0x1.555548p-2f, -0x1.0000a6p-2f, 0x1.99a4fap-3f, -0x1.551a82p-3f, 0x1.230318p-3f,
      -0x1.023c68p-3f, 0x1.f19d72p-4f, -0x1.b328aap-4f, 0x1.96d49ep-5f};
  static constexpr float to_integer = 0x1.8p23f;
  static constexpr float least_normal = 0x1p-126f;
  static constexpr float root_half = 0x1.6a09e6p-1f;
  static constexpr float lift = 24;
  static constexpr float lifting = 0x1p24f;      ///< 2^lift
  static constexpr float one_is_lost = 0x1p30f;  ///< 1 + x is x from here on, in the logarithm
  static constexpr std::int32_t bias = 127;
  static constexpr int mantissa_bits = 23;
};

/// Truncation: below 0.10 u of log(1 + f). |e| <= 1074 has 11 bits, ln2_hi 32.
template <>
struct LogConstants<double> {
  static constexpr double ln2_hi = 0x1.62e42feep-1;
  static constexpr double ln2_lo = 0x1.a39ef35793c76p-33;
  static constexpr double coefficient[] = {
      0x1.555555555550fp-2, -0x1.ffffffffff427p-3, 0x1.99999999a5ed2p-3, -0x1.555555560e4d5p-3,
      0x1.2492491f87453p-3, -0x1.ffffff7611b4p-4, 0x1.c71c736b34036p-4, -0x1.9999b3f09e4e3p-4,
      0x1.745d033a2806fp-4, -0x1.555281455dfc9p-4, 0x1.3b117006ffe77p-4, -0x1.24be11a273c2dp-4,
      0x1.116c334bb4c5p-4, -0x1.fd5e7f4f0225ep-5, 0x1.d811482fbd4a2p-5, -0x1.caadc33dd29e9p-5,
      0x1.e89c96737965ap-5, -0x1.e147f7a7ec1bp-5, 0x1.42175fa2e385ep-5, -0x1.8d48e2b659366p-7};
  static constexpr double to_integer = 0x1.8p52;
  static constexpr double least_normal = 0x1p-1022;
  static constexpr double root_half = 0x1.6a09e667f3bcdp-1;
  static constexpr double lift = 53;
  static constexpr double lifting = 0x1p53;
  static constexpr double one_is_lost = 0x1p60;
  static constexpr std::int64_t bias = 1023;
  static constexpr int mantissa_bits = 52;
};

}  // namespace xent
