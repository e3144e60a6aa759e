// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "oracle/reference.h"

namespace xent {

/// Results of pieces 0, 1, ..., merged in that order whatever order they arrive in.
template <class Result>
class InOrder {
 public:
  void put(std::int64_t piece, Result result) {
    const std::scoped_lock lock(mutex_);
    early_.emplace(piece, std::move(result));
    for (auto it = early_.begin(); it != early_.end() && it->first == next_; ++next_) {
      all_.merge(it->second);
      it = early_.erase(it);
    }
  }
  Result take() { return std::move(all_); }

 private:
  std::mutex mutex_;
  std::map<std::int64_t, Result> early_;
  std::int64_t next_ = 0;
  Result all_;
};

/// make()(piece) for all pieces, by at most so many threads, each with a function of its own from
/// make(); the results are merged in order. Rethrows what the first to throw threw.
template <class Result, class Make>
Result in_order(std::int64_t pieces, int threads, const Make& make) {
  InOrder<Result> results;
  std::atomic<std::int64_t> next{0};
  std::exception_ptr thrown;
  std::once_flag throwing;
  const auto work = [&] {
    try {
      auto judge = make();
      for (std::int64_t i = next++; i < pieces; i = next++) results.put(i, judge(i));
    } catch (...) {
      next = pieces;
      std::call_once(throwing, [&] { thrown = std::current_exception(); });
    }
  };
  const std::int64_t count = std::min<std::int64_t>(threads, pieces);
  if (count <= 1) {
    work();
  } else {
    std::vector<std::jthread> helpers;
    for (std::int64_t i = 0; i < count; ++i) {
      helpers.emplace_back([&] {
        work();
        release_thread_cache();
      });
    }
  }
  if (thrown) std::rethrow_exception(thrown);
  return results.take();
}

}  // namespace xent
