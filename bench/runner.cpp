// SPDX-License-Identifier: Apache-2.0
#include "bench/runner.h"

#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <unordered_map>

namespace xent {
namespace {

using Clock = std::chrono::steady_clock;

/// Text of a failed run, empty for a good one. Google Benchmark 1.8 renamed the fields.
const auto error_of = [](const auto& run) -> std::string {
  if constexpr (requires { run.error_occurred; }) {
    return run.error_occurred ? run.error_message : std::string();
  } else {
    return static_cast<int>(run.skipped) != 0 ? run.skip_message : std::string();
  }
};

/// Collects the time of each repetition and prints nothing.
class Collector : public benchmark::BenchmarkReporter {
 public:
  explicit Collector(const std::vector<TimedJob>& jobs) : times_(jobs.size()) {
    for (std::size_t i = 0; i < jobs.size(); ++i) index_[jobs[i].name] = i;
  }

  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      JobTimes& job = times_[index_.at(run.run_name.function_name)];
      const std::string error = error_of(run);
      if (!error.empty()) job.error = error;
      else job.seconds.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
    }
  }

  std::vector<JobTimes> take() {
    for (JobTimes& job : times_) {
      if (!job.error.empty()) job.seconds.clear();
    }
    return std::move(times_);
  }

 private:
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<JobTimes> times_;
};

void initialize(const RunnerOptions& options) {
  std::vector<std::string> words = {"xentcheck",
                                    "--benchmark_filter=all",
                                    "--benchmark_out=",
                                    "--benchmark_list_tests=false",
                                    "--benchmark_report_aggregates_only=false",
                                    "--benchmark_display_aggregates_only=false",
                                    "--benchmark_perf_counters=",
                                    "--benchmark_enable_random_interleaving=true",
                                    fmt::format("--benchmark_repetitions={}", options.repetitions),
                                    fmt::format("--benchmark_min_time={}", options.min_seconds)};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  auto argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  benchmark::Initialize(&argc, argv.data());
}

/// Times that a job has measured itself, asked for in batches of about 10 ms; calls of a
/// millisecond and more one by one, so that each has other data than the one before.
class Measured {
 public:
  explicit Measured(const TimedJob& job) : job_(job) {}

  double next() {
    if (at_ == ready_.size()) refill();
    return ready_[at_++];
  }

 private:
  void refill() {
    constexpr double kBatchSeconds = 0.01;
    constexpr double kLong = 0.001;
    constexpr double kMost = 256;
    // Not the last: who answers all but the first from memory is slow once in a batch.
    const double slowest =
        ready_.empty() ? kLong : std::max(*std::max_element(ready_.begin(), ready_.end()), 1e-9);
    const double calls = slowest < kLong ? kBatchSeconds / slowest : 1;
    ready_ = job_.times(static_cast<int>(std::clamp(calls, 1.0, kMost)));
    at_ = 0;
    if (ready_.empty()) throw std::runtime_error("no times came back");
  }

  const TimedJob& job_;
  std::vector<double> ready_;
  std::size_t at_ = 0;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class Call>
void warm_up(Call call) {
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < kWarmCalls && (i == 0 || seconds_since(start) < kWarmSeconds); ++i) call();
}

void time_elsewhere(benchmark::State& state, const TimedJob& job) {
  warm_up([&] { job.times(1); });
  Measured measured(job);
  for (auto iteration : state) {
    static_cast<void>(iteration);
    state.SetIterationTime(measured.next());
  }
}

void time_restored(benchmark::State& state, const TimedJob& job) {
  const auto once = [&] {
    job.before();
    const Clock::time_point start = Clock::now();
    job.run();
    return seconds_since(start);
  };
  warm_up(once);
  for (auto iteration : state) {
    static_cast<void>(iteration);
    state.SetIterationTime(once());
  }
}

void time_here(benchmark::State& state, const TimedJob& job) {
  warm_up(job.run);
  for (auto iteration : state) {
    static_cast<void>(iteration);
    job.run();
  }
}

void time_job(benchmark::State& state, const TimedJob& job, const RunnerOptions& options) {
  try {
    if (options.progress) options.progress(job.name);
    job.prepare();
    if (job.times) time_elsewhere(state, job);
    else if (job.before) time_restored(state, job);
    else time_here(state, job);
    if (job.after) job.after();
  } catch (const std::exception& e) {
    state.SkipWithError(*e.what() == '\0' ? "an exception without text" : e.what());
  }
}

}  // namespace

std::vector<JobTimes> time_jobs(const std::vector<TimedJob>& jobs, const RunnerOptions& options) {
  Collector collector(jobs);
  if (jobs.empty()) return collector.take();
  initialize(options);
  benchmark::ClearRegisteredBenchmarks();
  for (const TimedJob& job : jobs) {
    benchmark::internal::Benchmark* const one =
        benchmark::RegisterBenchmark(job.name.c_str(), [&job, &options](benchmark::State& state) {
          time_job(state, job, options);
        });
    if (job.times || job.before) one->UseManualTime();
    else one->UseRealTime();
  }
  benchmark::RunSpecifiedBenchmarks(&collector);
  benchmark::ClearRegisteredBenchmarks();
  return collector.take();
}

}  // namespace xent
