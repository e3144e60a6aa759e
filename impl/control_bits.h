// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace xent {

/// How this thread rounds, and whether subnormal numbers are flushed: MXCSR or FPCR without the
/// sticky flags; 0 on processors with neither.
inline std::uint32_t control_bits() {
#if defined(__SSE2__)
  constexpr std::uint32_t kSticky = 0x3f;
  return _mm_getcsr() & ~kSticky;
#elif defined(__aarch64__)
  std::uint64_t bits = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(bits));
  return static_cast<std::uint32_t>(bits);
#else
  return 0;
#endif
}

inline void set_control_bits(std::uint32_t bits) {
#if defined(__SSE2__)
  _mm_setcsr(bits);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(static_cast<std::uint64_t>(bits)));
#else
  static_cast<void>(bits);
#endif
}

/// Bits that make results and operands that are subnormal 0.
inline constexpr std::uint32_t kFlushToZero =
#if defined(__SSE2__)
    0x8040;
#elif defined(__aarch64__)
    1u << 24;
#else
    0;
#endif

/// "left flush-to-zero on".
inline std::string control_bits_changed(std::uint32_t before, std::uint32_t after) {
  const std::uint32_t changed = before ^ after;
  if ((changed & kFlushToZero) != 0) {
    return std::string("left flush-to-zero ") + ((after & kFlushToZero) != 0 ? "on" : "off");
  }
  return "left another rounding mode or exception mask";
}

}  // namespace xent
