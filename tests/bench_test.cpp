// SPDX-License-Identifier: Apache-2.0
#include "bench/bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include "bench/limits/bandwidth.h"
#include "bench/stranger.h"
#include "oracle/reference.h"
#include "properties/domain.h"

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

TEST(Bench, TimesEveryPassingKernelBesideItsLimit) {
  Calls a;
  Calls b;
  const std::vector<Problem> problems =
      parse_problems("op=ce n=4 v=10,900 dtype=f32 dir=fwd,fwdbwd");
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
    EXPECT_EQ(t.limit, p.wants_grad() ? limits::kCopy : limits::kRead);
    EXPECT_EQ(t.placement, p.wants_grad() ? "out of place" : "");
    EXPECT_EQ(t.cache, "warm");
    EXPECT_EQ(t.threads, 1);
    EXPECT_EQ(t.arithmetic_seconds, 0) << "nothing was declared";
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

/// In place: what the kernel finds where its gradient goes, and what it leaves there.
struct InPlace {
  int calls = 0;
  int spoilt = 0;  ///< calls that found anything but the logits
  int threads = 0;
};

Kernel direct(const char* name, InPlace* seen) {
  Calls unused;
  Kernel kernel = fake(name, &unused);
  kernel.bind = {};  // not called
  kernel.promises.in_place = true;
  kernel.direct.takes = [](const Problem&) { return true; };
  kernel.uops_per_vector = [](const Problem&, bool in_place) {
    return VectorWork{in_place ? 18.0 : 10.0, 16};
  };
  kernel.path = [](const Problem&) { return "the only one"; };
  kernel.direct.call = [seen](const Problem& p, const CallMemory& m, int threads) {
    seen->threads = threads;
    if (m.input != m.grad) return;
    const auto size = static_cast<std::size_t>(p.n * p.v);
    const TestCase c = make_case(p, "gaussian", 0);
    const float* const logits = static_cast<const float*>(m.input);
    ++seen->calls;
    if (!std::equal(logits, logits + size, c.input.as<float>().begin())) ++seen->spoilt;
    std::fill_n(static_cast<float*>(m.grad), size, 1.0F);
  };
  return kernel;
}

TEST(Bench, GradientsInPlaceFindTheLogitsInEachCall) {
  InPlace seen;
  BenchOptions options = quick(parse_problems("op=ce n=4 v=10 dtype=f32 dir=fwd,fwdbwd"));
  options.in_place = true;
  options.threads = 2;
  const BenchResult result = bench({direct("test/direct", &seen)}, passes, options);
  ASSERT_EQ(result.timings.size(), 3U) << (result.notes.empty() ? "" : result.notes[0]);
  EXPECT_EQ(result.timings[0].limit, limits::kRead);
  EXPECT_EQ(result.timings[1].limit, limits::kCopy);
  EXPECT_EQ(result.timings[2].limit, limits::kReadWrite);
  EXPECT_EQ(result.timings[1].placement, "out of place");
  EXPECT_EQ(result.timings[2].placement, "in place");
  EXPECT_GT(seen.calls, 3);
  EXPECT_EQ(seen.spoilt, 0);
  EXPECT_EQ(seen.threads, 2);
  for (const Timing& t : result.timings) {
    EXPECT_EQ(t.threads, 2);
    EXPECT_EQ(t.path, "the only one");
    EXPECT_GT(t.arithmetic_seconds, 0);
  }
  // The same rate, other counts.
  const double ratio =
      result.timings[2].arithmetic_seconds / result.timings[1].arithmetic_seconds;
  EXPECT_NEAR(ratio, 1.8, 1e-9);
  std::set<std::string> names;
  for (const Limit& limit : result.limits) names.insert(limit.name);
  EXPECT_EQ(names, (std::set<std::string>{"read", "copy", "read-write in place", "vector FMA"}));
}

TEST(Bench, InPlaceOnlyWhereItIsPromisedAndPossible) {
  InPlace seen;
  Kernel silent = direct("test/direct", &seen);
  silent.promises.in_place = false;
  BenchOptions options = quick(parse_problems("op=ce n=4 v=10 dtype=f32 dir=fwdbwd"));
  options.in_place = true;
  EXPECT_EQ(bench({silent}, passes, options).timings.size(), 1U);
  options.problems = parse_problems("op=ce n=4 v=10 dtype=bf16 out=f32 dir=fwdbwd");
  EXPECT_EQ(bench({direct("test/direct", &seen)}, passes, options).timings.size(), 1U);
  EXPECT_EQ(seen.calls, 0);
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

TEST(Bench, StrangersTakeTheirMemoryAgain) {
  const TestCase c =
      make_case(parse_problem("op=ce n=4 v=10 dtype=f32 dir=fwd"), "gaussian", 1);
  std::set<std::uint64_t> seeds;
  BindOptions options;
  options.timed = true;
  TimedStranger right(elsewhere("x/right", 1 << 30, &seeds), c, 1, options);
  TimedStranger late(elsewhere("x/late", 0, nullptr), c, 1, options);
  EXPECT_TRUE(seeds.empty()) << "bound before it was called";
  for (TimedStranger* one : {&right, &late}) {
    EXPECT_EQ(one->times(3).size(), 3U);
    one->let_go();
    EXPECT_EQ(one->times(2).size(), 2U);
    one->let_go();
  }
  EXPECT_EQ(right.wrong(), std::nullopt);
  EXPECT_NE(late.wrong(), std::nullopt);
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
