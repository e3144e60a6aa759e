// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <thread>
#include <vector>

namespace xent::limits {

/// Threads that stay: work reaches them in about a microsecond while they are busy, and they sleep
/// once nothing has come for a while.
class Team {
 public:
  explicit Team(int threads);  ///< the caller's is one of them; less than 1 is 1
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(others_.size()) + 1; }
  /// work(i) for each i below size(), at once; comes back when all are done. Must not throw.
  void run(const std::function<void(int)>& work);

 private:
  void follow(int member);

  const std::function<void(int)>* work_ = nullptr;
  std::atomic<std::uint64_t> round_ = 0;
  std::atomic<int> busy_ = 0;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> others_;
};

/// Part `member` of `members` of the words: whole pages, but for the last one.
template <class T>
std::span<T> part_of(std::span<T> words, int member, int members) {
  constexpr std::size_t kPage = 4096 / sizeof(T);
  const std::size_t pages = words.size() / kPage;
  const auto at = [&](int i) {
    if (i == members) return words.size();
    return pages * static_cast<std::size_t>(i) / static_cast<std::size_t>(members) * kPage;
  };
  return words.subspan(at(member), at(member + 1) - at(member));
}

}  // namespace xent::limits
