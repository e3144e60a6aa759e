// SPDX-License-Identifier: Apache-2.0
#include "reports/speed.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>

#include "reports/reports.h"

namespace xent {
namespace {

constexpr const char* kProblem = "op=ce n=4 v=8 dtype=f32 dir=fwdbwd";

KernelInfo kernel(const char* name, const char* role, const char* origin = "") {
  KernelInfo k;
  k.name = name;
  k.role = role;
  k.origin = origin;
  return k;
}

Timing timing(const char* name, double microseconds, const char* placement) {
  Timing t;
  t.kernel = name;
  t.problem = kProblem;
  t.verdict = Verdict::pass;
  t.samples = 7;
  t.median = t.low = t.high = microseconds * 1e-6;
  t.minimum_bytes = 256;
  t.bytes_per_second = t.minimum_bytes / t.median;
  t.limit = placement == std::string("in place") ? "read-write in place" : "copy";
  t.limit_bytes_per_second = 256 / 1e-6;
  t.placement = placement;
  t.threads = 2;
  t.cache = "warm";
  return t;
}

/// Two kernels of ours, one peer that works in place and one that does not.
Results results() {
  Results r;
  r.kernels = {kernel("ours/fast", "product"), kernel("ours/slow", "product"),
               kernel("theirs/in", "peer", "libtheirs.so 1.2"), kernel("theirs/out", "peer"),
               kernel("theirs/idle", "peer")};
  r.timings = {timing("ours/slow", 8, "out of place"),  timing("ours/fast", 4, "out of place"),
               timing("ours/fast", 2, "in place"),      timing("theirs/in", 12, "out of place"),
               timing("theirs/in", 10, "in place"),     timing("theirs/out", 6, "out of place")};
  r.timings[5].verdict = Verdict::fail;
  r.timings[2].arithmetic_seconds = 1e-6;
  r.timings[2].path = "8 streams";
  r.limits = {{"copy", 256, 256e6, 7, 2, "4 streams", 0}, {"vector FMA", 0, 0, 7, 2, "", 9.5e9}};
  return r;
}

TEST(ReportsSpeed, PeersThatWereTimedAreColumns) {
  const auto peers = report::peer_columns(results());
  ASSERT_EQ(peers.size(), 2U);
  EXPECT_EQ(report::peer_text(peers[0]), "a theirs/in (libtheirs.so 1.2)");
  EXPECT_EQ(report::peer_text(peers[1]), "b theirs/out");
}

TEST(ReportsSpeed, ARatioIsOfTheSamePlaceWhereThePeerHasIt) {
  const Results r = results();
  const report::SpeedGroup g = report::speed_groups(r).at(0);
  const auto ratio = [&](std::size_t row, const char* peer) {
    return report::times_faster(g, r.timings[row], peer);
  };
  EXPECT_EQ(ratio(1, "theirs/in"), 3);    // 12 / 4
  EXPECT_EQ(ratio(2, "theirs/in"), 5);    // 10 / 2, not 12 / 2
  EXPECT_EQ(ratio(1, "theirs/out"), 1.5);
  EXPECT_EQ(ratio(2, "theirs/out"), 3);   // 6 / 2: it has no other
  EXPECT_EQ(ratio(1, "theirs/idle"), std::nullopt);
  EXPECT_EQ(report::times_text(std::nullopt), "–");
}

TEST(ReportsSpeed, TheBestRivalIsTheQuickestVerifiedOrNot) {
  const Results r = results();
  const report::SpeedGroup g = report::speed_groups(r).at(0);
  const auto peers = report::peer_columns(r);
  for (const std::size_t row : {1U, 2U}) {
    EXPECT_EQ(report::best_rival(g, r.timings[row], peers)->kernel, "theirs/out");
  }
  EXPECT_EQ(report::best_rival(g, r.timings[1], {}), nullptr);
}

TEST(ReportsSpeed, TheSummaryHasOurFastestOfEachPlace) {
  Results r = results();
  const auto groups = report::speed_groups(r);
  const auto rows = report::speed_summary(r, groups);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(report::speed_name(*rows[0].timing), "ours/fast");
  EXPECT_EQ(report::speed_name(*rows[1].timing), "ours/fast, in place");
  r.timings[1].verdict = Verdict::fail;
  const auto others = report::speed_groups(r);
  EXPECT_EQ(report::speed_summary(r, others).at(0).timing->kernel, "ours/slow");
}

TEST(ReportsSpeed, AShareOfTheVectorPortsNeedsADeclaration) {
  const Results r = results();
  EXPECT_EQ(report::arithmetic_share(r.timings[1]), std::nullopt);
  EXPECT_DOUBLE_EQ(report::arithmetic_share(r.timings[2]).value_or(0), 0.5);
}

TEST(ReportsSpeed, WhatWasMeasuredHowIsSaid) {
  const Results r = results();
  const auto groups = report::speed_groups(r);
  EXPECT_EQ(report::protocol(groups[0]),
            "2 threads; warm: the same data at the same place in each call");
  for (const std::string& text : {to_markdown(r), to_html(r)}) {
    for (const char* part : {"2 threads; warm", "8 streams", "9.50 vectors/ns", "libtheirs.so 1.2",
                             "50 %", "× b", "in place"}) {
      EXPECT_NE(text.find(part), std::string::npos) << part;
    }
  }
}

/// The row of a table, its cells without blanks around them.
std::vector<std::string> cells(const std::string& markdown, const std::string& start) {
  std::istringstream lines(markdown);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| " + start)) continue;
    std::vector<std::string> all;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) {
      const auto first = cell.find_first_not_of(' ');
      if (first == std::string::npos) continue;
      all.push_back(cell.substr(first, cell.find_last_not_of(' ') - first + 1));
    }
    return all;
  }
  return {};
}

TEST(ReportsSpeed, TheTableHasEveryRatio) {
  const std::string text = to_markdown(results());
  const auto row = cells(text, "`ours/slow`");
  ASSERT_GE(row.size(), 2U) << text;
  EXPECT_EQ(row[row.size() - 2], "1.50");
  EXPECT_EQ(row.back(), "0.750");
}

}  // namespace
}  // namespace xent
