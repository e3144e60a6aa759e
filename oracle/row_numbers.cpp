// SPDX-License-Identifier: Apache-2.0
#include "oracle/row_numbers.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>

namespace xent {
namespace {

template <class T>
std::span<const T> part(const Tensor& t, std::int64_t first, std::int64_t count) {
  return t.as<T>().subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

/// f on the elements as unsigned integers.
template <class F>
bool on_bits(const Tensor& t, std::int64_t first, std::int64_t count, const F& f) {
  switch (size_of(t.dtype)) {
    case 8: return f(part<std::uint64_t>(t, first, count));
    case 4: return f(part<std::uint32_t>(t, first, count));
    default: return f(part<std::uint16_t>(t, first, count));
  }
}

// Positive numbers are ordered as their bits are.
std::uint64_t bits_of_infinity(DType d) {
  const Format f = format(d);
  return (2 * static_cast<std::uint64_t>(f.emax) + 1) << (f.precision - 1);
}
std::uint64_t bits_of_one(DType d) {
  const Format f = format(d);
  return static_cast<std::uint64_t>(f.emax) << (f.precision - 1);
}

constexpr std::size_t kBlock = 4096;

/// Block by block, so that the loop within can be of vectors and yet end early.
template <class U, class Holds>
bool all_of(std::span<const U> bits, const Holds& holds) {
  for (std::size_t at = 0; at < bits.size(); at += kBlock) {
    const std::span<const U> block = bits.subspan(at, std::min(kBlock, bits.size() - at));
    U failed = 0;
    for (const U b : block) failed = static_cast<U>(failed | static_cast<U>(!holds(b)));
    if (failed != 0) return false;
  }
  return true;
}

}  // namespace

std::vector<double> doubles_of(const Tensor& t, std::int64_t first, std::int64_t count) {
  std::vector<double> x(static_cast<std::size_t>(count));
  const auto copy = [&](auto from, auto to_double) {
    std::transform(from.begin(), from.end(), x.begin(), to_double);
  };
  switch (t.dtype) {
    case DType::f64: copy(part<double>(t, first, count), [](double v) { return v; }); break;
    case DType::f32:
      copy(part<float>(t, first, count), [](float v) { return static_cast<double>(v); });
      break;
    case DType::bf16: copy(part<std::uint16_t>(t, first, count), from_bf16); break;
    case DType::f16: copy(part<std::uint16_t>(t, first, count), from_f16); break;
    default:
      for (std::int64_t i = 0; i < count; ++i) x[static_cast<std::size_t>(i)] = t.at(first + i);
  }
  return x;
}

bool all_finite(const Tensor& t, std::int64_t first, std::int64_t count) {
  const std::uint64_t infinity = bits_of_infinity(t.dtype);
  return on_bits(t, first, count, [&](auto bits) {
    using U = std::remove_cv_t<typename decltype(bits)::element_type>;
    const auto end = static_cast<U>(infinity << 1);
    return all_of(bits, [end](U b) { return static_cast<U>(b << 1) < end; });
  });
}

bool all_positive(const Tensor& t, std::int64_t first, std::int64_t count, bool below_one) {
  const std::uint64_t most = (below_one ? bits_of_one : bits_of_infinity)(t.dtype) - 1;
  return on_bits(t, first, count, [&](auto bits) {
    using U = std::remove_cv_t<typename decltype(bits)::element_type>;
    const auto end = static_cast<U>(most);
    return all_of(bits, [end](U b) { return static_cast<U>(b - 1) < end; });
  });
}

}  // namespace xent
