// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace xent {

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection of 64-bit words.
constexpr std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

/// Random numbers by position: draw i is a function of (seed, streams taken, i) alone, so the same
/// on every machine, in any order and for any shape. Values, not state: nothing is advanced.
/// Doubles are exact multiples of a power of two.
class Random {
 public:
  constexpr explicit Random(std::uint64_t seed) : key_(mix(seed + kStep)) {}

  /// The k-th of 2^64 generators that share nothing with this one.
  constexpr Random stream(std::uint64_t k) const { return Random(key_ ^ mix(~k)); }

  constexpr std::uint64_t bits(std::uint64_t i) const { return mix(key_ + kStep * (i + 1)); }

  /// An integer of [0, n), 1 <= n <= 2^32.
  constexpr std::int64_t below(std::uint64_t i, std::int64_t n) const {
    return static_cast<std::int64_t>(((bits(i) >> 32) * static_cast<std::uint64_t>(n)) >> 32);
  }

  constexpr bool coin(std::uint64_t i) const { return (bits(i) >> 63) != 0; }

  /// [0, 1), multiples of 2^-53.
  constexpr double uniform(std::uint64_t i) const {
    return static_cast<double>(bits(i) >> 11) * 0x1p-53;
  }

  constexpr double between(std::uint64_t i, double low, double high) const {
    return low + (high - low) * uniform(i);
  }

  /// Sum of twelve uniforms minus 6: mean 0, variance 1, within (-6, 6), symmetric, multiples of
  /// 2^-21. Each uniform is (k + 1/2) / 2^21.
  constexpr double normal(std::uint64_t i) const {
    std::uint64_t sum = 6;
    for (std::uint64_t word = 0; word < 4; ++word) {
      const std::uint64_t x = bits(4 * i + word);
      sum += (x & kField) + ((x >> 21) & kField) + ((x >> 42) & kField);
    }
    return static_cast<double>(sum) * 0x1p-21 - 6.0;
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15U;
  static constexpr std::uint64_t kField = (std::uint64_t{1} << 21) - 1;
  std::uint64_t key_;
};

}  // namespace xent
