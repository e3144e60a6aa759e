// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/bench.h"
#include "bench/case_memory.h"
#include "bench/limits/arithmetic.h"
#include "bench/limits/bandwidth.h"
#include "bench/limits/team.h"
#include "properties/domain.h"

namespace xent {
namespace {

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

/// What a pattern did to 1, 2, 3, ... and to as many zeros.
void expect_touches_every_word(const limits::Pattern& pattern, std::size_t bytes, int threads) {
  limits::Buffer in(bytes), out(bytes);
  limits::Team team(threads);
  std::iota(in.words().begin(), in.words().end(), 1);
  const bool in_place = pattern.limit == limits::kReadWrite;
  if (in_place) std::iota(out.words().begin(), out.words().end(), 1);
  const std::vector<std::uint64_t> before(in.words().begin(), in.words().end());
  std::atomic<std::uint64_t> folded = 0;
  team.run([&](int i) {
    folded ^= pattern.pass(limits::part_of(std::span<const std::uint64_t>(in.words()), i, threads),
                           limits::part_of(out.words(), i, threads));
  });
  const bool reads = pattern.limit == limits::kRead;
  EXPECT_EQ(pattern.traffic, reads ? 1 : 2);
  if (reads) {
    EXPECT_EQ(folded, std::accumulate(before.begin(), before.end(), std::uint64_t{0},
                                      std::bit_xor<std::uint64_t>()));
  } else {
    EXPECT_TRUE(std::equal(before.begin(), before.end(), out.words().begin()));
  }
  EXPECT_TRUE(std::equal(before.begin(), before.end(), in.words().begin()));
}

TEST(Limits, EveryPatternTouchesEveryWord) {
  std::set<std::pair<std::string_view, std::string_view>> names;
  for (const limits::Pattern& pattern : limits::patterns()) {
    SCOPED_TRACE(std::string(pattern.limit) + ", " + std::string(pattern.name));
    EXPECT_TRUE(names.insert({pattern.limit, pattern.name}).second);
    for (const std::size_t bytes : {64U, 128U, 4096U, 100000U, (1U << 20) + 192}) {
      for (const int threads : {1, 3}) expect_touches_every_word(pattern, bytes, threads);
    }
  }
}

TEST(Limits, BuffersAreWholeBlocks) {
  for (const std::size_t bytes : {1U, 64U, 65U, 100000U}) {
    const limits::Buffer buffer(bytes);
    EXPECT_GE(buffer.bytes(), bytes);
    EXPECT_LT(buffer.bytes(), bytes + 64);
    EXPECT_EQ(buffer.bytes() % 64, 0U);
  }
}

TEST(Limits, PartsAreEveryWordOnce) {
  std::vector<std::uint64_t> words(5000);
  for (const int members : {1, 2, 3, 7}) {
    std::size_t at = 0;
    for (int i = 0; i < members; ++i) {
      const auto part = limits::part_of(std::span<std::uint64_t>(words), i, members);
      EXPECT_EQ(part.data(), words.data() + at);
      at += part.size();
    }
    EXPECT_EQ(at, words.size());
  }
}

TEST(Limits, EachMemberOfATeamWorksOnceARound) {
  for (const int threads : {1, 2, 5}) {
    limits::Team team(threads);
    ASSERT_EQ(team.size(), threads);
    std::vector<int> rounds(static_cast<std::size_t>(threads));
    for (int i = 0; i < 300; ++i) {
      team.run([&](int member) { ++rounds[static_cast<std::size_t>(member)]; });
    }
    EXPECT_EQ(rounds, std::vector<int>(static_cast<std::size_t>(threads), 300));
  }
}

TEST(Limits, ArithmeticDoesWhatItWasAskedForAndLittleMore) {
  for (const std::int64_t count : {1, 12, 100, 1000000}) {
    EXPECT_GE(limits::multiply_add(count), count);
    EXPECT_LT(limits::multiply_add(count), count + 12);
  }
}

/// The text names every element, so a wrong place shows.
TestCase numbered(const char* text) {
  TestCase c = make_case(parse_problem(text), "gaussian", 1);
  for (std::int64_t i = 0; i < c.input.size(); ++i) c.input.set(i, static_cast<double>(i));
  return c;
}

TEST(CaseMemory, LiesAsTheProblemSays) {
  const TestCase c = numbered(
      "op=ce n=3 v=5 stride=8 dtype=bf16 dir=fwdbwd weights=on upstream=row");
  CaseMemory memory(c);
  const CallMemory m = memory.call(false);
  for (std::int64_t r = 0; r < 3; ++r) {
    for (std::int64_t j = 0; j < 5; ++j) {
      const auto at = static_cast<std::size_t>(2 * (8 * r + j));
      EXPECT_EQ(load(static_cast<const std::byte*>(m.input) + at, DType::bf16), 5 * r + j);
    }
    EXPECT_EQ(static_cast<const std::int64_t*>(m.target)[r], c.label(r));
    EXPECT_EQ(static_cast<double>(static_cast<const float*>(m.upstream)[r]), c.upstream_of(r));
  }
  for (std::int64_t j = 0; j < 5; ++j) {
    EXPECT_EQ(static_cast<double>(static_cast<const float*>(m.weight)[j]), c.weight_of(j));
  }
  EXPECT_NE(m.loss, nullptr);
  EXPECT_EQ(m.direction, nullptr);
}

TEST(CaseMemory, RestoresTheLogitsWhereTheGradientIs) {
  const TestCase c = numbered("op=ce n=4 v=7 dtype=f32 dir=bwd");
  CaseMemory memory(c);
  const CallMemory m = memory.call(true);
  EXPECT_EQ(m.input, m.grad);
  EXPECT_EQ(m.loss, nullptr);
  EXPECT_NE(memory.call(false).input, m.input);
  for (int round = 0; round < 2; ++round) {
    memory.restore();
    const float* const logits = static_cast<const float*>(m.input);
    EXPECT_TRUE(std::equal(logits, logits + 28, c.input.as<float>().begin()));
    std::fill_n(static_cast<float*>(m.grad), 28, -1.0F);
  }
  EXPECT_GE(memory.output().size_bytes(), 28 * sizeof(float));
}

}  // namespace
}  // namespace xent
