// SPDX-License-Identifier: Apache-2.0
#include "impl/row_threads.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "impl/control_bits.h"

namespace xent {
namespace {

constexpr std::int64_t kMost = 256;

/// Rows in pieces of whole grains, as equal as they can be.
struct Split {
  std::int64_t rows;
  std::int64_t grain;
  std::int64_t pieces;

  Split(std::int64_t n, std::int64_t g, int threads)
      : rows(n),
        grain(std::max<std::int64_t>(g, 1)),
        pieces(std::clamp<std::int64_t>(threads, 1, std::min<std::int64_t>(grains(), kMost))) {}
  std::int64_t grains() const { return (rows + grain - 1) / grain; }
  std::int64_t begin(std::int64_t piece) const {
    return std::min(rows, grains() * piece / pieces * grain);
  }
};

/// The process's threads. One call at a time has them.
class Pool {
 public:
  Pool() { workers_.reserve(kMost); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    job_ = nullptr;
    for (const auto& worker : workers_) worker->wake();
  }

  bool take() { return !taken_.test_and_set(std::memory_order_acquire); }
  void give_back() { taken_.clear(std::memory_order_release); }

  /// piece(k) for k < pieces, piece 0 on this thread. Fewer threads than pieces share them.
  template <class Piece>
  void run(std::int64_t pieces, Piece piece) {
    const std::int64_t helpers = grow(pieces - 1);
    const std::uint32_t bits = control_bits();
    const Job job = [&](std::int64_t thread) {
      set_control_bits(bits);
      for (std::int64_t k = thread; k < pieces; k += helpers + 1) piece(k);
    };
    job_ = &job;
    working_.store(helpers, std::memory_order_relaxed);
    for (std::int64_t i = 0; i < helpers; ++i) workers_[static_cast<std::size_t>(i)]->wake();
    job(0);
    for (std::int64_t left; (left = working_.load(std::memory_order_acquire)) != 0;) {
      working_.wait(left, std::memory_order_acquire);
    }
  }

 private:
  using Job = std::function<void(std::int64_t thread)>;

  struct Worker {
    std::atomic<std::uint32_t> calls = 0;
    std::jthread thread;
    void wake() {
      calls.fetch_add(1, std::memory_order_release);
      calls.notify_one();
    }
  };

  /// At least `wanted` workers if the system has them; how many to use.
  std::int64_t grow(std::int64_t wanted) {
    while (static_cast<std::int64_t>(workers_.size()) < wanted) {
      const auto number = static_cast<std::int64_t>(workers_.size()) + 1;
      auto worker = std::make_unique<Worker>();
      try {
        worker->thread = std::jthread([this, &calls = worker->calls, number] {
          work(calls, number);
        });
      } catch (const std::system_error&) {
        break;
      }
      workers_.push_back(std::move(worker));
    }
    return std::min(wanted, static_cast<std::int64_t>(workers_.size()));
  }

  void work(std::atomic<std::uint32_t>& calls, std::int64_t number) {
    for (std::uint32_t seen = 0;; ++seen) {
      calls.wait(seen, std::memory_order_acquire);
      if (job_ == nullptr) return;
      (*job_)(number);
      if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) working_.notify_one();
    }
  }

  std::atomic_flag taken_;
  const Job* job_ = nullptr;
  std::atomic<std::int64_t> working_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

Pool& pool() {
  static Pool all;
  return all;
}

/// Every piece to its end, then the first exception. Gives the threads back.
void run_pieces(Pool& threads, const Split& split, const RowPieces& rows) {
  const std::unique_ptr<Pool, void (*)(Pool*)> taken(&threads, [](Pool* p) { p->give_back(); });
  std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(split.pieces));
  threads.run(split.pieces, [&](std::int64_t k) {
    try {
      rows.call(rows.body, split.begin(k), split.begin(k + 1));
    } catch (...) {
      thrown[static_cast<std::size_t>(k)] = std::current_exception();
    }
  });
  for (const std::exception_ptr& e : thrown) {
    if (e) std::rethrow_exception(e);
  }
}

}  // namespace

void for_rows(std::int64_t rows, int threads, std::int64_t grain, RowPieces pieces) {
  if (rows <= 0) return;
  const Split split(rows, grain, threads);
  if (split.pieces == 1 || !pool().take()) return pieces.call(pieces.body, 0, rows);
  run_pieces(pool(), split, pieces);
}

}  // namespace xent
