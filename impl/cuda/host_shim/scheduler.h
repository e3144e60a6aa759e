// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <source_location>
#include <string>
#include <vector>

#include "impl/cuda/host_shim/copies.h"
#include "impl/cuda/host_shim/fibers.h"
#include "impl/cuda/host_shim/order.h"
#include "impl/cuda/host_shim/shared_memory.h"

/// CUDA's, one-dimensional: y and z are 0 of an index, 1 of a size.
struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

// Of the thread that runs; set at every switch.
inline constinit thread_local uint3 threadIdx = {};
inline constinit thread_local uint3 blockIdx = {};
inline constinit thread_local dim3 blockDim = {};
inline constinit thread_local dim3 gridDim = {};

namespace xent::cuda {

struct LaunchShape {
  unsigned grid = 1;
  unsigned block = 32;
  std::size_t shared_bytes = 0;
  unsigned cluster = 1;  ///< blocks that run together; divides grid
};

namespace shim {

using Where = std::source_location;
std::string name(const Where&);  ///< "block.cuh:41"

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kMaxBlock = 1024;
inline constexpr unsigned kMaxCluster = 16;

/// What a thread waits for, if anything.
enum class Wait : std::uint8_t { none, block, cluster, warp, copies, exited };
enum class WarpCall : std::uint8_t { sync, shuffle, vote };

struct Warp;

/// What every switch and shuffle touches comes first, in one line of the caches.
struct alignas(64) Thread {
  Fiber fiber;
  unsigned number = 0;  ///< in its block
  unsigned lane = 0;
  std::uint32_t mask = 0;  ///< of a call of the warp that waits, like the next four
  unsigned source = 0;     ///< the lane that is read
  std::uint64_t value = 0;
  std::uint64_t result = 0;
  WarpCall call = WarpCall::sync;
  bool started = false;
  Wait wait = Wait::none;
  Block* block = nullptr;
  Warp* warp = nullptr;
  Where where;               ///< of the call that waits
  std::uint64_t groups = 0;  ///< of copies, committed
  Knowledge known;
};

struct Warp {
  std::array<Thread*, kWarp> lanes = {};
  std::uint32_t exited = 0;   ///< or never there
  std::uint32_t waiting = 0;  ///< in a call of the warp
  Moment synced = 0;          ///< the last __syncwarp of any lane
  /// seen[a][b]: what lane b did before this moment, a may rely on.
  std::array<std::array<Moment, kWarp>, kWarp> seen = {};
};

struct Block {
  unsigned index = 0;  ///< in the grid
  unsigned rank = 0;   ///< in the cluster
  std::vector<Thread*> threads;
  unsigned exited = 0;
  unsigned at_barrier = 0;
  const Thread* first_at_barrier = nullptr;  ///< if there is one
  Moment started = 0;
  Moment ordered = 0;  ///< what was done in the block before, all its threads may rely on
  Knowledge known;     ///< to all its threads
  std::array<Access, kMaxCluster> visits = {};  ///< the last to its shared memory, by rank
  SharedMemory shared;
};

/// What runs on this thread of the process: one launch at a time, in it one cluster at a time, in
/// it one thread at a time.
class Scheduler {
 public:
  static Scheduler& here() { return here_ != nullptr ? *here_ : make(); }

  void run(const LaunchShape&, void (*body)(void*), void* arguments);
  void set_seed(std::uint64_t seed);
  std::uint64_t seed() const { return seed_; }

  // Of the thread that runs:
  void block_barrier(const Where&);
  void cluster_barrier(const Where&);
  /// The value of lane `source`, or the votes.
  [[gnu::always_inline]] std::uint64_t warp_call(WarpCall, std::uint32_t mask, std::uint64_t value,
                                                 unsigned source, const Where&);
  /// Lets others run first, now and then.
  void maybe_switch() {
    if (--until_switch_ == 0) switch_now();
  }
  /// Until somebody calls release().
  [[gnu::always_inline]] void suspend(Wait, const Where&);
  [[noreturn]] void fail(const std::string& text) const;  ///< "block 3, thread 17: " and the text

  void release(Thread&);
  Moment advance() { return ++now_; }
  std::uint64_t random();

  Thread& thread() const { return *self_; }
  Block& block_of_rank(unsigned rank);
  const LaunchShape& shape() const { return shape_; }
  Copies& copies() { return copies_; }
  Moment now() const { return now_; }
  Moment cluster_ordered() const { return cluster_ordered_; }
  std::uint64_t switches() const { return switches_; }  ///< since the process began
  std::uint64_t trace() const { return trace_; }  ///< a hash of who ran when since set_seed()

 private:
  static Scheduler& make();
  static void enter();
  void begin(const LaunchShape&);
  void run_cluster(unsigned first);
  void set_up(Block&, unsigned index);
  Thread& set_up_thread(Block&, unsigned number);
  void unwind();
  void finish();
  [[noreturn]] static void stop();
  Thread& pick();
  void resume(Thread&);
  void switch_now();

  void on_exit(Thread&);
  void on_exit(const Block&) const;
  void check_call(const Thread&) const;
  void check_mask(const Thread&) const;
  void complete(Warp&, std::uint32_t mask);
  void join(Warp&, std::uint32_t mask);
  std::string stuck() const;

  static inline constinit thread_local Scheduler* here_ = nullptr;

  // Kept from launch to launch.
  std::deque<Thread> threads_;
  std::deque<Warp> warps_;
  std::deque<Block> block_pool_;
  Stacks stacks_;

  LaunchShape shape_;
  void (*body_)(void*) = nullptr;
  void* arguments_ = nullptr;
  std::vector<Block*> blocks_;  ///< of the cluster that runs
  std::vector<Thread*> ready_;
  Copies copies_;
  Fiber caller_;
  Thread* self_ = nullptr;
  std::exception_ptr failure_;
  bool unwinding_ = false;
  unsigned alive_ = 0;
  unsigned at_cluster_barrier_ = 0;
  Moment now_ = 1;
  Moment cluster_ordered_ = 0;  ///< 0: no barrier of the cluster yet
  unsigned until_switch_ = 1;
  unsigned eager_ = 0;  ///< of 256: how often who was released last runs next
  std::uint64_t seed_ = 0;
  std::uint64_t launches_ = 0;
  std::uint64_t random_state_ = 0;
  std::uint64_t drawn_ = 0;  ///< ahead, so that no switch waits for it
  std::uint64_t trace_ = 0;
  std::uint64_t switches_ = 0;
};

inline void Scheduler::suspend(Wait wait, const Where& where) {
  Thread& me = *self_;
  me.wait = wait;
  me.where = where;
  Thread& next = pick();
  if (&next == &me) return;
  resume(next);
  change(me.fiber, next.fiber);
  if (unwinding_) stop();
}

inline std::uint64_t Scheduler::warp_call(WarpCall call, std::uint32_t mask, std::uint64_t value,
                                          unsigned source, const Where& where) {
  Thread& me = *self_;
  me.call = call;
  me.mask = mask;
  me.value = value;
  me.source = source;
  Warp& warp = *me.warp;
  const std::uint32_t needed = 1u << me.lane | 1u << source;
  if ((mask & needed) != needed || (mask & warp.exited) != 0) [[unlikely]] {
    me.where = where;
    check_call(me);
  }
  warp.waiting |= 1u << me.lane;
  const bool last = (warp.waiting & mask) == mask;
  if (last) me.where = where, complete(warp, mask);
  suspend(last ? Wait::none : Wait::warp, where);
  return me.result;
}

}  // namespace shim
}  // namespace xent::cuda
