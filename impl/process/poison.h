// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "core/dtype.h"

namespace xent::process {

/// The poison of core/kernel.h as bytes. Memory begins with a whole element, so `phase` is a byte's
/// distance from any element.
class Poison {
 public:
  explicit Poison(DType);

  void fill(std::span<std::byte>, std::size_t phase = 0) const;
  /// First and one-past-last byte that is not poison; {size, size} if there is none.
  std::pair<std::size_t, std::size_t> written(std::span<const std::byte>,
                                              std::size_t phase = 0) const;

 private:
  bool is_poison(std::byte b, std::size_t at) const { return b == bytes_[at % bytes_.size()]; }
  std::vector<std::byte> bytes_;
};

}  // namespace xent::process
