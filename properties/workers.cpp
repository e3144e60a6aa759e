// SPDX-License-Identifier: Apache-2.0
#include "properties/workers.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "oracle/judge.h"

namespace xent {

void share_work(int jobs, std::size_t count, const std::function<void(std::size_t)>& one) {
  const auto most = static_cast<int>(std::min<std::size_t>(count, static_cast<std::size_t>(jobs)));
  std::atomic<std::size_t> next{0};
  std::atomic<int> working{std::max(1, most)};
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) one(i);
    if (const int left = --working; left > 0) set_judge_threads(jobs / left);
  };
  set_judge_threads(jobs / working);
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < most; ++i) {
      others.emplace_back([&work] {
        work();
        release_thread_cache();
      });
    }
    work();
  }
  set_judge_threads(1);
}

}  // namespace xent
