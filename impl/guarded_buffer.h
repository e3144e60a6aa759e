// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace xent {

/// A matrix (or, with one row and `vector`, an array) in memory of its own: it starts
/// `offset_elements` elements after a 4096-byte boundary, its rows are `stride` elements apart, and
/// everything around it (at least 256 bytes on each side, and the row padding) holds poison.
/// A thread's new buffer lies where the one of its size lay that the thread gave up last: a kernel
/// meets other data at the same addresses.
class GuardedBuffer {
 public:
  struct Shape {
    std::string name;  ///< as reports call it: "logits", "grad"
    DType dtype = DType::f32;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::int64_t stride = 0;  ///< in elements, >= cols
    bool vector = false;      ///< elements are named x[i], not x[r,c]
  };

  GuardedBuffer(Shape, std::size_t offset_elements);

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }

  /// Fills matrix, padding and guard zones with the poison of core/kernel.h.
  void poison();
  /// Copies a contiguous tensor of rows * cols elements in / out. Padding is left alone.
  void write(const Tensor&);
  Tensor read(std::vector<std::int64_t> shape) const;
  /// Nothing was written to element (r, c) since it was poisoned.
  bool is_poison(std::int64_t r, std::int64_t c) const;

  /// Elements that differ in any bit from the contiguous `original`: "logits[3,1] changed". At
  /// most four by name, then a count.
  std::vector<std::string> changes(const Tensor& original) const;
  /// Poison that is gone: "4 bytes past the end of grad", "8 bytes before the start of grad",
  /// "row padding of grad after row 2". Byte counts are rounded up to whole elements.
  std::vector<std::string> writes_outside() const;

 private:
  struct GiveBack {
    std::size_t bytes;
    void operator()(std::byte*) const;
  };
  std::size_t row_bytes() const;
  std::size_t stride_bytes() const;
  std::byte* row(std::int64_t r) const;
  std::string element(std::int64_t r, std::int64_t c) const;
  bool is_poison_at(const std::byte*) const;
  /// First and one-past-last byte in [from, to) that is not poison; both `to` if there is none.
  std::pair<const std::byte*, const std::byte*> written(const std::byte* from,
                                                        const std::byte* to) const;

  Shape shape_;
  std::vector<std::byte> pattern_;
  std::size_t bytes_ = 0;
  std::unique_ptr<std::byte[], GiveBack> memory_;
  std::byte* data_ = nullptr;
  std::byte* end_ = nullptr;  ///< of the matrix, padding of the last row included
};

}  // namespace xent
