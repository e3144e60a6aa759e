// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace xent {

/// Something to be timed: `prepare` before each repetition, then `run` many times.
struct TimedJob {
  std::string name;  ///< unique within a run
  std::function<void()> prepare;
  std::function<void()> run;
  /// Instead of `run`, where the work is done and timed elsewhere: the seconds of each of so many
  /// calls.
  std::function<std::vector<double>(int calls)> times = {};
  /// Before each call of `run`, while the clock stands; may be empty.
  std::function<void()> before = {};
  std::function<void()> after = {};  ///< after each repetition; may be empty
};

struct JobTimes {
  std::vector<double> seconds;  ///< of one call of `run`: the mean of each repetition
  std::string error;            ///< text of an exception; then there are no times
};

struct RunnerOptions {
  double min_seconds = 0.05;  ///< of one repetition
  int repetitions = 7;
  std::function<void(const std::string&)> progress;  ///< gets a job's name; may be empty
};

/// Calls before the clock of a repetition starts: so many, or as many as that time holds, but one.
inline constexpr int kWarmCalls = 4;
inline constexpr double kWarmSeconds = 0.05;

/// Times the jobs with Google Benchmark, repetitions interleaved at random, wall clock, each warmed
/// up before. The caller's environment (BENCHMARK_*) is overruled. Google
/// Benchmark is one global: not thread-safe.
std::vector<JobTimes> time_jobs(const std::vector<TimedJob>&, const RunnerOptions&);

}  // namespace xent
