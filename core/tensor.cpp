// SPDX-License-Identifier: Apache-2.0
#include "core/tensor.h"

#include <limits>
#include <stdexcept>
#include <utility>

#include "core/error.h"

namespace xent {
namespace {

std::size_t element_count(const std::vector<std::int64_t>& extents, std::size_t element_bytes) {
  if (extents.empty()) return 0;
  const std::size_t most = std::numeric_limits<std::ptrdiff_t>::max() / element_bytes;
  std::size_t count = 1;
  for (const std::int64_t extent : extents) {
    if (extent < 0) throw UsageError("a tensor has a negative extent");
    const auto e = static_cast<std::size_t>(extent);
    if (e != 0 && count > most / e) throw UsageError("a tensor has more bytes than an address");
    count *= e;
  }
  return count;
}

}  // namespace

Tensor::Tensor(DType type, std::vector<std::int64_t> extents)
    : dtype(type), shape(std::move(extents)) {
  bytes = Bytes(element_count(shape, size_of(type)) * size_of(type));
}

void Tensor::read(std::int64_t first, std::span<double> to) const {
  load(bytes.data() + static_cast<std::size_t>(first) * size_of(dtype), dtype, to);
}

void Tensor::write(std::int64_t first, std::span<const double> from) {
  store(bytes.data() + static_cast<std::size_t>(first) * size_of(dtype), dtype, from);
}

std::int64_t Tensor::integer(std::int64_t i) const {
  return load_integer(bytes.data() + static_cast<std::size_t>(i) * size_of(dtype), dtype);
}

void Tensor::set_integer(std::int64_t i, std::int64_t value) {
  const auto write = [&](auto stored) {
    if (stored != value) throw UsageError("an integer does not fit its tensor's type");
    as<decltype(stored)>()[static_cast<std::size_t>(i)] = stored;
  };
  switch (dtype) {
    case DType::i64: return write(value);
    case DType::i32: return write(static_cast<std::int32_t>(value));
    case DType::u16: return write(static_cast<std::uint16_t>(value));
    default: throw std::logic_error("set_integer: the tensor holds floats");
  }
}

}  // namespace xent
