// SPDX-License-Identifier: Apache-2.0
// Where threads meet: barriers, calls of a warp, and what is wrong if they do not.
#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <string_view>

#include "impl/cuda/host_shim/scheduler.h"

namespace xent::cuda::shim {
namespace {

unsigned lowest(std::uint32_t mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

std::string hex(std::uint32_t mask) {
  std::string digits = "0x00000000";
  for (std::size_t i = digits.size() - 1; i >= 2; --i, mask >>= 4) {
    digits[i] = "0123456789abcdef"[mask & 15];
  }
  return digits;
}

std::string call_of(const Thread& t) {
  const char* call = t.call == WarpCall::sync      ? "__syncwarp"
                     : t.call == WarpCall::shuffle ? "shuffle"
                                                   : "vote";
  return call + (" of " + hex(t.mask)) + " at " + name(t.where);
}

std::string what_it_does(const Thread& t) {
  switch (t.wait) {
    case Wait::none: return "runs";
    case Wait::block: return "waits in __syncthreads at " + name(t.where);
    case Wait::cluster: return "waits in the cluster's barrier at " + name(t.where);
    case Wait::warp: return "waits in a " + call_of(t);
    case Wait::copies: return "waits for copies at " + name(t.where);
    case Wait::exited: break;
  }
  return "has exited";
}

std::string numbered(const Thread& t) { return "thread " + std::to_string(t.number); }

bool is_same(const Where& a, const Where& b) {
  return a.line() == b.line() && std::string_view(a.file_name()) == b.file_name();
}

template <class Test>
const Thread* first_of(const Block& b, Test test) {
  const auto found = std::find_if(b.threads.begin(), b.threads.end(),
                                  [&](const Thread* t) { return test(*t); });
  return found == b.threads.end() ? nullptr : *found;
}

/// Calls f with each lane of the mask.
template <class F>
void each(std::uint32_t mask, F f) {
  for (; mask != 0; mask &= mask - 1) f(lowest(mask));
}

}  // namespace

std::string name(const Where& where) {
  const std::string_view file = where.file_name();
  return std::string(file.substr(file.rfind('/') + 1)) + ":" + std::to_string(where.line());
}

/// Of a launch in which nobody can run: who waits for what.
std::string Scheduler::stuck() const {
  std::string text = "deadlock";
  std::string last;
  for (const Block* block : blocks_) {
    for (const Thread* t : block->threads) {
      const std::string now = what_it_does(*t);
      if (now == last) continue;
      text += last.empty() ? ": " : "; ";
      if (text.size() > 300) return text + "...";
      if (blocks_.size() > 1) text += "block " + std::to_string(block->index) + ", ";
      text += "from " + numbered(*t) + " on " + now;
      last = now;
    }
    last += ' ';
  }
  return text;
}

void Scheduler::on_exit(Thread& me) {
  Block& block = *me.block;
  ++block.exited;
  me.warp->exited |= 1u << me.lane;
  if (block.at_barrier > 0) {
    const Thread& other = *block.first_at_barrier;
    fail("divergent barrier: it exits, while " + numbered(other) + " " + what_it_does(other));
  }
  if (at_cluster_barrier_ > 0) {
    fail("divergent barrier: it exits, while others wait in the cluster's barrier");
  }
  each(me.warp->waiting, [&](unsigned lane) { check_mask(*me.warp->lanes[lane]); });
  if (block.exited == block.threads.size()) on_exit(block);
}

void Scheduler::on_exit(const Block& block) const {
  if (copies_.pending_in(block)) fail("its block ends, but a copy to it was never waited for");
  for (unsigned rank = 0; rank < blocks_.size(); ++rank) {
    const Access visit = block.visits[rank];
    const auto is_known = [&](const Thread& t) { return is_ordered(visit, t); };
    if (visit != 0 && first_of(block, is_known) == nullptr) {
      fail("its block ends, but " + name_of(who_of(visit), *self_) +
           " uses its shared memory with no barrier in between");
    }
  }
}

void Scheduler::block_barrier(const Where& where) {
  Block& block = *self_->block;
  // Those that wait already wait at one place.
  const Thread* other = block.at_barrier > 0 ? block.first_at_barrier : nullptr;
  if (block.exited > 0) {
    other = first_of(block, [](const Thread& t) { return t.wait == Wait::exited; });
  }
  if (other != nullptr && (other->wait == Wait::exited || !is_same(other->where, where))) {
    fail("divergent barrier: it comes to __syncthreads at " + name(where) + ", " +
         numbered(*other) + " " + what_it_does(*other));
  }
  if (block.at_barrier == 0) block.first_at_barrier = self_;
  if (++block.at_barrier < block.threads.size()) return suspend(Wait::block, where);
  block.at_barrier = 0;
  block.ordered = advance();
  for (Thread* t : block.threads) {
    learn(block.known, t->known);
    t->known.clear();
    release(*t);
  }
  suspend(Wait::none, where);
}

void Scheduler::cluster_barrier(const Where& where) {
  if (alive_ < shape_.cluster * shape_.block) {
    fail("divergent barrier: it comes to the cluster's barrier at " + name(where) +
         ", but some thread has exited");
  }
  if (++at_cluster_barrier_ < alive_) return suspend(Wait::cluster, where);
  at_cluster_barrier_ = 0;
  cluster_ordered_ = advance();
  Knowledge all;
  for (Block* block : blocks_) {
    learn(all, block->known);
    for (Thread* t : block->threads) {
      learn(all, t->known);
      t->known.clear();
      release(*t);
    }
  }
  for (Block* block : blocks_) {
    block->ordered = now_;
    block->known = all;
  }
  suspend(Wait::none, where);
}

void Scheduler::check_mask(const Thread& t) const {
  const std::uint32_t gone = t.mask & t.warp->exited;
  if (gone == 0) return;
  fail(call_of(t) + ": lane " + std::to_string(lowest(gone)) + " has exited or never was");
}

/// Its caller, its source, its mask.
void Scheduler::check_call(const Thread& me) const {
  if ((me.mask >> me.lane & 1) == 0) {
    fail(call_of(me) + ": lane " + std::to_string(me.lane) + " calls it, but is not in the mask");
  }
  if ((me.mask >> me.source & 1) == 0) {
    fail(call_of(me) + ": lane " + std::to_string(me.source) + " is read, but is not in the mask");
  }
  check_mask(me);
}

/// All lanes of the mask are there.
void Scheduler::complete(Warp& warp, std::uint32_t mask) {
  const Thread& me = *self_;
  std::uint32_t votes = 0;
  each(mask, [&](unsigned lane) {
    const Thread& t = *warp.lanes[lane];
    if (t.mask != mask || t.call != me.call) {
      fail(call_of(me) + ", but " + numbered(t) + " " + what_it_does(t));
    }
    votes |= static_cast<std::uint32_t>(t.value & 1) << lane;
  });
  warp.waiting &= ~mask;
  if (me.call == WarpCall::sync) join(warp, mask);
  each(mask, [&](unsigned lane) {
    Thread& t = *warp.lanes[lane];
    t.result = me.call == WarpCall::vote ? votes : warp.lanes[t.source]->value;
    release(t);
  });
}

/// Each lane of the mask may rely on what all of them may rely on, and on what they have done.
void Scheduler::join(Warp& warp, std::uint32_t mask) {
  std::array<Moment, kWarp> all = {};
  Knowledge known;
  warp.synced = advance();
  each(mask, [&](unsigned lane) {
    for (unsigned i = 0; i < kWarp; ++i) all[i] = std::max(all[i], warp.seen[lane][i]);
    learn(known, warp.lanes[lane]->known);
  });
  each(mask, [&](unsigned lane) { all[lane] = now_; });
  each(mask, [&](unsigned lane) {
    warp.seen[lane] = all;
    if (!known.empty()) warp.lanes[lane]->known = known;
  });
}

}  // namespace xent::cuda::shim
