// SPDX-License-Identifier: Apache-2.0
#include "impl/process/addresses.h"

#include <stdexcept>
#include <utility>

namespace xent::process {

std::uint64_t Addresses::take(std::uint64_t bytes, std::shared_ptr<const Namer> namer) {
  bool again = false;
  for (auto after = live_.upper_bound(next_);;) {
    if (next_ + bytes > home_) {
      if (std::exchange(again, true)) throw std::runtime_error("a case beyond the address space");
      next_ = start_;
      after = live_.begin();
    }
    if (after != live_.begin()) {
      const Span& before = std::prev(after)->second;
      next_ = std::max(next_, before.first + before.bytes);
    }
    if (after == live_.end() ? next_ + bytes <= home_ : next_ + bytes <= after->first) break;
    if (after != live_.end()) ++after;
  }
  const std::uint64_t first = std::exchange(next_, next_ + bytes);
  live_[first] = {first, bytes, std::move(namer)};
  return first;
}

std::uint64_t Addresses::take_again(std::uint64_t bytes, std::shared_ptr<const Namer> namer) {
  if (bytes > end_ - home_ || live_.contains(home_)) return take(bytes, std::move(namer));
  live_[home_] = {home_, bytes, std::move(namer)};
  return home_;
}

void Addresses::give_back(std::uint64_t first) {
  const auto at = live_.find(first);
  if (at == live_.end()) return;
  past_.push_front(std::move(at->second));
  if (past_.size() > kRemembered) past_.pop_back();
  live_.erase(at);
}

std::optional<Place> Addresses::place(std::uint64_t address) const {
  for (const auto& [first, span] : live_) {
    if (span.holds(address)) return span.namer->place(address - first);
  }
  for (const Span& span : past_) {
    if (!span.holds(address)) continue;
    Place p = span.namer->place(address - span.first);
    p.text += " of an earlier call";
    p.earlier = true;
    return p;
  }
  if (address < start_ || address >= end_) return std::nullopt;
  return Place{"memory of an earlier call", false, false, true};
}

}  // namespace xent::process
