// SPDX-License-Identifier: Apache-2.0
#include "impl/process/poison.h"

#include <algorithm>
#include <cstring>

#include "core/kernel.h"

namespace xent::process {

Poison::Poison(DType dtype) {
  Tensor one(dtype, {1});
  poison(one);
  bytes_.assign(std::as_const(one.bytes).begin(), std::as_const(one.bytes).end());
}

void Poison::fill(std::span<std::byte> to, std::size_t phase) const {
  const std::size_t first = std::min(bytes_.size(), to.size());
  for (std::size_t i = 0; i < first; ++i) to[i] = bytes_[(phase + i) % bytes_.size()];
  for (std::size_t done = first; done < to.size(); done *= 2) {
    std::memcpy(to.data() + done, to.data(), std::min(done, to.size() - done));
  }
}

std::pair<std::size_t, std::size_t> Poison::written(std::span<const std::byte> in,
                                                     std::size_t phase) const {
  if (in.empty()) return {0, 0};
  std::size_t first = 0, last = in.size();
  // Nearly always nothing is: the first element is poison, and each byte is the one an element ago.
  const std::size_t period = std::min(bytes_.size(), last);
  while (first < period && is_poison(in[first], phase + first)) ++first;
  if (first == period && std::memcmp(in.data(), in.data() + period, last - period) == 0) {
    return {last, last};
  }
  while (first < last && is_poison(in[first], phase + first)) ++first;
  if (first == last) return {last, last};
  while (is_poison(in[last - 1], phase + last - 1)) --last;
  return {first, last};
}

}  // namespace xent::process
