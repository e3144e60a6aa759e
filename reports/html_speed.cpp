// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "reports/parts.h"
#include "reports/text.h"

namespace xent::report {
namespace {

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

std::string timing_row(const SpeedGroup& g, const Timing& t) {
  const SpeedText verdict = speed_text(t.verdict);
  const std::string name = html_code(t.kernel);
  return fmt::format(
      "<tr class=\"speed-{}\"><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td>"
      "<td class=\"n muted\">{}</td><td class=\"n\">{}</td>{}<td class=\"n\">{}</td></tr>\n",
      verdict.style, &t == g.fastest ? name + " <span class=\"tag\">fastest</span>" : name,
      html_mark(verdict.symbol, verdict.word, verdict.style), escape_markup(duration(t.median)),
      escape_markup(duration_range(t.low, t.high)),
      html_figure(number(t.bytes_per_second / 1e9)), share_cells(t, verdict.style),
      html_figure(number(t.logits_per_second / 1e6)));
}

std::string limits(const Results& r) {
  std::string rows;
  for (const Limit& l : r.limits) {
    rows += fmt::format("<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td>"
                        "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                        escape_markup(l.name), escape_markup(byte_count(l.footprint_bytes)),
                        html_figure(number(l.bytes_per_second / 1e9)), html_count(l.samples));
  }
  if (rows.empty()) return rows;
  return "<h3>Measured limits of this machine</h3>\n" +
         html_table("Limits", "slim", html_heads("limit|#footprint|#GB/s|#samples"), rows);
}

}  // namespace

Section html_speed(const Results& r) {
  std::string body;
  for (const SpeedGroup& g : speed_groups(r)) {
    std::string rows;
    for (const Timing* t : g.timings) rows += timing_row(g, *t);
    body += fmt::format("<h3>{}</h3>\n{}", html_code(g.problem), group_limits(g)) +
            html_table("Speed: " + g.problem, "speed",
                       html_heads("kernel|verdict|#median|#25–75 %|#GB/s|#of measured limit||"
                                  "#Mlogit/s"),
                       rows);
  }
  body += limits(r);
  if (body.empty()) return {};
  return {"speed", "Speed",
          "<p>GB/s counts each input read once and each output written once. The bar’s tick is the "
          "limit measured in the same run on the same footprint. Only verified kernels "
          "compete.</p>\n" + body};
}

}  // namespace xent::report
