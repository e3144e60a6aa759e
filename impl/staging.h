// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/problem.h"
#include "impl/guarded_buffer.h"

namespace xent {

/// One tensor of a case in guarded memory. Bodies work on rows of `working` (f32, f64; labels:
/// i64). Where the case has another type or layout, the tensor is there twice, and load and store
/// carry elements between: to the working type exactly, back rounded to nearest even. Faults are
/// found in the memory that the body had, and named in the tensor's terms; bytes are its own.
class StagedTensor {
 public:
  struct Spec {
    std::string name;  ///< as reports call it: "logits"
    DType dtype = DType::f32;
    DType working = DType::f32;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::int64_t stride = 0;  ///< in elements, >= cols; not with bct
    bool vector = false;      ///< elements are named x[i], not x[r,c]
    std::int64_t t = 0;       ///< bct: positions in a sequence; 0: rows as they come
  };

  /// Both memories start `offset_elements` of their own elements after a 4096-byte boundary.
  StagedTensor(Spec, std::size_t offset_elements);

  /// Poison everywhere, then the contiguous [rows, cols] tensor unless it is empty.
  void reset(const Tensor& original);
  /// Before a body runs: what the case's memory holds.
  void load();
  /// After it: every element that the body has written.
  void store();

  /// Where the body works.
  std::byte* data() { return body().data(); }
  /// The case's memory as a contiguous tensor of rows * cols elements.
  Tensor read(std::vector<std::int64_t> shape) const;

  std::vector<std::string> changes(const Tensor& original) const;
  std::vector<std::string> writes_outside() const;

 private:
  GuardedBuffer& body() { return inner_ ? *inner_ : outer_; }
  const GuardedBuffer& body() const { return inner_ ? *inner_ : outer_; }
  /// Bytes from the start of the case's memory to element (r, c).
  std::size_t outer_at(std::int64_t r, std::int64_t c) const;
  std::size_t inner_at(std::int64_t r, std::int64_t c) const;
  template <class Visit>
  void for_each(Visit visit) const;
  template <class Visit>
  void for_runs(Visit visit) const;
  /// Elements (r, c), (r, c + 1), ...; false, and nothing is stored, if one may be poison.
  bool store_floats(std::int64_t r, std::int64_t c, std::int64_t count);
  bool store_doubles(std::int64_t r, std::int64_t c, std::int64_t count);
  void store_element(std::int64_t r, std::int64_t c);

  Spec spec_;
  GuardedBuffer outer_;
  std::optional<GuardedBuffer> inner_;
};

}  // namespace xent
