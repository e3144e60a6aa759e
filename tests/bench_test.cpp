// SPDX-License-Identifier: Apache-2.0
#include "bench/bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>

#include "bench/limits/bandwidth.h"
#include "bench/runner.h"
#include "bench/statistics.h"
#include "oracle/reference.h"

namespace xent {
namespace {

/// Calls seen by a fake kernel.
struct Calls {
  int binds = 0;
  int resets = 0;
  int launches = 0;
  int waits = 0;
};

class FakeInvocation : public Invocation {
 public:
  FakeInvocation(Calls* calls, bool raises) : calls_(calls), raises_(raises) {}
  void reset() override { ++calls_->resets; }
  void launch() override {
    ++calls_->launches;
    if (raises_) throw std::runtime_error("launch refused");
  }
  void wait() override { ++calls_->waits; }
  Output output() const override { return {}; }
  Faults faults() const override { return {}; }

 private:
  Calls* calls_;
  bool raises_;
};

Kernel fake(std::string name, Calls* calls, bool raises = false) {
  Kernel kernel;
  kernel.name = std::move(name);
  kernel.supports = [](const Problem& p) {
    return p.v > 1000 ? Support::no("v above 1000") : Support::yes();
  };
  kernel.budget = ErrorBudget::standard;
  kernel.bind = [calls, raises](const TestCase& c, const BindOptions&) {
    ++calls->binds;
    EXPECT_NO_THROW(validate(c));
    return std::make_unique<FakeInvocation>(calls, raises);
  };
  return kernel;
}

BenchOptions quick(std::vector<Problem> problems) {
  BenchOptions options;
  options.problems = std::move(problems);
  options.min_seconds = 1e-6;
  options.repetitions = 3;
  return options;
}

Verdict passes(const Kernel&, const Problem&) { return Verdict::pass; }

TEST(MinimumBytes, CountsEachInputAndOutputOnce) {
  const auto bytes = [](const char* text) { return minimum_bytes(parse_problem(text)); };
  // logits + labels + losses
  EXPECT_EQ(bytes("op=ce n=10 v=100 dtype=f32 dir=fwd"), 10 * 100 * 4 + 10 * 8 + 10 * 4);
  EXPECT_EQ(bytes("op=ce n=10 v=100 dtype=f64 dir=fwd reduction=mean"),
            10 * 100 * 8 + 10 * 8 + 8);
  // logits + labels + upstream + gradient
  EXPECT_EQ(bytes("op=ce n=10 v=100 dtype=f32 dir=bwd upstream=row"),
            2 * 10 * 100 * 4 + 10 * 8 + 10 * 4);
  EXPECT_EQ(bytes("op=ce n=10 v=100 dtype=f32 dir=fwdbwd"),
            2 * 10 * 100 * 4 + 10 * 8 + 10 * 4);
  // The gradient in the output's type.
  EXPECT_EQ(bytes("op=ce n=10 v=100 dtype=bf16 out=f32 dir=bwd"), 10 * 100 * (2 + 4) + 10 * 8);
  EXPECT_EQ(bytes("op=kl targets=prob n=2 v=8 dtype=f32 dir=fwd"), 2 * 2 * 8 * 4 + 2 * 4);
  EXPECT_EQ(bytes("op=entropy n=2 v=8 dtype=f32 dir=fwd"), 2 * 8 * 4 + 2 * 4);
  EXPECT_EQ(bytes("op=lse n=2 v=8 dtype=f32 dir=fwd"), 2 * 8 * 4 + 2 * 4);
}

TEST(Statistics, QuantilesAreLinearBetweenSamples) {
  EXPECT_EQ(quantile({3}, 0.25), 3);
  EXPECT_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_EQ(quantile({5, 1, 2, 3, 4}, 0.25), 2);
  EXPECT_EQ(quantile({5, 1, 2, 3, 4}, 1), 5);
}

TEST(Limits, EveryPatternTouchesEveryWord) {
  for (const std::size_t bytes : {64U, 128U, 4096U, 100000U, 1U << 20}) {
    limits::Buffer buffer(bytes);
    EXPECT_GE(buffer.bytes(), bytes);
    EXPECT_LT(buffer.bytes(), bytes + 64);
    std::iota(buffer.words().begin(), buffer.words().end(), 1);
    const std::vector<std::uint64_t> before(buffer.words().begin(), buffer.words().end());
    const std::uint64_t sum = std::accumulate(before.begin(), before.end(), std::uint64_t{0});
    for (const limits::Pattern& pattern : limits::patterns()) {
      const std::uint64_t got = pattern.pass(buffer.words());
      EXPECT_EQ(got, pattern.name == limits::kRead ? sum : before[0]) << pattern.streams;
      EXPECT_TRUE(std::equal(before.begin(), before.end(), buffer.words().begin()));
      EXPECT_EQ(pattern.traffic, pattern.name == limits::kRead ? 1 : 2);
    }
  }
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

TEST(Bench, TimesEveryPassingKernelBesideItsLimit) {
  Calls a;
  Calls b;
  const std::vector<Problem> problems =
      parse_problems("op=ce n=4 v=10,20 dtype=f32 dir=fwd,fwdbwd");
  const BenchResult result =
      bench({fake("test/a", &a), fake("test/b", &b)}, passes, quick(problems));
  EXPECT_TRUE(result.notes.empty());
  ASSERT_EQ(result.timings.size(), 8U);
  std::set<std::pair<std::string, std::string>> pairs;
  for (const Timing& t : result.timings) {
    const Problem p = parse_problem(t.problem);
    pairs.insert({t.kernel, t.problem});
    EXPECT_EQ(t.verdict, Verdict::pass);
    EXPECT_EQ(t.samples, 3);
    EXPECT_LE(t.low, t.median);
    EXPECT_LE(t.median, t.high);
    EXPECT_EQ(t.minimum_bytes, minimum_bytes(p));
    EXPECT_EQ(t.bytes_per_second, t.minimum_bytes / t.median);
    EXPECT_EQ(t.logits_per_second, static_cast<double>(p.n * p.v) / t.median);
    EXPECT_EQ(t.limit, p.wants_grad() ? limits::kReadWrite : limits::kRead);
    EXPECT_GT(t.limit_bytes_per_second, 0);
  }
  EXPECT_EQ(pairs.size(), 8U);
  EXPECT_EQ(result.limits.size(), 4U);
  for (const Limit& limit : result.limits) EXPECT_EQ(limit.samples, 3);
  EXPECT_EQ(a.binds, 4);
  EXPECT_GE(a.resets, 4 * 3);
  EXPECT_EQ(a.launches, a.waits);
  EXPECT_EQ(b.binds, 4);
}

/// A kernel from elsewhere, which is right in its first `right` calls of any invocation, but never
/// before it was called.
class ElsewhereInvocation : public Invocation {
 public:
  ElsewhereInvocation(TestCase c, int right) : case_(std::move(c)), right_(right) {}
  void reset() override {}
  void launch() override {}
  Output output() const override {
    Output out;
    out.loss = Tensor(case_.problem.output_dtype(), {case_.problem.loss_size()});
    Reference exact(case_);
    for (std::int64_t i = 0; i < out.loss.size(); ++i) {
      const Enclosure e = exact.loss(i);
      out.loss.set(i, calls_ > 0 && calls_ <= right_ ? e.hi : 0);
    }
    return out;
  }
  Faults faults() const override { return {}; }
  std::vector<double> time(int calls) override {
    calls_ += calls;
    return std::vector<double>(static_cast<std::size_t>(calls), 1e-3);
  }

 private:
  TestCase case_;
  int right_;
  int calls_ = 0;
};

Kernel elsewhere(std::string name, int right, std::set<std::uint64_t>* seeds) {
  Calls unused;
  Kernel kernel = fake(std::move(name), &unused);
  kernel.origin = "libx.so";
  kernel.bind = [=](const TestCase& c, const BindOptions& o) {
    EXPECT_TRUE(o.timed);
    if (seeds != nullptr) seeds->insert(c.recipe.seed);
    return std::make_unique<ElsewhereInvocation>(c, right);
  };
  return kernel;
}

TEST(Bench, StrangersTellTheirTimesAndAreJudgedOnThem) {
  const std::vector<Problem> problems = parse_problems("op=ce n=4 v=10 dtype=f32 dir=fwd");
  std::set<std::uint64_t> seeds;
  const BenchResult result = bench(
      {elsewhere("x/right", 1 << 30, &seeds), elsewhere("x/at-first", 2, nullptr)}, passes,
      quick(problems));
  EXPECT_EQ(seeds.size(), 3U) << "the same data each time";
  ASSERT_EQ(result.timings.size(), 1U) << (result.notes.empty() ? "" : result.notes.back());
  EXPECT_EQ(result.timings[0].kernel, "x/right");
  EXPECT_NEAR(result.timings[0].median, 1e-3, 1e-9);
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_TRUE(result.notes[0].starts_with(
      "x/at-first: not timed on 1 problem: what it wrote while the clock ran is wrong: loss["))
      << result.notes[0];
  ASSERT_EQ(result.wrong.size(), 1U);
  EXPECT_EQ(result.wrong[0].kernel, "x/at-first");
  EXPECT_EQ(result.wrong[0].problem, to_text(problems[0]));
}

TEST(Bench, StrangersThatAreShownAlthoughWrongAreMarked) {
  Kernel peer = elsewhere("x/peer", 2, nullptr), asked = elsewhere("x/asked", 2, nullptr);
  peer.role = Role::peer;
  BenchOptions options = quick(parse_problems("op=ce n=4 v=10 dtype=f32 dir=fwd"));
  const BenchResult one = bench({peer}, passes, options);
  options.include_failing = true;
  const BenchResult other = bench({asked}, passes, options);
  for (const BenchResult* r : {&one, &other}) {
    EXPECT_TRUE(r->notes.empty()) << "shown, hence not left out";
    ASSERT_EQ(r->timings.size(), 1U);
    EXPECT_EQ(r->timings[0].verdict, Verdict::fail);
    EXPECT_EQ(r->wrong.size(), 1U);
  }
}

/// Too few calls to meet each case by chance.
TEST(Bench, StrangersAreJudgedOnWhatTheyWereAsked) {
  BenchOptions options = quick(parse_problems("op=ce n=4 v=10 dtype=f32 dir=fwd"));
  options.repetitions = 1;
  for (options.seed = 0; options.seed < 20; ++options.seed) {
    const BenchResult result = bench({elsewhere("x/right", 1 << 30, nullptr)}, passes, options);
    EXPECT_EQ(result.timings.size(), 1U) << result.notes.back();
    EXPECT_TRUE(result.wrong.empty());
  }
}

/// Calls in their order: the seed of the data, and how many with it at once.
using Asked = std::vector<std::pair<std::uint64_t, int>>;

/// Remembers the last answer: quick where the data are those of the call before.
class RememberingInvocation : public FakeInvocation {
 public:
  RememberingInvocation(Calls* calls, Asked* asked, std::uint64_t seed, double seconds)
      : FakeInvocation(calls, false), asked_(asked), seed_(seed), seconds_(seconds) {}
  std::vector<double> time(int calls) override {
    std::vector<double> all(static_cast<std::size_t>(calls), 1e-7);
    if (asked_->empty() || asked_->back().first != seed_) all[0] = seconds_;
    asked_->push_back({seed_, calls});
    return all;
  }

 private:
  Asked* asked_;
  std::uint64_t seed_;
  double seconds_;
};

TEST(Bench, LongCallsOfStrangersEachGetOtherDataThanTheOneBefore) {
  Calls calls;
  Asked asked;
  Kernel kernel = fake("x/remembers", &calls);
  kernel.origin = "libx.so";
  kernel.bind = [&](const TestCase& c, const BindOptions&) {
    return std::make_unique<RememberingInvocation>(&calls, &asked, c.recipe.seed, 0.005);
  };
  BenchOptions options = quick(parse_problems("op=ce n=4 v=10 dtype=f32 dir=fwd"));
  options.min_seconds = 0.1;
  const BenchResult result = bench({kernel}, passes, options);
  ASSERT_EQ(result.timings.size(), 1U);
  EXPECT_NEAR(result.timings[0].median, 0.005, 1e-9);
  std::set<std::uint64_t> seeds;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    seeds.insert(asked[i].first);
    EXPECT_EQ(asked[i].second, 1);
    if (i > 0) {
      EXPECT_NE(asked[i].first, asked[i - 1].first);
    }
  }
  EXPECT_EQ(seeds.size(), 3U);
  EXPECT_GE(asked.size(), 3U * 20U);
}

TEST(Bench, FailingKernelsAreNotTimedUnlessAskedAndThenMarked) {
  Calls good;
  Calls bad;
  const std::vector<Kernel> kernels = {fake("test/good", &good), fake("test/bad", &bad)};
  const VerdictOf verdict = [](const Kernel& k, const Problem&) {
    return k.name == "test/bad" ? Verdict::fail : Verdict::pass;
  };
  BenchOptions options = quick({parse_problem("op=ce n=4 v=10 dtype=f32 dir=fwd")});
  const BenchResult without = bench(kernels, verdict, options);
  ASSERT_EQ(without.timings.size(), 1U);
  EXPECT_EQ(without.timings[0].kernel, "test/good");
  EXPECT_EQ(bad.binds + bad.launches, 0);
  ASSERT_EQ(without.notes.size(), 1U);
  EXPECT_NE(without.notes[0].find("test/bad"), std::string::npos);
  EXPECT_NE(without.notes[0].find("fails"), std::string::npos);

  options.include_failing = true;
  const BenchResult with = bench(kernels, verdict, options);
  ASSERT_EQ(with.timings.size(), 2U);
  EXPECT_EQ(with.timings[1].kernel, "test/bad");
  EXPECT_EQ(with.timings[1].verdict, Verdict::fail);
}

TEST(Bench, WithoutAVerdictThereIsNoTime) {
  Calls calls;
  for (const Verdict verdict : {Verdict::skip, Verdict::inconclusive, Verdict::error}) {
    BenchOptions options = quick({parse_problem("op=ce n=4 v=10 dtype=f32 dir=fwd")});
    options.include_failing = true;
    const BenchResult result =
        bench({fake("test/a", &calls)}, [&](const Kernel&, const Problem&) { return verdict; },
              options);
    EXPECT_TRUE(result.timings.empty());
    EXPECT_TRUE(result.limits.empty());
    ASSERT_EQ(result.notes.size(), 1U);
    EXPECT_NE(result.notes[0].find(name(verdict)), std::string::npos);
  }
  EXPECT_EQ(calls.binds, 0);
}

TEST(Bench, UnsupportedProblemsAndExceptionsBecomeNotes) {
  Calls calls;
  const BenchResult unsupported =
      bench({fake("test/a", &calls)}, passes,
            quick(parse_problems("op=ce n=4 v=1001,1002 dtype=f32 dir=fwd")));
  EXPECT_TRUE(unsupported.timings.empty());
  EXPECT_EQ(unsupported.notes,
            std::vector<std::string>{"test/a: not timed on 2 problems: v above 1000"});
  const BenchResult raised = bench({fake("test/a", &calls, true)}, passes,
                                   quick({parse_problem("op=ce n=4 v=10 dtype=f32 dir=fwd")}));
  EXPECT_TRUE(raised.timings.empty());
  EXPECT_EQ(raised.notes,
            std::vector<std::string>{"test/a: not timed on 1 problem: it raised: launch refused"});
}

TEST(Bench, ProbabilityOperationsGetDistributions) {
  Calls calls;
  const BenchResult result =
      bench({fake("test/a", &calls)}, passes,
            quick({parse_problem("op=kl targets=prob n=4 v=10 dtype=f64 dir=fwd")}));
  EXPECT_EQ(result.timings.size(), 1U);
}

}  // namespace
}  // namespace xent
