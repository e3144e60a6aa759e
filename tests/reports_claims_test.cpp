// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "reports/claims.h"
#include "reports/plot.h"
#include "reports/reports.h"
#include "tests/reports_sample.h"

namespace xent::report {
namespace {

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t start = text.find(from);
  if (start == std::string::npos) return {};
  return text.substr(start, text.find(to, start + from.size()) - start);
}

TEST(ClaimsPage, ShowsEveryClaimWithItsVerdictInWords) {
  const Results r = sample_claims();
  const std::string page = to_html(r);
  for (const ClaimRow& c : r.claims) {
    const std::string article = between(page, "<article class=\"claim\" id=\"claim-" + c.id + "\">",
                                        "</article>");
    EXPECT_TRUE(mentions(article, std::string(text(c.verdict).badge) + "</span>")) << c.id;
    EXPECT_TRUE(mentions(article, "class=\"badge " + std::string(text(c.verdict).style))) << c.id;
    EXPECT_TRUE(mentions(article, c.evidence)) << c.id;
    EXPECT_TRUE(mentions(article, c.reason)) << c.id;
    EXPECT_TRUE(mentions(page, "<a href=\"#claim-" + c.id + "\">")) << c.id;
  }
  EXPECT_TRUE(mentions(page, "8 claims: 1 proved, 1 tested, 1 refuted, 1 agrees, 1 disagrees, 1 "
                             "contradicted, 1 without evidence, 1 skipped."));
  for (const char* group : {"A", "B", "C", "D", "E", "F"}) {
    EXPECT_EQ(count(page, std::string("id=\"group-") + group + "\""), 1u);
  }
  EXPECT_FALSE(mentions(to_html(sample_results()), "The ledger"));
}

TEST(ClaimsPage, FiguresHaveIntervalsAndPlotsAreDrawn) {
  const std::string page = to_html(sample_claims());
  EXPECT_TRUE(mentions(page, "[−0.5187, −0.4685]"));
  EXPECT_TRUE(mentions(page, "<td class=\"n\">1 bit</td>"));
  EXPECT_EQ(count(page, "<svg class=\"plot\""), 2u);
}

TEST(ClaimsPage, FormulasAreSetWithScripts) {
  EXPECT_EQ(html_formula("p_k"), "p<sub>k</sub>");
  EXPECT_EQ(html_formula("x_{t+1} | x_{≤t}"), "x<sub>t+1</sub> | x<sub>≤t</sub>");
  EXPECT_EQ(html_formula("N^(−1/2)"), "N<sup>−1/2</sup>");
  EXPECT_EQ(html_formula("Σ_{t<T} a<b"), "Σ<sub>t&lt;T</sub> a&lt;b");
  EXPECT_EQ(html_formula("a _ b ^ c_"), "a _ b ^ c_");
  EXPECT_EQ(html_formula("_x x_{open"), "_x x_{open");
  EXPECT_EQ(html_formula(""), "");
}

TEST(ClaimsJunit, NamesAreIdsAndFailuresFail) {
  const std::string junit = to_junit(sample_claims());
  EXPECT_TRUE(mentions(junit, "<testsuite name=\"claims\" tests=\"8\" failures=\"2\" errors=\"0\" "
                              "skipped=\"1\">"));
  const auto outcome = [&](const std::string& id) {
    return between(junit, "<testcase classname=\"claims\" name=\"" + id + "\"", "</testcase>");
  };
  EXPECT_TRUE(mentions(outcome("loss.accurate"),
                       "<failure type=\"contradicted\" message=\"scalar/safe breaks"));
  EXPECT_TRUE(mentions(outcome("loss.accurate"), "logits [89, 0], target 1"));
  EXPECT_TRUE(mentions(outcome("loss.reshape"), "<failure type=\"no-evidence\""));
  EXPECT_TRUE(mentions(outcome("lm.perplexity"), "<skipped message=\"no text on this machine"));
  for (const char* id : {"info.gibbs", "stat.consistency", "stat.mse-is-gaussian",
                         "train.faster-than-mse", "wrong.sign"}) {
    EXPECT_TRUE(mentions(outcome(id), "<system-out>")) << id;
    EXPECT_FALSE(mentions(outcome(id), "<failure")) << id;
  }
}

TEST(ClaimsMarkdown, HasATableForEachGroupAndTheWitnesses) {
  const std::string text = to_markdown(sample_claims());
  EXPECT_TRUE(mentions(text, "## The ledger"));
  EXPECT_TRUE(mentions(text, "### B. The losses"));
  EXPECT_TRUE(mentions(text, "| `loss.accurate` |"));
  EXPECT_TRUE(mentions(text, "scalar/safe breaks loss.accurate"));
  EXPECT_TRUE(mentions(text, "z = (0, 0), target 0: δ − p = 0.5"));
  EXPECT_TRUE(mentions(text, "- slope of log error over log N: \\-0.4936 \\[-0.5187, -0.4685\\]"));
  EXPECT_FALSE(mentions(to_markdown(sample_results()), "The ledger"));
}

TEST(ClaimsHeadline, SaysWhatFailed) {
  const std::string text = to_markdown(sample_claims());
  EXPECT_TRUE(mentions(text, "# ✗ xentcheck: failed"));
  EXPECT_TRUE(mentions(text, "1 claim contradicted: loss.accurate."));
  EXPECT_TRUE(mentions(text, "1 claim without evidence: loss.reshape."));
  EXPECT_TRUE(mentions(text, "5 of 8 claims have their evidence."));
}

TEST(ClaimFigures, APointNeedsNoInterval) {
  EXPECT_EQ(figure_text({"", 0.25, 0.25, 0.25, ""}), "0.25");
  EXPECT_EQ(figure_text({"", 0.25, 0.2499999999, 0.25, "nats"}), "0.25 nats");
  EXPECT_EQ(figure_text({"", 0.25, 0.2, 0.3, ""}), "0.25 [0.2, 0.3]");
  EXPECT_EQ(figure_text({"", HUGE_VAL, 0.2, HUGE_VAL, ""}), "inf [0.2, inf]");
}

void expect_sound(const Axis& a, const std::vector<double>& values) {
  ASSERT_GE(a.ticks.size(), 2u);
  EXPECT_LE(a.ticks.size(), 11u);
  EXPECT_LT(a.low, a.high);
  for (std::size_t i = 1; i < a.ticks.size(); ++i) EXPECT_LT(a.ticks[i - 1], a.ticks[i]);
  for (const double t : a.ticks) {
    EXPECT_TRUE(a.place(t) >= -1e-9 && a.place(t) <= 1 + 1e-9) << t;
    EXPECT_LE(tick_text(a, t).size(), 13u) << tick_text(a, t);
  }
  for (const double v : values) {
    EXPECT_TRUE(a.place(v) >= -1e-9 && a.place(v) <= 1 + 1e-9) << v << " in " << a.low << " "
                                                               << a.high;
  }
}

TEST(PlotAxis, EnclosesItsValues) {
  const std::vector<std::vector<double>> ranges = {
      {},           {0},       {3},         {0, 1},      {-1, 1},       {0.1, 0.1000001},
      {-7e5, 3e6},  {1, 1000}, {2.5, 2.6},  {1e-9, 1},   {1e-300, 1e300}, {99, 101},
      {-3e-8, 1e-9}, {256, 65536}};
  for (const std::vector<double>& values : ranges) {
    expect_sound(make_axis(values, false), values);
    if (values.empty() || (values.front() > 0 && values.back() > 0)) {
      expect_sound(make_axis(values, true), values);
    }
  }
}

TEST(PlotAxis, TicksAreRoundNumbers) {
  EXPECT_EQ(make_axis({0, 1}, false).ticks, (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001,
                                                                  0.8, 1}));
  EXPECT_EQ(make_axis({1, 1e6}, true).ticks.size(), 7u);
  EXPECT_EQ(tick_text(make_axis({1, 1e6}, true), 1e5), "10⁵");
  EXPECT_EQ(tick_text(make_axis({1e-6, 1}, true), 1e-5), "10⁻⁵");
  EXPECT_EQ(tick_text(make_axis({-1, 1}, false), -0.5), "−0.5");
}

TEST(PlotSvg, LeavesOutWhatCannotBeDrawn) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Plot p{"t", "x", "y", false, false, {{"s", {0, 1, 2, 3, 4}, {0, 1, nan, 3, 4}, false}}};
  EXPECT_EQ(count(between(plot_svg(p), "class=\"line s1\" d=\"M70", "/>"), "M"), 1u);
  const std::string broken = plot_svg(p).substr(plot_svg(p).rfind("class=\"line s1\""));
  EXPECT_EQ(count(broken, "M"), 2u) << broken;
  p.log_y = true;
  EXPECT_EQ(count(plot_svg(p), "nan"), 0u);
  p.series[0].y = {0, -1, nan, -3, 0};
  EXPECT_EQ(plot_svg(p), "");
  EXPECT_EQ(plot_svg(Plot{}), "");
}

TEST(PlotSvg, EverySeriesIsNamedAndDrawn) {
  Plot p{"t", "x", "y", false, false, {}};
  for (int i = 0; i < 9; ++i) {
    const std::string name = "series with a long name " + std::to_string(i);
    p.series.push_back({name, {0, 1}, {0.0 + i, 1}, i % 2 == 1});
  }
  const std::string svg = plot_svg(p);
  for (const Series& s : p.series) EXPECT_EQ(count(svg, s.name + "<"), 1u);
  EXPECT_EQ(count(svg, "class=\"line"), 10u);  // five lines, each with a sample
}

}  // namespace
}  // namespace xent::report
