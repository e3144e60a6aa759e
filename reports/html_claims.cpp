// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "reports/claims.h"
#include "reports/parts.h"
#include "reports/plot.h"
#include "reports/text.h"

namespace xent::report {
namespace {

std::string badge(ClaimVerdict v) {
  const ClaimText t = text(v);
  return fmt::format("<span class=\"badge {}\">{} {}</span>", t.style, t.symbol, t.badge);
}

std::string anchor(const ClaimRow& c) { return escape_attribute("claim-" + c.id); }

std::string contents(const ClaimGroup& g) {
  std::string out = fmt::format(
      "<h3><a href=\"#group-{0}\">{0}. {1}</a></h3>\n<ul class=\"toc\">\n",
      escape_markup(g.letter), escape_markup(g.title));
  for (const ClaimRow* c : g.rows) {
    const ClaimText t = text(c->verdict);
    out += fmt::format("<li>{} <a href=\"#{}\">{}</a></li>\n",
                       html_mark(t.symbol, t.word, t.style, true), anchor(*c),
                       escape_markup(c->id));
  }
  return out + "</ul>\n";
}

std::string legend(const Results& r) {
  std::string out = "<ul class=\"legend\">\n";
  for (const ClaimVerdict v : kClaimVerdicts) {
    const bool occurs = std::any_of(r.claims.begin(), r.claims.end(),
                                    [&](const ClaimRow& c) { return c.verdict == v; });
    const ClaimText t = text(v);
    if (occurs) {
      out += fmt::format("<li>{}: {}</li>\n", html_mark(t.symbol, t.badge, t.style), t.meaning);
    }
  }
  return out + "</ul>\n";
}

/// End of what `_` or `^` at `at` lifts or lowers, and whether that stands in brackets.
std::pair<std::size_t, bool> script_end(std::string_view s, std::size_t at) {
  const char open = s[at] == '_' ? '{' : '(';
  if (at + 1 < s.size() && s[at + 1] == open) {
    const std::size_t end = s.find(open == '{' ? '}' : ')', at);
    if (end != std::string_view::npos) return {end + 1, true};
  }
  std::size_t end = at + 1;
  while (end < s.size() && std::isalnum(static_cast<unsigned char>(s[end])) != 0) ++end;
  return {end, false};
}

std::string sentence(const ClaimRow& c) {
  if (c.document == "(ours)" || c.document.empty()) {
    return "<p class=\"title\">Ours: the documents are silent on this.</p>\n";
  }
  return fmt::format("<blockquote>{}</blockquote>\n", html_formula(c.document));
}

std::string figures(const ClaimRow& c) {
  if (c.figures.empty()) return {};
  const bool intervals = std::any_of(c.figures.begin(), c.figures.end(),
                                     [](const Figure& f) { return !interval_text(f).empty(); });
  std::string rows;
  for (const Figure& f : c.figures) {
    Figure point = f;
    point.low = point.high = f.value;
    rows += fmt::format("<tr><td class=\"prose\">{}</td><td class=\"n\">{}</td>",
                        html_formula(f.label), html_figure(figure_text(point)));
    if (intervals) rows += fmt::format("<td>{}</td>", html_figure(interval_text(f)));
    rows += "</tr>\n";
  }
  return html_table("Figures of " + c.id, "slim",
                    html_heads(intervals ? "measured|#value|interval" : "measured|#value"), rows);
}

std::string plots(const ClaimRow& c) {
  std::string out;
  for (const Plot& p : c.plots) {
    const std::string svg = plot_svg(p);
    if (svg.empty()) continue;
    out += fmt::format("<figure>\n<figcaption>{}</figcaption>\n{}</figure>\n",
                       escape_markup(p.title), svg);
  }
  return out;
}

std::string kernels(const ClaimRow& c) {
  std::string names;
  for (const std::string& k : c.kernels) names += (names.empty() ? "" : ", ") + html_code(k);
  if (c.kernels.size() <= 4) return names;
  return fmt::format("<details><summary>{} kernels</summary>{}</details>", c.kernels.size(), names);
}

std::string facts(const ClaimRow& c) {
  std::string out = "<dl class=\"facts\">\n";
  const auto fact = [&](std::string_view what, const std::string& html) {
    if (!html.empty()) out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", what, html);
  };
  const bool wrong = c.group == "F";
  fact(wrong ? "what is true" : "asserted", html_formula(c.statement));
  if (wrong) fact("", fmt::format("<span class=\"formula\">{}</span>", html_formula(c.formula)));
  fact("evidence", escape_markup(c.evidence));
  if (c.error_over_bound > 0) {
    fact("largest error", html_figure(number(c.error_over_bound)) + " of its bound");
  }
  fact("kernels", kernels(c));
  fact("reason", escape_markup(c.reason));
  return out + "</dl>\n";
}

std::string claim(const ClaimRow& c) {
  std::string out = fmt::format("<article class=\"claim\" id=\"{}\">\n<h4>{} {}</h4>\n{}",
                                anchor(c), html_code(c.id), badge(c.verdict), sentence(c));
  if (!c.formula.empty() && c.group != "F") {
    out += fmt::format("<p class=\"formula\">{}</p>\n", html_formula(c.formula));
  }
  out += facts(c);
  if (!c.witness.empty()) {
    const bool refuted = c.verdict == ClaimVerdict::refuted;
    out += fmt::format("<p class=\"small\">{}</p>\n<pre class=\"witness{}\">{}</pre>\n",
                       refuted ? "Smallest witness" : "Witness", refuted ? "" : " broken",
                       escape_markup(c.witness));
  }
  return out + figures(c) + plots(c) + "</article>\n";
}

}  // namespace

std::string html_formula(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size();) {
    const auto [end, bracketed] =
        s[i] == '_' || s[i] == '^' ? script_end(s, i) : std::pair<std::size_t, bool>(i, false);
    if (end <= i + 1 || i == 0 || s[i - 1] == ' ') {
      const std::size_t next = std::min(s.find_first_of("_^", i + 1), s.size());
      out += escape_markup(s.substr(i, next - i));
      i = next;
      continue;
    }
    const std::size_t cut = bracketed ? 1 : 0;
    const std::string_view tag = s[i] == '_' ? "sub" : "sup";
    out += fmt::format("<{0}>{1}</{0}>", tag,
                       escape_markup(s.substr(i + 1 + cut, end - i - 1 - 2 * cut)));
    i = end;
  }
  return out;
}

Section html_claims(const Results& r) {
  if (r.claims.empty()) return {};
  const std::vector<ClaimGroup> groups = claim_groups(r);
  std::string body = fmt::format(
      "<p>Two documents on cross-entropy, sentence by sentence and translated: what they say, what "
      "is asserted of floating-point programs, and what came of it. {} claims: {}.</p>\n{}",
      r.claims.size(), escape_markup(claim_counts(all_claims(r))), legend(r));
  for (const ClaimGroup& g : groups) body += contents(g);
  for (const ClaimGroup& g : groups) {
    body += fmt::format("<h3 class=\"part\" id=\"group-{0}\">{0}. {1} <span class=\"small\">{2}"
                        "</span></h3>\n", escape_markup(g.letter), escape_markup(g.title),
                        escape_markup(claim_counts(g.rows)));
    for (const ClaimRow* c : g.rows) body += claim(*c);
  }
  return {"claims", "The ledger", std::move(body)};
}

}  // namespace xent::report
