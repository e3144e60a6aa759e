// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "impl/cuda/host_shim/order.h"

namespace xent::cuda::shim {

class SharedArray;

/// Elements of shared memory.
struct SharedRange {
  SharedArray* array = nullptr;
  std::ptrdiff_t at = 0;  ///< bytes
  std::size_t item = 1;   ///< bytes of an element
  std::size_t bytes = 0;
};

/// The copies of a cluster from global to shared memory. Each arrives when it likes and reads its
/// source then; until somebody has waited for it, nobody may touch where it goes to. What CUDA
/// calls an mbarrier is named here by where it lies.
class Copies {
 public:
  void start_cluster();

  void init(const SharedRange& barrier, unsigned arrivals);
  /// Arrives, and lets the phase wait for `bytes` of copies besides.
  void arrive(const SharedRange& barrier, std::size_t bytes);
  /// Whether the phase of that parity is complete; the thread that runs may then rely on what was
  /// done before. If not, it is released when it may ask again.
  bool is_complete(const SharedRange& barrier, unsigned parity);

  /// Part of a phase of `barrier`; a multiple of 16 bytes.
  void start(const SharedRange& to, const void* from, const SharedRange& barrier);
  /// Part of the running thread's next group; 4, 8 or 16 bytes.
  void start(const SharedRange& to, const void* from);
  void commit_group();
  /// Waits for all groups of the thread that runs but the last `pending`.
  void wait_groups(std::uint64_t pending);

  bool in_flight() const { return flying_ > 0; }
  /// Or arrived, but not waited for.
  bool pending_in(const Block&) const;
  void land_one();

 private:
  struct Barrier {
    SharedRange place;
    unsigned arrivals = 0;  ///< a phase
    unsigned missing = 0;
    std::ptrdiff_t bytes = 0;  ///< announced and not landed
    std::uint64_t phase = 0;   ///< complete ones
    Knowledge gathered;        ///< of those who arrived
    Knowledge known;           ///< as of the last complete phase
    std::vector<Thread*> waiters;
  };
  struct Copy {
    SharedRange to;
    const std::byte* from = nullptr;
    Access by = 0;  ///< as which it is noted while it is in flight
    bool landed = false;
    Thread* owner = nullptr;  ///< who waits for its group; null: part of a barrier's phase
    std::uint64_t group = 0;
    std::size_t barrier = 0;
  };
  std::size_t find(const SharedRange& barrier);
  void add(Copy);
  void land(Copy&);
  void finish(const Copy&, unsigned by);
  void complete_if_done(std::size_t barrier);

  std::deque<Barrier> barriers_;
  std::vector<Copy> copies_;  ///< that nobody has waited for
  std::size_t flying_ = 0;    ///< of them, those that have not landed
};

}  // namespace xent::cuda::shim
