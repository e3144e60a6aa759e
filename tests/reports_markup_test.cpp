// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "reports/reports.h"
#include "reports/summary.h"
#include "tests/reports_sample.h"

namespace xent {
namespace {

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The part of a report between two marks; empty if either is missing.
std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t start = text.find(from);
  if (start == std::string::npos) return {};
  const std::size_t end = text.find(to, start + from.size());
  return end == std::string::npos ? std::string() : text.substr(start, end - start);
}

std::string test_case(const std::string& junit, const std::string& kernel,
                      const std::string& property) {
  const std::string start = "<testcase classname=\"" + kernel + "\" name=\"" + property + "\"";
  return between(junit, start, "</testcase>");
}

Results one_row(Verdict verdict, bool expected, bool vacuous = false) {
  Results r;
  KernelInfo k;
  k.name = "a/b";
  r.kernels = {k};
  VerdictRow row;
  row.kernel = "a/b";
  row.property = "p.q";
  row.verdict = verdict;
  row.expected_to_fail = expected;
  row.vacuous = vacuous;
  row.cases = 1;
  r.verdicts = {row};
  return r;
}

TEST(ReportsMark, AWordForEachRow) {
  using report::Mark;
  const auto mark = [](const Results& r) { return report::mark(r, r.verdicts[0]); };
  EXPECT_EQ(mark(one_row(Verdict::pass, false)), Mark::pass);
  EXPECT_EQ(mark(one_row(Verdict::pass, false, true)), Mark::vacuous);
  EXPECT_EQ(mark(one_row(Verdict::skip, false, true)), Mark::vacuous);
  EXPECT_EQ(mark(one_row(Verdict::skip, false)), Mark::skip);
  EXPECT_EQ(mark(one_row(Verdict::fail, false)), Mark::fail);
  EXPECT_EQ(mark(one_row(Verdict::fail, true)), Mark::expected);
  EXPECT_EQ(mark(one_row(Verdict::error, true)), Mark::error);
  EXPECT_EQ(mark(one_row(Verdict::inconclusive, false)), Mark::inconclusive);
  Results plain = one_row(Verdict::fail, true);
  plain.expectations = false;
  EXPECT_EQ(mark(plain), Mark::fail);
}

TEST(ReportsMark, TheHeadlineIsTheExitCode) {
  for (const Verdict v : {Verdict::pass, Verdict::fail, Verdict::inconclusive, Verdict::skip,
                          Verdict::error}) {
    for (const bool expected : {false, true}) {
      for (const bool vacuous : {false, true}) {
        const Results r = one_row(v, expected, vacuous);
        const bool ok = exit_code(r, false) == Exit::ok;
        EXPECT_EQ(mentions(to_markdown(r), "# ✓ xentcheck: passed"), ok);
        EXPECT_EQ(mentions(to_html(r), "<title>✓ xentcheck: passed</title>"), ok);
        const std::string junit = to_junit(r);
        const std::string total = between(junit, "<testsuites", ">");
        const bool clean = mentions(total, "failures=\"0\" errors=\"0\"");
        EXPECT_EQ(clean, ok || exit_code(r, false) == Exit::nothing) << junit;
      }
    }
  }
}

TEST(ReportsJunit, OneOutcomeForEachMark) {
  const std::string junit = to_junit(sample_failure());
  const std::string fail = test_case(junit, "highway/safe/avx2", "loss.extreme-logits");
  EXPECT_TRUE(mentions(fail, "<failure")) << fail;
  EXPECT_TRUE(mentions(fail, "logits [89, 0], target 1"));
  EXPECT_TRUE(mentions(fail, "xentcheck replay report/counterexamples/1.case --kernel"));
  EXPECT_TRUE(mentions(test_case(junit, "highway/safe/avx3", "grad.sum-zero"),
                       "<failure type=\"vacuous\""));
  EXPECT_TRUE(mentions(test_case(junit, "highway/safe/sse4", "grad.signs"),
                       "<error type=\"inconclusive\""));
  EXPECT_TRUE(mentions(test_case(junit, "scalar/online", "row.independence"),
                       "<error type=\"error\" message=\"bind: cannot allocate"));
  EXPECT_TRUE(mentions(test_case(junit, "highway/safe/avx2", "info.decomposition"),
                       "<skipped message=\"op=kl is not supported\"/>"));
  EXPECT_TRUE(mentions(test_case(junit, "highway/safe/avx3_spr", "available"), "<skipped"));
}

TEST(ReportsJunit, AnExpectedFailurePassesAndAMissingOneFails) {
  const std::string junit = to_junit(sample_failure());
  const std::string expected = test_case(junit, "scalar/naive", "loss.extreme-logits");
  EXPECT_TRUE(mentions(expected, "<system-out>expected to fail, and it did")) << expected;
  EXPECT_FALSE(mentions(expected, "<failure"));
  EXPECT_TRUE(mentions(test_case(junit, "scalar/naive", "expected-to-fail"), "<system-out>broke"));
  EXPECT_TRUE(mentions(test_case(junit, "scalar/half-sum", "expected-to-fail"), "<failure"));
}

TEST(ReportsFindings, StandInEveryFormatWithWitnessAndReplayLine) {
  const Results r = sample_results();
  for (const std::string& text : {to_markdown(r), to_html(r), to_junit(r), to_json(r)}) {
    for (const char* part :
         {"torch/cross_entropy", "accuracy.confident-rows.loss", "off by 5.2e+06 ulp",
          "logits [17, 0], target 0", "domain gaussian, seed 0x5eed", "2 threads outlive a call",
          "xentcheck replay report/findings/1.case", "cross_entropy.py, PyTorch 2.6",
          "shift-exact"}) {
      EXPECT_TRUE(mentions(text, part)) << part;
    }
  }
  EXPECT_TRUE(mentions(to_markdown(r), "3 findings that break no promise."));
  EXPECT_TRUE(mentions(between(to_junit(r), "<testsuites", ">"), "failures=\"0\""));
}

TEST(ReportsFindings, FailAStrictRunInEveryFormat) {
  Results r = sample_results();
  r.strict = true;
  EXPECT_TRUE(mentions(to_markdown(r), "# ✗ xentcheck: failed"));
  EXPECT_TRUE(mentions(to_html(r), "<title>✗ xentcheck: failed</title>"));
  const std::string junit = to_junit(r);
  EXPECT_TRUE(mentions(between(junit, "<testsuites", ">"), "failures=\"1\""));
  EXPECT_TRUE(mentions(test_case(junit, "torch/cross_entropy", "findings"), "<failure"));
  EXPECT_FALSE(mentions(junit, "classname=\"scalar/safe\" name=\"findings\""));
}

TEST(ReportsAccuracy, OneLineForEachOutputOfEachKernel) {
  const Results r = sample_results();
  const std::string text = to_markdown(r);
  const std::string table = between(text, "Errors by output and format", "\n\n`");
  EXPECT_TRUE(mentions(table, "grad f32")) << table;
  EXPECT_TRUE(mentions(table, "built in"));
  EXPECT_TRUE(mentions(table, "cross_entropy.py, PyTorch 2.6"));
  EXPECT_EQ(report::profile_text(r.accuracy.front()),
            "largest -1.62 ulp, p99.9 1.18, mean 0.261, bias +0.00420; error/bound 0.412; "
            "91 cases");
  EXPECT_TRUE(mentions(to_junit(r), "loss f32, op=ce without options: largest -1.62 ulp"));
}

// More columns than a page holds go below, a family of properties never apart.
TEST(ReportsHtml, ManyPropertiesMakeSeveralTables) {
  Results r = one_row(Verdict::pass, false);
  const VerdictRow row = r.verdicts.front();
  r.verdicts.clear();
  for (const char* family : {"loss.", "info.", "grad."}) {
    for (int i = 0; i < 14; ++i) {
      r.properties.push_back({family + std::to_string(i), "", ""});
      r.verdicts.push_back(row);
      r.verdicts.back().property = r.properties.back().id;
    }
  }
  const std::string html = to_html(r);
  std::size_t tables = 0;
  for (std::size_t at = html.find(">kernel</th>"); at != std::string::npos;
       at = html.find(">kernel</th>", at + 1)) {
    tables += html.substr(at, 40).find("class=\"turn\"") != std::string::npos;
  }
  EXPECT_EQ(tables, 3U);
}

TEST(ReportsMarkdown, ATableCellHoldsNoBareBar) {
  Results r = sample_results();
  r.kernels.front().name = "a|b";
  for (VerdictRow& row : r.verdicts) {
    if (row.kernel == "scalar/safe") row.kernel = "a|b";
  }
  r.timings.front().kernel = "a|b";
  const std::string text = to_markdown(r);
  EXPECT_TRUE(mentions(text, "`a\\|b`"));
  EXPECT_FALSE(mentions(text, "a|b"));
}

TEST(ReportsMarkdown, SaysWhatARunNeedsToSay) {
  const std::string text = to_markdown(sample_failure());
  EXPECT_LT(text.find("64 of 512 rows judged"), text.find("## Verdicts"));
  for (const char* part :
       {"# ! xentcheck: error", "`0x9e3779b97f4a7c15`", "## Failures", "## Expected to fail",
        "### ✗ `highway/safe/avx2` breaks `loss.extreme-logits`",
        "### ⊗ `scalar/naive` breaks `loss.accurate`", "∅ `highway/safe/avx3` on `grad.sum-zero`",
        "Expected to fail, but broke nothing: scalar/half-sum.", "## Power", "∅ vacuous",
        "## Speed",
        "✗ failed verification", "88 % of read (11.2 GB/s)", "## Findings", "## Not judged",
        "op=kl is not supported", "`all-masked`", "this processor lacks AMX and AVX10",
        "AMD EPYC 9B14"}) {
    EXPECT_TRUE(mentions(text, part)) << part;
  }
}

TEST(ReportsSpeed, AFailedKernelIsNeverTheFastest) {
  const Results r = sample_results();
  const auto groups = report::speed_groups(r);
  ASSERT_EQ(groups.size(), 2u);
  for (const report::SpeedGroup& g : groups) {
    ASSERT_NE(g.fastest, nullptr);
    EXPECT_EQ(g.fastest->verdict, Verdict::pass);
    const auto quicker_but_wrong = [&](const Timing* t) {
      return t->verdict == Verdict::fail && t->median < g.fastest->median;
    };
    EXPECT_TRUE(std::any_of(g.timings.begin(), g.timings.end(), quicker_but_wrong));
  }
  for (const std::string& text : {to_markdown(r), to_html(r)}) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_FALSE(mentions(line, "failed verification") && mentions(line, "fastest")) << line;
    }
  }
}

TEST(ReportsSpeed, NothingVerifiedMeansNothingIsFastest) {
  Results r = sample_results();
  for (Timing& t : r.timings) t.verdict = Verdict::fail;
  for (const report::SpeedGroup& g : report::speed_groups(r)) EXPECT_EQ(g.fastest, nullptr);
  EXPECT_FALSE(mentions(to_markdown(r), "fastest"));
}

TEST(ReportsSpeed, AShareAboveTheLimitIsShown) {
  const std::string html = to_html(sample_results());
  EXPECT_TRUE(mentions(html, "130 % of read"));
  EXPECT_TRUE(mentions(html, "class=\"cut\""));
  EXPECT_TRUE(mentions(html, "no limit measured"));
}

TEST(ReportsHtml, AMarkIsNeverColourAlone) {
  const std::string html = to_html(sample_failure());
  for (const report::Mark m : report::kMarks) {
    const report::MarkText words = report::text(m);
    EXPECT_TRUE(mentions(html, "aria-label=\"" + std::string(words.word) + "\">" +
                                   std::string(words.symbol)))
        << words.word;
  }
}

TEST(ReportsHtml, NoTextOpensAnElement) {
  const std::string html = to_html(sample_hostile());
  EXPECT_TRUE(mentions(html, "&lt;script&gt;alert"));
  EXPECT_FALSE(mentions(html, "<script>"));
  const std::string json = between(html, "<script type=\"application/json\"", "</script>");
  EXPECT_TRUE(mentions(json, "\\u003cscript>alert"));
  EXPECT_EQ(std::count(json.begin(), json.end(), '<'), 1) << "only the element's own";
}

TEST(ReportsPower, LeastOverTheKernels) {
  const Results r = sample_failure();
  for (const report::PowerRow& p : report::power_rows(report::overview(r))) {
    if (p.property != "grad.sum-zero") continue;
    EXPECT_EQ(p.power, 0.0391);
    EXPECT_EQ(p.weakest, "highway/safe/avx3");
    EXPECT_TRUE(p.vacuous);
    return;
  }
  FAIL() << "grad.sum-zero has no power";
}

}  // namespace
}  // namespace xent
