// SPDX-License-Identifier: Apache-2.0
#include "impl/cuda/host_shim/shared_memory.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "impl/cuda/host_shim/scheduler.h"

namespace xent::cuda::shim {
namespace {

// Of sm_90.
constexpr std::size_t kMostDeclared = 48 * 1024;
constexpr std::size_t kMost = 227 * 1024;

constexpr std::uint32_t kSignallingNan = 0x7fa0dead;
constexpr const char* kNoBarrier = " with no barrier in between";

const Thread& running() { return Scheduler::here().thread(); }

}  // namespace

struct SharedArray::Piece {
  std::ptrdiff_t at;
  std::size_t item;
  const char* verb;
};

void SharedArray::lay_out(Block& block, const void* tag, const char* name, std::size_t bytes,
                          std::size_t unit) {
  block_ = &block;
  tag_ = tag;
  name_ = name;
  bytes_ = bytes;
  unit_ = unit;
  memory_.resize((bytes + sizeof(Line) - 1) / sizeof(Line));
  cells_.resize(std::max(cells_.size(), (bytes + unit - 1) / unit));
  for (std::size_t i = 0; i < memory_.size() * sizeof(Line); i += sizeof kSignallingNan) {
    std::memcpy(data() + i, &kSignallingNan, sizeof kSignallingNan);
  }
}

void SharedArray::fail(const Piece& p, const std::string& what) const {
  std::string text = std::string(p.verb) + " " + name_ + "[" +
                     std::to_string(p.at / static_cast<std::ptrdiff_t>(p.item)) + "]";
  if (block_ != running().block) text += " of block " + std::to_string(block_->index);
  Scheduler::here().fail(text + what);
}

void SharedArray::check_place(const Piece& p) const {
  const auto item = static_cast<std::ptrdiff_t>(p.item);
  if (p.at < 0 || p.at + item > static_cast<std::ptrdiff_t>(bytes_)) {
    fail(p, ", but it has " + std::to_string(bytes_ / p.item) + " elements");
  }
  if (p.item % unit_ != 0) {
    fail(p, " of " + std::to_string(p.item) + " bytes, but it is followed in pieces of " +
                std::to_string(unit_) + ": declare it with the smaller type");
  }
  if (p.at % std::min<std::ptrdiff_t>(item, sizeof(Line)) != 0) fail(p, ", which is not aligned");
}

/// Of another block of the cluster: it must have started, and must not have ended.
void SharedArray::check_alive(const Piece& p) const {
  const Thread& t = running();
  if (block_ == t.block) return;
  const Scheduler& s = Scheduler::here();
  if (s.cluster_ordered() == 0) {
    fail(p, " before any barrier of the cluster: it may not have begun");
  }
  if (block_->exited == block_->threads.size()) fail(p, ", which has exited");
  block_->visits[t.block->rank] = access_at(s.now(), who(t));
}

void SharedArray::check_written(const Cell& cell, const Piece& p) const {
  if (moment_of(cell.write) < block_->started || is_ordered(cell.write, running())) return;
  if (moment_of(cell.write) == kNever) fail(p, ", into which a copy is still in flight");
  fail(p, ", which " + name_of(who_of(cell.write), running()) + " writes" + kNoBarrier);
}

void SharedArray::check_unread(const Cell& cell, const Piece& p) const {
  const Thread& t = running();
  const auto check = [&](Access a) {
    if (!is_ordered(a, t)) fail(p, ", which " + name_of(who_of(a), t) + " reads" + kNoBarrier);
  };
  if (moment_of(cell.read) < block_->started) return;
  for (std::uint32_t left = cell.lanes; left != 0; left &= left - 1) {
    check((cell.read & ~Access{kWarp - 1}) | static_cast<unsigned>(std::countr_zero(left)));
  }
  if (moment_of(cell.other_read) >= block_->started) check(cell.other_read);
}

void SharedArray::note_read(Cell& cell) const {
  const Thread& t = running();
  const Access mine = access_at(Scheduler::here().now(), who(t));
  const bool same_warp = who_of(cell.read) / kWarp == who_of(mine) / kWarp;
  if (!same_warp) cell.other_read = cell.read;
  const Moment synced = std::max(t.warp->synced, t.block->ordered);
  const bool together = same_warp && moment_of(cell.read) >= synced;
  cell.lanes = (together ? cell.lanes : 0) | 1u << t.lane;
  cell.read = mine;
}

void SharedArray::check_read(std::ptrdiff_t at, std::size_t item) {
  const Piece p = {at, item, "reads"};
  check_place(p);
  check_alive(p);
  const std::size_t first = static_cast<std::size_t>(at) / unit_;
  for (std::size_t i = first; i < first + item / unit_; ++i) {
    if (moment_of(cells_[i].write) < block_->started) fail(p, ", which nobody has written");
    check_written(cells_[i], p);
    note_read(cells_[i]);
  }
}

void SharedArray::check_write(std::ptrdiff_t at, std::size_t item, Access by) {
  const Piece p = {at, item, "writes"};
  check_place(p);
  check_alive(p);
  const std::size_t first = static_cast<std::size_t>(at) / unit_;
  for (std::size_t i = first; i < first + item / unit_; ++i) {
    check_written(cells_[i], p);
    check_unread(cells_[i], p);
    cells_[i].write = by;
  }
}

void SharedArray::rename(std::ptrdiff_t at, std::size_t bytes, Access before, Access after) {
  const std::size_t first = static_cast<std::size_t>(at) / unit_;
  for (std::size_t i = first; i < first + bytes / unit_; ++i) {
    if (cells_[i].write == before) cells_[i].write = after;
  }
}

void SharedMemory::start_block(Block& block, std::size_t dynamic_bytes) {
  block_ = &block;
  if (arrays_.empty()) arrays_.emplace_back();
  used_ = 1;
  arrays_.front().lay_out(block, nullptr, "dynamic shared memory", dynamic_bytes, 2);
}

SharedArray& SharedMemory::array(const void* tag, const char* name, std::size_t bytes,
                                 std::size_t unit) {
  std::size_t declared = bytes;
  for (std::size_t i = 1; i < used_; ++i) {
    if (arrays_[i].tag() == tag) return arrays_[i];
    declared += arrays_[i].bytes();
  }
  if (declared > kMostDeclared || declared + dynamic().bytes() > kMost) {
    Scheduler::here().fail("no shared memory is left for " + std::string(name));
  }
  if (arrays_.size() == used_) arrays_.emplace_back();
  arrays_[used_].lay_out(*block_, tag, name, bytes, unit);
  return arrays_[used_++];
}

SharedArray& SharedMemory::same(const SharedArray& other) {
  for (std::size_t i = 0; i < used_; ++i) {
    if (arrays_[i].tag() == other.tag()) return arrays_[i];
  }
  Scheduler::here().fail("reaches into a block of the cluster that has not begun");
}

}  // namespace xent::cuda::shim
