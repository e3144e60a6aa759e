// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/call.h"
#include "impl/cuda/platform.cuh"

namespace xent::cuda {

/// Element types: how a number lies in memory, alone and in a vector.
struct F32 {
  using Memory = float;
  static constexpr int kPerVector = 4;
  static XENT_DEVICE float number(float x) { return x; }
  static XENT_DEVICE float memory(float x) { return x; }
  static XENT_DEVICE float part(const Vector& v, int i) { return __uint_as_float(v.word[i]); }
  static constexpr float kNothing = -__builtin_huge_valf();  ///< -inf
  static XENT_DEVICE void set(Vector& v, int i, float x) { v.word[i] = __float_as_uint(x); }
  static XENT_DEVICE Vector packed(const float (&x)[4]) {
    Vector v;
    XENT_UNROLL
    for (int i = 0; i < 4; ++i) v.word[i] = __float_as_uint(x[i]);
    return v;
  }
};

/// What both types of 16 bits have in common.
struct Narrow {
  using Memory = std::uint16_t;
  static constexpr int kPerVector = 8;
  static XENT_DEVICE void set(Vector& v, int i, std::uint16_t x) {
    const std::uint32_t other = v.word[i / 2] & (i % 2 == 0 ? 0xffff0000u : 0x0000ffffu);
    v.word[i / 2] = other | (i % 2 == 0 ? std::uint32_t{x} : std::uint32_t{x} << 16);
  }
};

struct Bf16 : Narrow {
  static constexpr std::uint16_t kNothing = 0xff80;
  static XENT_DEVICE float number(std::uint16_t x) {
    return __uint_as_float(std::uint32_t{x} << 16);
  }
  static XENT_DEVICE std::uint16_t memory(float x) {
    return static_cast<std::uint16_t>(pack_bf16(x, 0));
  }
  static XENT_DEVICE float part(const Vector& v, int i) {
    const std::uint32_t both = v.word[i / 2];
    return __uint_as_float(i % 2 == 0 ? both << 16 : both & 0xffff0000u);
  }
  static XENT_DEVICE Vector packed(const float (&x)[8]) {
    Vector v;
    XENT_UNROLL
    for (int i = 0; i < 4; ++i) v.word[i] = pack_bf16(x[2 * i], x[2 * i + 1]);
    return v;
  }
};

struct F16 : Narrow {
  static constexpr std::uint16_t kNothing = 0xfc00;
  static XENT_DEVICE float number(std::uint16_t x) { return from_f16(x); }
  static XENT_DEVICE std::uint16_t memory(float x) {
    return static_cast<std::uint16_t>(pack_f16(x, 0));
  }
  static XENT_DEVICE float part(const Vector& v, int i) {
    const std::uint32_t both = v.word[i / 2];
    return from_f16(static_cast<std::uint16_t>(i % 2 == 0 ? both : both >> 16));
  }
  static XENT_DEVICE Vector packed(const float (&x)[8]) {
    Vector v;
    XENT_UNROLL
    for (int i = 0; i < 4; ++i) v.word[i] = pack_f16(x[2 * i], x[2 * i + 1]);
    return v;
  }
};

/// Element i of numbers whose type is known when it runs.
XENT_DEVICE float number_at(const Numbers& from, std::int64_t i) {
  if (from.type == Element::f32) return static_cast<const float*>(from.data)[i];
  const std::uint16_t x = static_cast<const std::uint16_t*>(from.data)[i];
  return from.type == Element::bf16 ? Bf16::number(x) : F16::number(x);
}
XENT_DEVICE void set_number(void* to, Element type, std::int64_t i, float x) {
  if (type == Element::f32) {
    static_cast<float*>(to)[i] = x;
  } else {
    auto* const narrow = static_cast<std::uint16_t*>(to);
    narrow[i] = type == Element::bf16 ? Bf16::memory(x) : F16::memory(x);
  }
}

/// Elements between a multiple of 16 bytes and an address.
template <class E>
XENT_DEVICE int past_vector(const typename E::Memory* at) {
  const auto bytes = static_cast<int>(reinterpret_cast<std::uintptr_t>(at) % kVectorBytes);
  return bytes / static_cast<int>(sizeof(typename E::Memory));
}

/// The elements of [0, end) of a vector that begins at `from` and is not inside; others hold 0.
template <class E>
XENT_DEVICE Vector load_edge(const typename E::Memory* row, std::int64_t from, std::int64_t end) {
  Vector v = {};
  XENT_UNROLL
  for (int i = 0; i < E::kPerVector; ++i) {
    if (from + i >= 0 && from + i < end) E::set(v, i, row[from + i]);
  }
  return v;
}

/// At a multiple of 16 bytes. Of other than O::kPerVector numbers there is no such store.
template <class O, int N>
XENT_DEVICE void store_numbers(typename O::Memory* at, const float (&x)[N]) {
  if constexpr (N == O::kPerVector) store_vector(at, O::packed(x));
}

}  // namespace xent::cuda
