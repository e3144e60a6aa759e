// SPDX-License-Identifier: Apache-2.0
#include "impl/staging.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "core/dtype.h"
#include "impl/highway/sixteen_bits.h"

namespace xent {
namespace {

constexpr std::int64_t kRun = 256;  ///< elements that are carried at once

GuardedBuffer::Shape outer_shape(const StagedTensor::Spec& s) {
  if (s.t == 0) return {s.name, s.dtype, s.rows, s.cols, s.stride, s.vector};
  return {s.name, s.dtype, s.rows / s.t * s.cols, s.t, s.t};
}

/// In vectors, without the way through binary64.
bool in_vectors(const StagedTensor::Spec& s) {
  return s.t == 0 && s.working == DType::f32 && is_float(s.dtype) && size_of(s.dtype) == 2;
}

template <class T>
bool holds_nan(std::span<const T> x) {
  int found = 0;
  for (const T a : x) found |= a != a ? 1 : 0;
  return found != 0;
}

}  // namespace

StagedTensor::StagedTensor(Spec spec, std::size_t offset_elements)
    : spec_(std::move(spec)), outer_(outer_shape(spec_), offset_elements) {
  if (spec_.dtype == spec_.working && spec_.t == 0) return;
  inner_.emplace(GuardedBuffer::Shape{spec_.name, spec_.working, spec_.rows, spec_.cols,
                                      spec_.stride, spec_.vector},
                 offset_elements);
}

std::size_t StagedTensor::outer_at(std::int64_t r, std::int64_t c) const {
  const std::int64_t at = spec_.t == 0
                              ? r * spec_.stride + c
                              : (r / spec_.t * spec_.cols + c) * spec_.t + r % spec_.t;
  return static_cast<std::size_t>(at) * size_of(spec_.dtype);
}

std::size_t StagedTensor::inner_at(std::int64_t r, std::int64_t c) const {
  return static_cast<std::size_t>(r * spec_.stride + c) * size_of(spec_.working);
}

template <class Visit>
void StagedTensor::for_each(Visit visit) const {
  for (std::int64_t r = 0; r < spec_.rows; ++r) {
    for (std::int64_t c = 0; c < spec_.cols; ++c) visit(r, c);
  }
}

/// Elements that lie one after the other in both memories: the first, and how many.
template <class Visit>
void StagedTensor::for_runs(Visit visit) const {
  const std::int64_t run = spec_.t == 0 ? kRun : 1;
  for (std::int64_t r = 0; r < spec_.rows; ++r) {
    for (std::int64_t c = 0; c < spec_.cols; c += run) visit(r, c, std::min(run, spec_.cols - c));
  }
}

void StagedTensor::reset(const Tensor& original) {
  outer_.poison();
  if (inner_) inner_->poison();
  if (spec_.t == 0) return outer_.write(original);
  if (original.empty()) return;
  const std::size_t size = size_of(spec_.dtype);
  for_each([&](std::int64_t r, std::int64_t c) {
    const auto from = static_cast<std::size_t>(r * spec_.cols + c) * size;
    std::memcpy(outer_.data() + outer_at(r, c), original.bytes.data() + from, size);
  });
}

void StagedTensor::load() {
  if (!inner_) return;
  for_runs([this](std::int64_t r, std::int64_t c, std::int64_t count) {
    const std::byte* const from = outer_.data() + outer_at(r, c);
    std::byte* const to = inner_->data() + inner_at(r, c);
    if (in_vectors(spec_)) return widen(spec_.dtype, from, reinterpret_cast<float*>(to), count);
    std::array<double, kRun> room;
    const std::span x(room.data(), static_cast<std::size_t>(count));
    xent::load(from, spec_.dtype, x);
    xent::store(to, spec_.working, x);
  });
}

void StagedTensor::store() {
  if (!inner_) return;
  for_runs([this](std::int64_t r, std::int64_t c, std::int64_t count) {
    if (!(in_vectors(spec_) ? store_floats(r, c, count) : store_doubles(r, c, count))) {
      for (std::int64_t i = 0; i < count; ++i) store_element(r, c + i);
    }
  });
}

bool StagedTensor::store_floats(std::int64_t r, std::int64_t c, std::int64_t count) {
  const auto* const x = reinterpret_cast<const float*>(inner_->data() + inner_at(r, c));
  if (holds_nan(std::span(x, static_cast<std::size_t>(count)))) return false;
  narrow(spec_.dtype, x, outer_.data() + outer_at(r, c), count);
  return true;
}

bool StagedTensor::store_doubles(std::int64_t r, std::int64_t c, std::int64_t count) {
  std::array<double, kRun> room;
  const std::span x(room.data(), static_cast<std::size_t>(count));
  xent::load(inner_->data() + inner_at(r, c), spec_.working, x);
  if (holds_nan(std::span<const double>(x))) return false;
  xent::store(outer_.data() + outer_at(r, c), spec_.dtype, x);
  return true;
}

void StagedTensor::store_element(std::int64_t r, std::int64_t c) {
  if (inner_->is_poison(r, c)) return;
  const double x = xent::load(inner_->data() + inner_at(r, c), spec_.working);
  xent::store(outer_.data() + outer_at(r, c), spec_.dtype, x);
}

Tensor StagedTensor::read(std::vector<std::int64_t> shape) const {
  if (spec_.t == 0) return outer_.read(std::move(shape));
  Tensor tensor(spec_.dtype, std::move(shape));
  const std::size_t size = size_of(spec_.dtype);
  for_each([&](std::int64_t r, std::int64_t c) {
    const auto to = static_cast<std::size_t>(r * spec_.cols + c) * size;
    std::memcpy(tensor.bytes.data() + to, outer_.data() + outer_at(r, c), size);
  });
  return tensor;
}

std::vector<std::string> StagedTensor::changes(const Tensor& original) const {
  if (!inner_) return outer_.changes(original);
  Tensor loaded(spec_.working, original.shape);
  for (std::int64_t i = 0; i < loaded.size(); ++i) loaded.set(i, original.at(i));
  return inner_->changes(loaded);
}

std::vector<std::string> StagedTensor::writes_outside() const { return body().writes_outside(); }

}  // namespace xent
