// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/platform.cuh"

namespace xent::cuda {

// Functions that a row needs once, the same operations on every side: those of impl/highway
// (log-inl.h, tanh-inl.h), whose reasons and error bounds they have.

XENT_BOTH std::uint32_t float_bits(float x) {
  std::uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
XENT_BOTH float bits_float(std::uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

inline constexpr float kInfinity = __builtin_huge_valf();
inline constexpr float kLog2 = 0x1.62e430p-1f;

/// exp(x) = 2^(x log2 e), any x. log2 e errs by 0.2241 u, the product by 1 u, 2^x by 5 u.
XENT_DEVICE float exp_approx(float x) { return exp2_approx(x * 0x1.715476p+0f); }

/// x = 2^exponent m, least <= m < 2 least, of positive normal x.
struct Split {
  std::int32_t exponent;
  float m;
};
XENT_BOTH Split split(float x, float least) {
  const std::uint32_t bits = float_bits(x);
  const auto exponent = static_cast<std::int32_t>(bits - float_bits(least)) >> 23;
  return {exponent, bits_float(bits - (static_cast<std::uint32_t>(exponent) << 23))};
}

/// e log 2 + log(1 + f), f in [-0.293, 1/2].
XENT_BOTH float log_of_split(float e, float f) {
  float q = 0x1.96d49ep-5f;
  q = fmaf(q, f, -0x1.b328aap-4f);
  q = fmaf(q, f, 0x1.f19d72p-4f);
  q = fmaf(q, f, -0x1.023c68p-3f);
  q = fmaf(q, f, 0x1.230318p-3f);
  q = fmaf(q, f, -0x1.551a82p-3f);
  q = fmaf(q, f, 0x1.99a4fap-3f);
  q = fmaf(q, f, -0x1.0000a6p-2f);
  q = fmaf(q, f, 0x1.555548p-2f);
  q = fmaf(q, f, -0.5f);
  const float high = e * 0x1.62e4p-1f;
  const float sum = high + f;
  const float low = fmaf(e, 0x1.7f7d1cp-20f, high - sum + f);
  return sum + fmaf(f * f, q, low);
}

/// y of x > 0; of 0 -inf, of negative numbers NaN; inf and NaN stay.
XENT_BOTH float log_with_edges(float x, float y) {
  if (x > 0) return x < kInfinity ? y : x;
  return x == 0 ? -kInfinity : bits_float(0x7fc00000u);
}

/// log x, subnormal x too. Relative error: kDeviceLog.
XENT_BOTH float log_accurate(float x) {
  const bool subnormal = x < 0x1p-126f;
  const Split s = split(subnormal ? x * 0x1p24f : x, 0x1.6a09e6p-1f);
  const auto e = static_cast<float>(s.exponent - (subnormal ? 24 : 0));
  return log_with_edges(x, log_of_split(e, s.m - 1));
}

/// log(1 + x), relative to itself near 0 too. Relative error: kDeviceLog.
XENT_BOTH float log1p_accurate(float x) {
  const float sum = 1 + x;
  const Split s = split(sum, x < 0 ? 0x1.6a09e6p-1f : 0.75f);
  const float power = bits_float(static_cast<std::uint32_t>(127 - s.exponent) << 23);
  const float f = x < 0x1p30f ? fmaf(x, power, power - 1) : s.m - 1;
  return log_with_edges(sum, log_of_split(static_cast<float>(s.exponent), f));
}

/// tanh |x| = -E / (2 + E), E = exp(-2 |x|) - 1; the sign is that of x. Relative error:
/// kDeviceTanh.
XENT_BOTH float tanh_accurate(float x) {
  const float argument = fabsf(x) * -2;
  const float a = argument < -64 ? -64 : argument;
  const float k = fmaf(a, 0x1.715476p+0f, 0x1.8p23f) - 0x1.8p23f;
  const float r = fmaf(-k, 0x1.7f7d1cp-20f, fmaf(-k, 0x1.62e4p-1f, a));
  float q = 1.0f / 5040;
  q = fmaf(q, r, 1.0f / 720);
  q = fmaf(q, r, 1.0f / 120);
  q = fmaf(q, r, 1.0f / 24);
  q = fmaf(q, r, 1.0f / 6);
  q = fmaf(q, r, 1.0f / 2);
  const float power = bits_float(float_bits(k + (0x1.8p23f + 127)) << 23);
  const float e = fmaf(power, fmaf(r * r, q, r), power - 1);
  return copysignf(-e / (2 + e), x);
}

}  // namespace xent::cuda
