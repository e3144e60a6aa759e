// SPDX-License-Identifier: Apache-2.0
#include "impl/cuda/host_shim/copies.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "impl/cuda/host_shim/scheduler.h"

namespace xent::cuda::shim {
namespace {

const Scheduler& scheduler() { return Scheduler::here(); }
Thread& running() { return Scheduler::here().thread(); }

void check_copy(const SharedRange& to, const void* from, std::size_t multiple) {
  const auto source = reinterpret_cast<std::uintptr_t>(from);
  if (to.bytes == 0 || to.bytes % multiple != 0 || source % multiple != 0 ||
      static_cast<std::size_t>(to.at) % multiple != 0) {
    scheduler().fail("copies " + std::to_string(to.bytes) +
                     " bytes; size and both addresses must be multiples of " +
                     std::to_string(multiple));
  }
}

}  // namespace

void Copies::start_cluster() {
  // Of a launch that failed.
  for (const Copy& copy : copies_) copy.to.array->rename(copy.to.at, copy.to.bytes, copy.by, 0);
  barriers_.clear();
  copies_.clear();
  flying_ = 0;
}

std::size_t Copies::find(const SharedRange& place) {
  place.array->check_read(place.at, place.item);
  for (std::size_t i = 0; i < barriers_.size(); ++i) {
    const SharedRange& other = barriers_[i].place;
    if (other.array == place.array && other.at == place.at) return i;
  }
  scheduler().fail("uses a barrier of copies that is not one");
}

void Copies::init(const SharedRange& place, unsigned arrivals) {
  place.array->check_write(place.at, place.item, access_at(scheduler().now(), who(running())));
  const auto same = [&](const Barrier& b) {
    return b.place.array == place.array && b.place.at == place.at;
  };
  if (std::any_of(barriers_.begin(), barriers_.end(), same)) {
    scheduler().fail("initialises a barrier of copies again");
  }
  Barrier barrier;
  barrier.place = place;
  barrier.arrivals = barrier.missing = arrivals;
  barriers_.push_back(std::move(barrier));
}

void Copies::arrive(const SharedRange& place, std::size_t bytes) {
  const std::size_t i = find(place);
  Barrier& b = barriers_[i];
  if (b.missing == 0) {
    scheduler().fail("arrives at a barrier of copies that all have arrived at in this phase");
  }
  b.bytes += static_cast<std::ptrdiff_t>(bytes);
  --b.missing;
  tell(running(), Scheduler::here().advance(), b.gathered);
  complete_if_done(i);
}

bool Copies::is_complete(const SharedRange& place, unsigned parity) {
  Barrier& b = barriers_[find(place)];
  if ((b.phase & 1) == (parity & 1)) {
    b.waiters.push_back(&running());
    return false;
  }
  learn(running().known, b.known);
  return true;
}

void Copies::start(const SharedRange& to, const void* from, const SharedRange& barrier) {
  check_copy(to, from, 16);
  Copy copy;
  copy.to = to;
  copy.from = static_cast<const std::byte*>(from);
  copy.barrier = find(barrier);
  copy.by = access_at(kNever, who_copies(static_cast<unsigned>(copy.barrier)));
  add(std::move(copy));
}

void Copies::start(const SharedRange& to, const void* from) {
  if (to.bytes != 4 && to.bytes != 8 && to.bytes != 16) {
    scheduler().fail("copies " + std::to_string(to.bytes) + " bytes; it can be 4, 8 or 16");
  }
  check_copy(to, from, to.bytes);
  Copy copy;
  copy.to = to;
  copy.from = static_cast<const std::byte*>(from);
  copy.owner = &running();
  copy.group = running().groups;
  copy.by = access_at(kNever, who(running()));
  add(std::move(copy));
}

void Copies::add(Copy copy) {
  for (std::size_t done = 0; done < copy.to.bytes; done += copy.to.item) {
    copy.to.array->check_write(copy.to.at + static_cast<std::ptrdiff_t>(done), copy.to.item,
                               copy.by);
  }
  copies_.push_back(std::move(copy));
  ++flying_;
}

void Copies::commit_group() { ++running().groups; }

void Copies::wait_groups(std::uint64_t pending) {
  Thread& t = running();
  const auto mine = [&](const Copy& c) { return c.owner == &t && c.group + pending < t.groups; };
  for (Copy& copy : copies_) {
    if (!mine(copy)) continue;
    if (!copy.landed) land(copy);
    finish(copy, who(t));
  }
  std::erase_if(copies_, mine);
}

void Copies::land(Copy& copy) {
  copy.landed = true;
  --flying_;
  std::memcpy(copy.to.array->data() + copy.to.at, copy.from, copy.to.bytes);
}

void Copies::finish(const Copy& copy, unsigned by) {
  copy.to.array->rename(copy.to.at, copy.to.bytes, copy.by, access_at(scheduler().now(), by));
}

void Copies::land_one() {
  std::size_t left = Scheduler::here().random() % flying_;
  const auto next = std::find_if(copies_.begin(), copies_.end(),
                                 [&](const Copy& c) { return !c.landed && left-- == 0; });
  land(*next);
  if (next->owner != nullptr) return;
  const std::size_t i = next->barrier;
  barriers_[i].bytes -= static_cast<std::ptrdiff_t>(next->to.bytes);
  complete_if_done(i);
}

void Copies::complete_if_done(std::size_t i) {
  Barrier& b = barriers_[i];
  if (b.missing > 0 || b.bytes != 0) return;
  const unsigned by = who_copies(static_cast<unsigned>(i));
  const auto done = [&](const Copy& c) {
    return c.owner == nullptr && c.barrier == i && c.landed;
  };
  for (const Copy& copy : copies_) {
    if (done(copy)) finish(copy, by);
  }
  std::erase_if(copies_, done);
  learn(b.gathered, by, Scheduler::here().advance());
  b.known = b.gathered;
  b.missing = b.arrivals;
  ++b.phase;
  for (Thread* t : std::exchange(b.waiters, {})) Scheduler::here().release(*t);
}

bool Copies::pending_in(const Block& block) const {
  return std::any_of(copies_.begin(), copies_.end(),
                     [&](const Copy& c) { return &c.to.array->block() == &block; });
}

}  // namespace xent::cuda::shim
