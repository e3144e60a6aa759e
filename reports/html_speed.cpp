// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "reports/parts.h"
#include "reports/speed.h"
#include "reports/text.h"

namespace xent::report {
namespace {

using Peers = std::vector<PeerColumn>;

/// Pixels of 100 %, and of the whole bar. Beyond it an arrow says that the bar is cut; the number
/// beside it never is.
constexpr double kLimitAt = 80;
constexpr double kBarWidth = 100;

std::string bar(double part, std::string_view label, std::string_view style) {
  const double length = std::clamp(part * kLimitAt, 0.0, kBarWidth);
  const bool cut = part * kLimitAt > kBarWidth;
  const std::string arrow = cut ? "<path class=\"cut\" d=\"M93 1 L99 5 L93 9\"/>" : "";
  return fmt::format(
      "<svg class=\"bar {}\" viewBox=\"0 0 {} 10\" width=\"{}\" height=\"10\" role=\"img\" "
      "aria-label=\"{}\"><title>{}</title><rect class=\"track\" width=\"{}\" height=\"10\"/>"
      "<rect class=\"fill\" y=\"2\" width=\"{:.1f}\" height=\"6\"/>"
      "<path class=\"tick\" d=\"M{} 0 V10\"/>{}</svg>",
      style, kBarWidth, kBarWidth, escape_attribute(label), escape_markup(label), kLimitAt, length,
      kLimitAt, arrow);
}

std::string share_cells(const Timing& t, std::string_view style) {
  const auto part = limit_share(t);
  if (!part) return "<td class=\"n muted\">no limit measured</td><td></td>";
  const std::string label = fmt::format("{} of {}: {} of {} GB/s", percent(*part), t.limit,
                                        number(t.bytes_per_second / 1e9),
                                        number(t.limit_bytes_per_second / 1e9));
  return fmt::format("<td class=\"n\">{} of {}</td><td>{}</td>", escape_markup(percent(*part)),
                     escape_markup(t.limit), bar(*part, label, style));
}

std::string group_limits(const SpeedGroup& g) {
  std::string out;
  for (const Timing* t : g.timings) {
    if (!limit_share(*t)) continue;
    const std::string text = fmt::format("{} {} GB/s", t->limit,
                                         number(t->limit_bytes_per_second / 1e9));
    if (out.find(text) == std::string::npos) out += (out.empty() ? "" : "; ") + text;
  }
  return out.empty() ? out
                     : fmt::format("<p class=\"small\">Measured limit: {}</p>\n",
                                   escape_markup(out));
}

std::string path_note(const Timing& t) {
  return t.path.empty() ? "" : " <span class=\"small muted\">" + escape_markup(t.path) + "</span>";
}

std::string arithmetic_cell(const Timing& t) {
  const auto part = arithmetic_share(t);
  return fmt::format("<td class=\"n\">{}</td>", part ? escape_markup(percent(*part)) : "–");
}

std::string ratio_cells(const SpeedGroup& g, const Timing& t, const Peers& peers) {
  std::string out;
  for (const PeerColumn& p : peers) {
    out += fmt::format("<td class=\"n\">{}</td>", times_text(times_faster(g, t, p.kernel)));
  }
  return out;
}

std::string peer_heads(const Peers& peers) {
  std::string out;
  for (const PeerColumn& p : peers) out += fmt::format("|#× {}", p.letter);
  return out;
}

std::string timing_row(const SpeedGroup& g, const Timing& t, const Peers& peers) {
  const SpeedText verdict = speed_text(t.verdict);
  std::string name = html_code(t.kernel);
  if (t.placement == "in place") name += ", in place";
  if (&t == g.fastest) name += " <span class=\"tag\">fastest</span>";
  return fmt::format(
      "<tr class=\"speed-{}\"><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td>"
      "<td class=\"n muted\">{}</td><td class=\"n\">{}</td>{}{}<td class=\"n\">{}</td>{}</tr>\n",
      verdict.style, name + path_note(t), html_mark(verdict.symbol, verdict.word, verdict.style),
      escape_markup(duration(t.median)), escape_markup(duration_range(t.low, t.high)),
      html_figure(number(t.bytes_per_second / 1e9)), share_cells(t, verdict.style),
      arithmetic_cell(t), html_figure(number(t.logits_per_second / 1e6)),
      ratio_cells(g, t, peers));
}

std::string summary_row(const SpeedSummary& s, const Peers& peers) {
  const SpeedGroup& g = *s.group;
  const Timing& t = *s.timing;
  const Timing* const best = best_rival(g, t, peers);
  std::string name = html_code(t.kernel);
  if (t.placement == "in place") name += ", in place";
  const std::string beside =
      best == nullptr ? "–"
                      : times_text(times_faster(g, t, best->kernel)) + " × " +
                            html_code(best->kernel);
  return fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td>{}{}"
                     "<td>{}</td>{}</tr>\n",
                     html_code(g.problem), name + path_note(t), escape_markup(duration(t.median)),
                     share_cells(t, "pass"), arithmetic_cell(t), beside, ratio_cells(g, t, peers));
}

std::string summary(const Results& r, const std::vector<SpeedGroup>& groups, const Peers& peers) {
  std::string rows;
  for (const SpeedSummary& s : speed_summary(r, groups)) rows += summary_row(s, peers);
  if (rows.empty()) return rows;
  const std::string heads = "problem|kernel|#median|#of measured limit||#of vector limit|"
                            "faster than the best peer" + peer_heads(peers);
  std::string legend;
  for (const PeerColumn& p : peers) {
    legend += fmt::format("{}× {}: {}", legend.empty() ? "" : "; ", p.letter,
                          escape_markup(p.kernel + (p.origin.empty() ? "" : ", " + p.origin)));
  }
  if (!legend.empty()) legend = "<p class=\"small\">How many times as long others take: " + legend +
                                "</p>\n";
  return "<h3>Fastest of ours on each problem</h3>\n" + legend +
         html_table("Fastest of ours", "speed", html_heads(heads), rows);
}

std::string limits(const Results& r) {
  std::string rows;
  for (const Limit& l : r.limits) {
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        escape_markup(l.name), escape_markup(l.pattern), html_count(l.threads),
        l.footprint_bytes > 0 ? escape_markup(byte_count(l.footprint_bytes)) : "",
        escape_markup(limit_rate(l)), html_count(l.samples));
  }
  if (rows.empty()) return rows;
  const std::string heads = "limit|best pattern|#threads|#footprint|#per second|#samples";
  return "<h3>Measured limits of this machine</h3>\n" +
         html_table("Limits", "slim", html_heads(heads), rows);
}

}  // namespace

Section html_speed(const Results& r) {
  const std::vector<SpeedGroup> groups = speed_groups(r);
  const Peers peers = peer_columns(r);
  std::string body = summary(r, groups, peers);
  const std::string heads = "kernel|verdict|#median|#25–75 %|#GB/s|#of measured limit||"
                            "#of vector limit|#Mlogit/s" + peer_heads(peers);
  for (const SpeedGroup& g : groups) {
    std::string rows;
    for (const Timing* t : g.timings) rows += timing_row(g, *t, peers);
    body += fmt::format("<h3>{}</h3>\n<p class=\"small\">{}</p>\n{}", html_code(g.problem),
                        escape_markup(protocol(g)), group_limits(g)) +
            html_table("Speed: " + g.problem, "speed", html_heads(heads), rows);
  }
  body += limits(r);
  if (body.empty()) return {};
  return {"speed", "Speed",
          "<p>GB/s counts each input read once and each output written once. The bar’s tick is the "
          "limit measured in the same run on the same memory. The vector limit is the time of the "
          "vector operations that a kernel declares, at the measured rate of independent fused "
          "multiply-adds. Only verified kernels compete.</p>\n" + body};
}

}  // namespace xent::report
