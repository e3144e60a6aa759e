// SPDX-License-Identifier: Apache-2.0
// Rows on several threads: every row once, exceptions, calls within calls, rounding.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "impl/control_bits.h"
#include "impl/row_threads.h"

namespace xent {
namespace {

using Pieces = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// In order of their first rows.
Pieces pieces_of(std::int64_t rows, int threads, std::int64_t grain = 1) {
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  std::mutex lock;
  for_rows(rows, threads, [&](std::int64_t first, std::int64_t last) {
    const std::lock_guard hold(lock);
    seen.emplace(first, last);
  }, grain);
  return {seen.begin(), seen.end()};
}

TEST(RowThreads, EveryRowIsInOnePieceThatBeginsOnAGrain) {
  for (const std::int64_t rows : {1, 2, 3, 7, 8, 9, 64, 1000}) {
    for (const int threads : {1, 2, 3, 5, 64}) {
      for (const std::int64_t grain : {1, 3, 8}) {
        std::int64_t next = 0;
        for (const auto& [first, last] : pieces_of(rows, threads, grain)) {
          EXPECT_EQ(first, next);
          EXPECT_EQ(first % grain, 0);
          EXPECT_LT(first, last);
          next = last;
        }
        EXPECT_EQ(next, rows) << threads << " threads, grain " << grain;
      }
    }
  }
}

TEST(RowThreads, AsManyPiecesAsThreadsOrGrains) {
  EXPECT_EQ(pieces_of(10, 1), (Pieces{{0, 10}}));
  EXPECT_EQ(pieces_of(10, 3), (Pieces{{0, 3}, {3, 6}, {6, 10}}));
  EXPECT_EQ(pieces_of(10, 3, 8), (Pieces{{0, 8}, {8, 10}}));
  EXPECT_EQ(pieces_of(2, 7), (Pieces{{0, 1}, {1, 2}}));
  EXPECT_EQ(pieces_of(0, 3), Pieces{});
}

TEST(RowThreads, PiecesRunOnThreadsOfTheirOwn) {
  // Each waits for the others: on fewer threads this would not end.
  std::atomic<int> there = 0;
  std::mutex lock;
  std::set<std::thread::id> ids;
  for_rows(4, 4, [&](std::int64_t, std::int64_t) {
    for (++there; there < 4;) std::this_thread::yield();
    const std::lock_guard hold(lock);
    ids.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(ids.size(), 4u);
  EXPECT_TRUE(ids.contains(std::this_thread::get_id()));
}

TEST(RowThreads, TheFirstExceptionComesThroughAfterEveryPieceHasEnded) {
  for (int i = 0; i < 100; ++i) {
    std::atomic<int> ended = 0;
    std::string what;
    try {
      for_rows(3, 3, [&](std::int64_t first, std::int64_t) {
        ++ended;
        if (first > 0) throw std::runtime_error("row " + std::to_string(first));
      });
    } catch (const std::runtime_error& e) {
      what = e.what();
    }
    EXPECT_EQ(what, "row 1");
    EXPECT_EQ(ended, 3);
  }
  EXPECT_EQ(pieces_of(3, 3).size(), 3u) << "the threads are still there";
}

TEST(RowThreads, ACallWithinACallDoesItsRowsItself) {
  std::atomic<std::int64_t> rows = 0;
  for_rows(4, 4, [&](std::int64_t first, std::int64_t last) {
    const std::thread::id outer = std::this_thread::get_id();
    for_rows(100 * (last - first), 4, [&](std::int64_t from, std::int64_t to) {
      EXPECT_EQ(std::this_thread::get_id(), outer);
      EXPECT_EQ(std::pair(from, to), std::pair(std::int64_t{0}, 100 * (last - first)));
      rows += to - from;
    });
  });
  EXPECT_EQ(rows, 400);
}

TEST(RowThreads, CallsFromSeveralThreadsAtOnce) {
  std::vector<std::jthread> callers;
  std::atomic<std::int64_t> total = 0;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&total, c] {
      for (int i = 0; i < 500; ++i) {
        std::vector<int> written(17, 0);
        for_rows(17, 2 + c, [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t r = first; r < last; ++r) ++written[static_cast<std::size_t>(r)];
        });
        for (const int w : written) total += w == 1 ? 1 : 1000000;
      }
    });
  }
  callers.clear();
  EXPECT_EQ(total, 4 * 500 * 17);
}

TEST(RowThreads, EveryPieceRoundsAsTheCallerDoes) {
  if (kFlushToZero == 0) GTEST_SKIP() << "this processor has no such bits";
  const std::uint32_t before = control_bits();
  for (const std::uint32_t bits : {before, before | kFlushToZero, before}) {
    set_control_bits(bits);
    std::atomic<int> same = 0;
    for_rows(4, 4, [&](std::int64_t, std::int64_t) { same += control_bits() == bits ? 1 : 0; });
    set_control_bits(before);
    EXPECT_EQ(same, 4);
  }
}

}  // namespace
}  // namespace xent
