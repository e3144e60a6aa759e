// SPDX-License-Identifier: Apache-2.0
#include "impl/cuda/host_shim/scheduler.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

namespace xent::cuda::shim {
namespace {

constexpr unsigned kWarpsABlock = kMaxBlock / kWarp;

/// Ends a thread whose launch has failed elsewhere.
struct Unwound {};

[[noreturn]] void refuse(const std::string& what) {
  throw std::runtime_error("wrong launch: " + what);
}

}  // namespace

Scheduler& Scheduler::make() {
  static thread_local Scheduler scheduler;
  return *(here_ = &scheduler);
}

void Scheduler::set_seed(std::uint64_t seed) {
  seed_ = seed;
  launches_ = 0;
  trace_ = 0;
}

/// splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
std::uint64_t Scheduler::random() {
  std::uint64_t z = random_state_ += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

void Scheduler::fail(const std::string& text) const {
  throw std::runtime_error("block " + std::to_string(self_->block->index) + ", thread " +
                           std::to_string(self_->number) + ": " + text);
}

void Scheduler::begin(const LaunchShape& shape) {
  constexpr std::size_t kMostShared = 227 * 1024;
  if (self_ != nullptr) refuse("by a kernel");
  if (shape.grid == 0 || shape.grid >> 31 != 0) refuse("grid " + std::to_string(shape.grid));
  if (shape.block == 0 || shape.block > kMaxBlock) {
    refuse("block of " + std::to_string(shape.block));
  }
  if (shape.cluster == 0 || shape.cluster > kMaxCluster || shape.grid % shape.cluster != 0) {
    refuse("cluster of " + std::to_string(shape.cluster) + " in a grid of " +
           std::to_string(shape.grid));
  }
  if (shape.shared_bytes > kMostShared) {
    refuse(std::to_string(shape.shared_bytes) + " bytes of shared memory");
  }
  shape_ = shape;
  blockDim = {shape.block, 1, 1};
  gridDim = {shape.grid, 1, 1};
  random_state_ = seed_ + ++launches_ * 0xd1342543de82ef95u;
  drawn_ = random();
  until_switch_ = 1;
}

void Scheduler::run(const LaunchShape& shape, void (*body)(void*), void* arguments) {
  begin(shape);
  body_ = body;
  arguments_ = arguments;
  std::vector<unsigned> order(shape.grid / shape.cluster);
  std::iota(order.begin(), order.end(), 0u);
  for (std::size_t left = order.size(); left > 0; --left) {
    std::swap(order[left - 1], order[random() % left]);
    run_cluster(order[left - 1] * shape.cluster);
  }
}

void Scheduler::run_cluster(unsigned first) {
  constexpr unsigned kEager[] = {0, 128, 240};
  eager_ = kEager[random() % 3];
  advance();
  cluster_ordered_ = 0;
  at_cluster_barrier_ = 0;
  failure_ = nullptr;
  alive_ = shape_.cluster * shape_.block;
  blocks_.clear();
  ready_.clear();
  copies_.start_cluster();
  while (block_pool_.size() < shape_.cluster) block_pool_.emplace_back();
  for (unsigned i = 0; i < shape_.cluster; ++i) {
    blocks_.push_back(&block_pool_[i]);
    set_up(block_pool_[i], first + i);
  }
  Thread& next = pick();
  resume(next);
  change(caller_, next.fiber);
  if (failure_) unwind();
  self_ = nullptr;
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Scheduler::set_up(Block& block, unsigned index) {
  block.index = index;
  block.rank = index % shape_.cluster;
  block.exited = block.at_barrier = 0;
  block.started = block.ordered = now_;
  block.threads.clear();
  block.known.clear();
  block.visits = {};
  for (unsigned i = 0; i < shape_.block; ++i) {
    block.threads.push_back(&set_up_thread(block, i));
    ready_.push_back(block.threads.back());
  }
  block.shared.start_block(block, shape_.shared_bytes);
}

Thread& Scheduler::set_up_thread(Block& block, unsigned number) {
  const std::size_t i = std::size_t{block.rank} * shape_.block + number;
  while (threads_.size() <= i) {
    const std::size_t stack = threads_.size();
    threads_.emplace_back().fiber = stacks_.at(stack);
  }
  while (warps_.size() < std::size_t{block.rank + 1} * kWarpsABlock) warps_.emplace_back();
  Thread& t = threads_[i];
  t.number = number;
  t.lane = number % kWarp;
  t.block = &block;
  t.warp = &warps_[block.rank * kWarpsABlock + number / kWarp];
  t.started = false;
  t.wait = Wait::none;
  t.groups = 0;
  t.known.clear();
  if (t.lane == 0) {
    t.warp->exited = ~0u;
    t.warp->waiting = 0;
  }
  t.warp->exited &= ~(1u << t.lane);
  t.warp->lanes[t.lane] = &t;
  return t;
}

/// Lets the destructors run of what the other threads were in.
void Scheduler::unwind() {
  unwinding_ = true;
  for (Block* block : blocks_) {
    for (Thread* t : block->threads) {
      if (!t->started || t->wait == Wait::exited) continue;
      self_ = t;
      change(caller_, t->fiber);
    }
  }
  unwinding_ = false;
}

void Scheduler::stop() { throw Unwound{}; }

Thread& Scheduler::pick() {
  const std::uint64_t r = std::exchange(drawn_, random());
  if (copies_.in_flight() && (r >> 8 & 7) == 0) copies_.land_one();
  while (ready_.empty() && copies_.in_flight()) copies_.land_one();
  if (ready_.empty()) fail(stuck());
  const std::size_t any = (r >> 32) * ready_.size() >> 32;
  const std::size_t at = (r & 255) < eager_ ? ready_.size() - 1 : any;
  Thread& next = *ready_[at];
  ready_[at] = ready_.back();
  ready_.pop_back();
  ++switches_;
  trace_ = (trace_ ^ (next.number + std::uint64_t{next.block->index} * kMaxBlock)) *
           0x100000001b3u;
  return next;
}

void Scheduler::resume(Thread& t) {
  self_ = &t;
  threadIdx = {t.number, 0, 0};
  blockIdx = {t.block->index, 0, 0};
  if (t.started) return;
  t.started = true;
  prepare(t.fiber, enter);
}

void Scheduler::enter() {
  Scheduler& s = here();
  try {
    s.body_(s.arguments_);
  } catch (const Unwound&) {
  } catch (...) {
    s.failure_ = std::current_exception();
  }
  s.finish();
}

void Scheduler::finish() {
  Thread& me = *self_;
  me.wait = Wait::exited;
  Thread* next = nullptr;
  if (!failure_) {
    try {
      on_exit(me);
      if (--alive_ > 0) next = &pick();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }
  if (next == nullptr) leave(me.fiber, caller_);
  resume(*next);
  leave(me.fiber, next->fiber);
}

void Scheduler::release(Thread& t) {
  t.wait = Wait::none;
  ready_.push_back(&t);
}

void Scheduler::switch_now() {
  until_switch_ = 1 + static_cast<unsigned>(random() % 64);
  ready_.push_back(self_);
  suspend(Wait::none, self_->where);
}

Block& Scheduler::block_of_rank(unsigned rank) {
  if (rank >= blocks_.size()) {
    fail("names rank " + std::to_string(rank) + " of a cluster of " +
         std::to_string(blocks_.size()));
  }
  return *blocks_[rank];
}

}  // namespace xent::cuda::shim
