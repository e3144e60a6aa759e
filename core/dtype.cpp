// SPDX-License-Identifier: Apache-2.0
#include "core/dtype.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

namespace xent {
namespace {

struct Entry {
  DType dtype;
  std::string_view name;
};
constexpr std::array<Entry, 7> kTypes{{{DType::f64, "f64"},
                                       {DType::f32, "f32"},
                                       {DType::f16, "f16"},
                                       {DType::bf16, "bf16"},
                                       {DType::i64, "i64"},
                                       {DType::i32, "i32"},
                                       {DType::u16, "u16"}}};

constexpr const Entry& entry(DType dtype) { return kTypes[static_cast<std::size_t>(dtype)]; }

constexpr Format kBf16{8, -126, 127};
constexpr Format kF16{11, -14, 15};

constexpr std::uint16_t exponent_mask(const Format& f) {
  return static_cast<std::uint16_t>(0x7fffu & ~((1u << (f.precision - 1)) - 1u));
}

// Field of the 16-bit format for the value significand * 2^(exponent - 52), 2^52 <= significand
// < 2^53. A carry out of the fraction increments the exponent field, which is what rounding up to
// the next binade, to the least normal number and to infinity mean.
std::uint16_t round_magnitude(std::uint64_t significand, int exponent, const Format& f) {
  if (exponent > f.emax) return exponent_mask(f);
  const int fraction_bits = f.precision - 1;
  const int below = exponent < f.emin ? f.emin - exponent : 0;
  const int shift = 52 - fraction_bits + below;
  if (shift >= 54) return 0;  // below half of the least subnormal number
  const std::uint64_t kept = significand >> shift;
  const std::uint64_t rest = significand & ((std::uint64_t{1} << shift) - 1);
  const std::uint64_t half = std::uint64_t{1} << (shift - 1);
  const bool up = rest > half || (rest == half && (kept & 1) != 0);
  const std::uint64_t rounded = kept + (up ? 1 : 0);
  if (below > 0) return static_cast<std::uint16_t>(rounded);
  const auto biased = static_cast<std::uint64_t>(exponent - f.emin);  // hidden bit adds the 1
  return static_cast<std::uint16_t>((biased << fraction_bits) + rounded);
}

std::uint16_t narrow(double value, const Format& f) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 63) << 15);
  const int field = static_cast<int>((bits >> 52) & 0x7ff);
  const std::uint64_t fraction = bits & 0xfffffffffffffu;
  if (field == 0x7ff) {
    auto payload = static_cast<std::uint16_t>(fraction >> (53 - f.precision));
    if (fraction != 0 && payload == 0) payload = static_cast<std::uint16_t>(1 << (f.precision - 2));
    return static_cast<std::uint16_t>(sign | exponent_mask(f) | payload);
  }
  if (field == 0) return sign;
  const std::uint64_t significand = fraction | (std::uint64_t{1} << 52);
  return static_cast<std::uint16_t>(sign | round_magnitude(significand, field - 1023, f));
}

double widen(std::uint16_t value, const Format& f) {
  const int fraction_bits = f.precision - 1;
  const std::uint64_t sign = static_cast<std::uint64_t>(value >> 15) << 63;
  const std::uint64_t fraction = value & ((1u << fraction_bits) - 1u);
  const int field = (value & 0x7fff) >> fraction_bits;
  if (field == 0) {
    const double magnitude = std::ldexp(static_cast<double>(fraction), f.emin - fraction_bits);
    return std::bit_cast<double>(sign | std::bit_cast<std::uint64_t>(magnitude));
  }
  const bool special = (value & exponent_mask(f)) == exponent_mask(f);
  const auto wide = static_cast<std::uint64_t>(special ? 0x7ff : field - 1 + f.emin + 1023);
  return std::bit_cast<double>(sign | (wide << 52) | (fraction << (52 - fraction_bits)));
}

template <class T>
T read(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
void write(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

template <class T>
void write_integer(std::byte* at, double value) {
  const double rounded = std::nearbyint(value);
  constexpr double top = static_cast<double>(std::numeric_limits<T>::max());
  constexpr double bottom = static_cast<double>(std::numeric_limits<T>::min());
  T result = 0;
  if (rounded >= top) {
    result = std::numeric_limits<T>::max();
  } else if (rounded <= bottom) {
    result = std::numeric_limits<T>::min();
  } else if (!std::isnan(rounded)) {
    result = static_cast<T>(rounded);
  }
  write(at, result);
}

}  // namespace

std::string_view name(DType dtype) { return entry(dtype).name; }

std::optional<DType> parse_dtype(std::string_view text) {
  for (const Entry& e : kTypes) {
    if (e.name == text) return e.dtype;
  }
  return std::nullopt;
}

Format format(DType dtype) {
  switch (dtype) {
    case DType::f64: return {53, -1022, 1023};
    case DType::f32: return {24, -126, 127};
    case DType::f16: return kF16;
    case DType::bf16: return kBf16;
    default: throw std::logic_error("format: " + std::string(name(dtype)) + " is no float type");
  }
}

double unit_roundoff(DType dtype) { return std::ldexp(1.0, -format(dtype).precision); }

std::uint16_t to_bf16(double value) { return narrow(value, kBf16); }
std::uint16_t to_f16(double value) { return narrow(value, kF16); }
double from_bf16(std::uint16_t bits) { return widen(bits, kBf16); }
double from_f16(std::uint16_t bits) { return widen(bits, kF16); }

double load(const std::byte* at, DType dtype) {
  switch (dtype) {
    case DType::f64: return read<double>(at);
    case DType::f32: return static_cast<double>(read<float>(at));
    case DType::f16: return from_f16(read<std::uint16_t>(at));
    case DType::bf16: return from_bf16(read<std::uint16_t>(at));
    case DType::i64: return static_cast<double>(read<std::int64_t>(at));
    case DType::i32: return static_cast<double>(read<std::int32_t>(at));
    case DType::u16: return static_cast<double>(read<std::uint16_t>(at));
  }
  throw std::logic_error("load: unknown type");
}

void store(std::byte* at, DType dtype, double value) {
  switch (dtype) {
    case DType::f64: return write(at, value);
    case DType::f32: return write(at, static_cast<float>(value));
    case DType::f16: return write(at, to_f16(value));
    case DType::bf16: return write(at, to_bf16(value));
    case DType::i64: return write_integer<std::int64_t>(at, value);
    case DType::i32: return write_integer<std::int32_t>(at, value);
    case DType::u16: return write_integer<std::uint16_t>(at, value);
  }
  throw std::logic_error("store: unknown type");
}

std::int64_t load_integer(const std::byte* at, DType dtype) {
  switch (dtype) {
    case DType::i64: return read<std::int64_t>(at);
    case DType::i32: return read<std::int32_t>(at);
    case DType::u16: return read<std::uint16_t>(at);
    default: throw std::logic_error("load_integer: " + std::string(name(dtype)) + " is a float");
  }
}

// One loop a type: the compiler makes vectors of them.
void load(const std::byte* from, DType dtype, std::span<double> to) {
  const auto each = [&]<class T>(T, auto widened) {
    for (double& x : to) {
      x = widened(read<T>(from));
      from += sizeof(T);
    }
  };
  switch (dtype) {
    case DType::f64: return each(double{}, [](double x) { return x; });
    case DType::f32: return each(float{}, [](float x) { return static_cast<double>(x); });
    case DType::f16: return each(std::uint16_t{}, [](std::uint16_t x) { return from_f16(x); });
    case DType::bf16: return each(std::uint16_t{}, [](std::uint16_t x) { return from_bf16(x); });
    default: break;
  }
  for (double& x : to) {
    x = load(from, dtype);
    from += size_of(dtype);
  }
}

void store(std::byte* to, DType dtype, std::span<const double> values) {
  const auto each = [&](auto narrowed) {
    for (const double x : values) {
      write(to, narrowed(x));
      to += sizeof narrowed(x);
    }
  };
  switch (dtype) {
    case DType::f64: return each([](double x) { return x; });
    case DType::f32: return each([](double x) { return static_cast<float>(x); });
    case DType::f16: return each([](double x) { return to_f16(x); });
    case DType::bf16: return each([](double x) { return to_bf16(x); });
    default: break;
  }
  for (const double x : values) {
    store(to, dtype, x);
    to += size_of(dtype);
  }
}

}  // namespace xent
