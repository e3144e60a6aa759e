// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/dtype.h"

namespace xent {

/// A dense row-major array that owns its bytes. `shape` empty and `bytes` empty: absent.
struct Tensor {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;

  Tensor() = default;
  Tensor(DType, std::vector<std::int64_t> shape);  ///< zero-filled

  bool empty() const { return bytes.empty(); }
  std::int64_t size() const;  ///< number of elements
  double at(std::int64_t i) const;
  void set(std::int64_t i, double value);  ///< rounds to the element type
  std::int64_t integer(std::int64_t i) const;
  void set_integer(std::int64_t i, std::int64_t value);

  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  /// Same type, shape and bits (NaN equals the same NaN, -0 differs from 0).
  bool operator==(const Tensor&) const = default;
};

}  // namespace xent
