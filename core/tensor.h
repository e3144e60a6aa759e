// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/dtype.h"

namespace xent {

/// A dense row-major array, as a value: copies are cheap (Bytes). `shape` empty and `bytes` empty:
/// absent.
struct Tensor {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  Bytes bytes;

  Tensor() = default;
  Tensor(DType, std::vector<std::int64_t> shape);  ///< zero-filled

  bool empty() const { return bytes.empty(); }
  std::int64_t size() const {  ///< number of elements
    return static_cast<std::int64_t>(bytes.size() / size_of(dtype));
  }
  double at(std::int64_t i) const {
    if (dtype == DType::f32) return static_cast<double>(as<float>()[static_cast<std::size_t>(i)]);
    return load(bytes.data() + static_cast<std::size_t>(i) * size_of(dtype), dtype);
  }
  void set(std::int64_t i, double value) {  ///< rounds to the element type
    store(bytes.data() + static_cast<std::size_t>(i) * size_of(dtype), dtype, value);
  }
  /// Elements [first, first + to.size()) and back, rounded.
  void read(std::int64_t first, std::span<double> to) const;
  void write(std::int64_t first, std::span<const double> from);
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
