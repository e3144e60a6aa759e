// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace xent {

/// Element type of a tensor. Floats are IEEE 754 binary64/32/16 and bfloat16.
enum class DType : std::uint8_t { f64, f32, f16, bf16, i64, i32, u16 };

/// A binary floating-point format: `precision` bits with the hidden one, least and greatest
/// exponents of normal numbers written as 1.xxx * 2^e (binary32: 24, -126, 127).
struct Format {
  int precision;
  int emin;
  int emax;
};

std::string_view name(DType);
std::optional<DType> parse_dtype(std::string_view);
constexpr std::size_t size_of(DType dtype) {
  constexpr std::uint8_t kBytes[] = {8, 4, 2, 2, 8, 4, 2};
  return kBytes[static_cast<std::size_t>(dtype)];
}
constexpr bool is_float(DType dtype) { return dtype <= DType::bf16; }

/// Format of a float type; throws std::logic_error for integers.
Format format(DType);

/// 2^-precision: the largest relative error of rounding to nearest.
double unit_roundoff(DType);

/// Rounds to nearest, ties to even, by integer code. Overflow gives infinity, NaN stays NaN.
std::uint16_t to_bf16(double);
std::uint16_t to_f16(double);
double from_bf16(std::uint16_t);
double from_f16(std::uint16_t);

/// Reads / writes one element. Every float type converts to double exactly; i64 beyond 2^53 does
/// not (use load_integer). Storing rounds to nearest even.
double load(const std::byte* at, DType);
void store(std::byte* at, DType, double value);
std::int64_t load_integer(const std::byte* at, DType);

/// Many elements, one after the other.
void load(const std::byte* from, DType, std::span<double> to);
void store(std::byte* to, DType, std::span<const double> values);

}  // namespace xent
