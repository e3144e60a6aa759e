// SPDX-License-Identifier: Apache-2.0
#include "bench/runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/statistics.h"

namespace xent {
namespace {

TEST(Statistics, QuantilesAreLinearBetweenSamples) {
  EXPECT_EQ(quantile({3}, 0.25), 3);
  EXPECT_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_EQ(quantile({5, 1, 2, 3, 4}, 0.25), 2);
  EXPECT_EQ(quantile({5, 1, 2, 3, 4}, 1), 5);
}

TEST(Runner, TimesComeBackToTheirJobs) {
  int prepared = 0;
  int slow_runs = 0;
  volatile double sink = 0;
  const auto work = [&sink](int n) {
    return [&sink, n] {
      for (int i = 0; i < n; ++i) sink = sink + 1;
    };
  };
  std::set<std::string> seen;
  RunnerOptions options{1e-6, 5, [&](const std::string& name) { seen.insert(name); }};
  const std::vector<JobTimes> times =
      time_jobs({{"scalar/a/b on op=ce n=1", [&] { ++prepared; }, work(10)},
                 {"raises", [] {}, [] { throw std::runtime_error("broken"); }},
                 {"slow", [] {},
                  [&] {
                    ++slow_runs;
                    work(1000)();
                  }}},
                options);
  ASSERT_EQ(times.size(), 3U);
  EXPECT_EQ(times[0].seconds.size(), 5U);
  EXPECT_TRUE(times[1].seconds.empty());
  EXPECT_EQ(times[1].error, "broken");
  EXPECT_EQ(times[2].seconds.size(), 5U);
  for (const double t : times[2].seconds) EXPECT_GT(t, 0);
  EXPECT_GE(prepared, 5);
  // One warm call and at least one timed call for each repetition.
  EXPECT_GE(slow_runs, 10);
  EXPECT_EQ(seen, (std::set<std::string>{"scalar/a/b on op=ce n=1", "raises", "slow"}));
}

/// Calls that must come in pairs.
struct Pairs {
  int before = 0, run = 0, wrong = 0;
};

TEST(Runner, WhatComesBeforeACallIsDoneBeforeEachAndNotTimed) {
  Pairs seen;
  TimedJob job{"restored", [] {}, [&] { seen.wrong += ++seen.run != seen.before ? 1 : 0; }};
  job.before = [&] {
    ++seen.before;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  const std::vector<JobTimes> times = time_jobs({job}, {1e-9, 3, {}});
  ASSERT_EQ(times.size(), 1U);
  EXPECT_EQ(times[0].seconds.size(), 3U);
  // What is waited for would show in each of them; another process may take the time of one.
  EXPECT_LT(*std::min_element(times[0].seconds.begin(), times[0].seconds.end()), 1e-3);
  EXPECT_GE(seen.run, 3 * (kWarmCalls + 1));
  EXPECT_EQ(seen.wrong, 0);
}

}  // namespace
}  // namespace xent
