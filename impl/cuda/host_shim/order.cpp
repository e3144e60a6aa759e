// SPDX-License-Identifier: Apache-2.0
#include "impl/cuda/host_shim/order.h"

#include <algorithm>
#include <string>

#include "impl/cuda/host_shim/scheduler.h"

namespace xent::cuda::shim {
namespace {

constexpr unsigned kCopies = kMaxCluster * kMaxBlock;

/// Where it stands in Knowledge.
std::size_t slot(unsigned who) {
  const Scheduler& s = Scheduler::here();
  const std::size_t a_block = s.shape().block;
  if (who >= kCopies) return s.shape().cluster * a_block + (who - kCopies);
  return who / kMaxBlock * a_block + who % kMaxBlock;
}

bool knows(const Knowledge& k, Access a) {
  if (k.empty()) return false;
  const std::size_t i = slot(who_of(a));
  return i < k.size() && moment_of(a) < k[i];
}

}  // namespace

Access access_at(Moment moment, unsigned who) { return moment << 16 | who; }
unsigned who(const Thread& t) { return t.block->rank * kMaxBlock + t.number; }
unsigned who_copies(unsigned i) { return kCopies + i; }

void learn(Knowledge& mine, const Knowledge& other) {
  if (mine.size() < other.size()) mine.resize(other.size());
  for (std::size_t i = 0; i < other.size(); ++i) mine[i] = std::max(mine[i], other[i]);
}

void learn(Knowledge& mine, unsigned who, Moment before) {
  const std::size_t i = slot(who);
  if (mine.size() <= i) mine.resize(i + 1);
  mine[i] = std::max(mine[i], before);
}

bool is_ordered(Access a, const Thread& t) {
  const unsigned by = who_of(a);
  const Moment then = moment_of(a);
  if (then == kNever) return false;
  if (by < kCopies) {
    if (by == who(t) || then < Scheduler::here().cluster_ordered()) return true;
    if (by / kMaxBlock == t.block->rank) {
      if (then < t.block->ordered) return true;
      if (by % kMaxBlock / kWarp == t.number / kWarp && then < t.warp->seen[t.lane][by % kWarp]) {
        return true;
      }
    }
  }
  return knows(t.known, a) || knows(t.block->known, a);
}

void tell(const Thread& t, Moment now, Knowledge& to) {
  learn(to, t.known);
  learn(to, t.block->known);
  for (const Thread* other : t.block->threads) learn(to, who(*other), t.block->ordered);
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const Moment seen = t.warp->seen[t.lane][lane];
    if (seen > t.block->ordered) learn(to, who(*t.warp->lanes[lane]), seen);
  }
  learn(to, who(t), now);
}

std::string name_of(unsigned who, const Thread& to) {
  if (who >= kCopies) return "a copy";
  const unsigned rank = who / kMaxBlock;
  std::string text = "thread " + std::to_string(who % kMaxBlock);
  if (rank != to.block->rank) {
    text += " of block " + std::to_string(to.block->index - to.block->rank + rank);
  }
  return text;
}

}  // namespace xent::cuda::shim
