// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "impl/cuda/host_shim/shared.h"

// Copies from global to shared memory that go on beside the threads, as kernels call them. The
// barrier is PTX's mbarrier: XENT_SHARED(CopyBarrier, full, 2), used as `full + i`.
namespace xent::cuda {

struct CopyBarrier {
  std::uint64_t state;
};

namespace shim {

template <class T>
SharedRange range(const SharedPointer<T>& p, std::size_t bytes = sizeof(T)) {
  return {&p.array(), p.at(), sizeof(T), bytes};
}

}  // namespace shim

/// By one thread; a barrier of the block (or cluster) must follow before others use it.
inline void barrier_init(const SharedPointer<CopyBarrier>& b, unsigned arrivals) {
  shim::Scheduler::here().copies().init(shim::range(b), arrivals);
}
inline void barrier_arrive(const SharedPointer<CopyBarrier>& b) {
  shim::Scheduler::here().copies().arrive(shim::range(b), 0);
}
/// Arrives, and lets the phase wait for `bytes` of copies besides.
inline void barrier_expect(const SharedPointer<CopyBarrier>& b, std::size_t bytes) {
  shim::Scheduler::here().copies().arrive(shim::range(b), bytes);
}
/// Until the phase is complete whose number has this parity: 0 for the first.
inline void barrier_wait(const SharedPointer<CopyBarrier>& b, unsigned parity,
                         const shim::Where& where = shim::Where::current()) {
  shim::Scheduler& s = shim::Scheduler::here();
  while (!s.copies().is_complete(shim::range(b), parity)) s.suspend(shim::Wait::copies, where);
}

/// PTX's cp.async.bulk: by one thread, completes on the barrier; multiples of 16 bytes.
template <class T>
void copy_bulk(const SharedPointer<T>& to, const T* from, std::size_t bytes,
               const SharedPointer<CopyBarrier>& b) {
  shim::Scheduler::here().copies().start(shim::range(to, bytes), from, shim::range(b));
}

/// PTX's cp.async: one element, of 4, 8 or 16 bytes, that the calling thread alone waits for.
template <class T>
void copy_async(const SharedPointer<T>& to, const T* from) {
  shim::Scheduler::here().copies().start(shim::range(to), from);
}
inline void copy_commit() { shim::Scheduler::here().copies().commit_group(); }
/// All of the thread's committed groups but the last `pending`.
template <int pending>
void copy_wait() {
  shim::Scheduler::here().copies().wait_groups(pending);
}

}  // namespace xent::cuda
