// SPDX-License-Identifier: Apache-2.0
#include "bench/limits/team.h"

namespace xent::limits {
namespace {

/// Looks so often, giving way to others each time, before a thread sleeps.
constexpr int kLooks = 500;

}  // namespace

Team::Team(int threads) {
  for (int i = 1; i < threads; ++i) others_.emplace_back([this, i] { follow(i); });
}

Team::~Team() {
  stop_ = true;
  ++round_;
  round_.notify_all();
  for (std::thread& t : others_) t.join();
}

void Team::follow(int member) {
  for (std::uint64_t seen = 0;; ++seen) {
    for (int i = 0; i < kLooks && round_ == seen; ++i) std::this_thread::yield();
    round_.wait(seen);
    if (stop_) return;
    (*work_)(member);
    --busy_;
  }
}

void Team::run(const std::function<void(int)>& work) {
  work_ = &work;
  busy_ = static_cast<int>(others_.size());
  ++round_;
  round_.notify_all();
  work(0);
  while (busy_ > 0) std::this_thread::yield();
}

}  // namespace xent::limits
