// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>

#include "impl/process/arena.h"
#include "impl/process/poison.h"

namespace xent::process {
namespace {

constexpr std::size_t kNamed = 4;

void append_new(std::vector<std::string>& to, std::vector<std::string> from) {
  for (std::string& line : from) {
    if (std::find(to.begin(), to.end(), line) == to.end()) to.push_back(std::move(line));
  }
}

std::string elements(std::size_t bytes, std::size_t element) {
  return std::to_string((bytes + element - 1) / element * element) + " bytes ";
}

/// Rows whose padding is not poison any more.
std::vector<std::string> padding(const Shape& s, std::span<const std::byte> tensor) {
  std::vector<std::string> out;
  const Poison poison(s.dtype);
  for (std::int64_t r = 0; r < s.rows && out.size() < kNamed; ++r) {
    const auto rest = tensor.subspan(s.at(r, 0) + s.row_bytes());
    const auto gap = rest.first(std::min(rest.size(), s.stride_bytes() - s.row_bytes()));
    if (poison.written(gap).first == gap.size()) continue;
    out.push_back("row padding of " + s.name + " after row " + std::to_string(r));
  }
  return out;
}

}  // namespace

void Arena::inspect(Faults& faults) const {
  const std::vector<Piece>& pieces = layout_->pieces();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Piece& p = pieces[i];
    const bool suspect = !touched_.empty() || memories_[p.memory]->mapped();
    if (!p.shape.written && !suspect) continue;
    append_new(faults.written_outside, outside(p));
    const Tensor* const data = p.shape.written ? nullptr : tensor_of(case_, p.slot);
    if (data != nullptr) append_new(faults.inputs_changed, changes(p, *data));
  }
  append_new(faults.written_outside, beyond_);
  if (faults.inputs_changed.empty()) {
    for (const std::string& place : touched_) {
      append_new(faults.inputs_changed, {place + " written"});
    }
  }
}

void Arena::input_written(std::uint64_t address) {
  const auto place = worker_->addresses().place(address);
  touched_.push_back(place ? place->text : "an input");
  std::fill(clean_.begin(), clean_.end(), false);
}

void Arena::zone_written(std::uint64_t address) {
  const auto place = worker_->addresses().place(address);
  append_new(beyond_, {place ? place->text : "far outside its tensors"});
}

std::vector<std::string> Arena::outside(const Piece& p) const {
  const Shape& s = p.shape;
  const Memory& memory = *memories_[p.memory];
  const Poison poison(s.dtype);
  std::vector<std::string> out;
  const Memory::View front = memory.view(p.memory_at, p.front);
  if (const auto [first, last] = poison.written(front.bytes()); first != last) {
    out.push_back(elements(p.front - first, s.element()) + "before the start of " + s.name);
  }
  // Behind the last row there is padding too, as far as the pages go.
  const std::size_t end = std::min(p.bytes, p.back() + s.stride_bytes() - s.row_bytes());
  const Memory::View back = memory.view(p.memory_at + end, p.bytes - end);
  if (const auto [first, last] = poison.written(back.bytes()); first != last) {
    out.push_back(elements(last, s.element()) + "past the end of " + s.name);
  }
  if (s.stride != s.cols && s.t == 0) {
    const Memory::View tensor = memory.view(p.memory_at + p.front, end - p.front);
    for (std::string& line : padding(s, tensor.bytes())) out.push_back(std::move(line));
  }
  return out;
}

std::vector<std::string> Arena::changes(const Piece& p, const Tensor& original) const {
  if (original.empty()) return {};
  const Shape& s = p.shape;
  const Memory::View tensor = memories_[p.memory]->view(p.memory_at + p.front, s.extent());
  const std::byte* const now = tensor.bytes().data();
  const std::byte* const was = original.bytes.data();
  std::vector<std::string> named;
  std::int64_t more = 0;
  for_runs(s, [&](std::size_t at, std::size_t in_tensor, std::size_t size) {
    if (std::memcmp(now + at, was + in_tensor, size) == 0) return;
    for (std::size_t b = 0; b < size; b += s.element()) {
      if (std::memcmp(now + at + b, was + in_tensor + b, s.element()) == 0) continue;
      const auto index = static_cast<std::int64_t>((in_tensor + b) / s.element());
      if (named.size() == kNamed) ++more;
      else named.push_back(s.element_name(index / s.cols, index % s.cols) + " changed");
    }
  });
  if (more > 0) {
    named.push_back(std::to_string(more) + " more elements of " + s.name + " changed");
  }
  return named;
}

}  // namespace xent::process
