// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "reports/claims.h"
#include "reports/parts.h"
#include "reports/reports.h"
#include "reports/text.h"

namespace xent::report {
namespace {

constexpr std::string_view kThinSpace = "\u202F";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// '<' only occurs inside JSON strings, so no text can end the element or open a comment.
std::string embedded(const Results& r) { return replaced(json_text(r, -1), "<", "\\u003c"); }

std::string navigation(const std::vector<Section>& sections) {
  std::string out = "<nav aria-label=\"Sections\"><ul>\n";
  for (const Section& s : sections) {
    out += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", s.id, s.title);
  }
  return out + "</ul></nav>\n";
}

std::string page(const Results& r, const Overview& o, const std::vector<Section>& sections) {
  std::string body;
  for (const Section& s : sections) {
    body += fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", s.id, s.title, s.body);
  }
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'\">\n"
      "<title>{} xentcheck: {}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n"
      "{}{}{}</main>\n<script type=\"application/json\" id=\"results\">{}</script>\n"
      "</body>\n</html>\n",
      o.symbol, o.word, html_style(), html_header(r, o), navigation(sections), body, embedded(r));
}

}  // namespace

std::string html_code(std::string_view text) {
  return text.empty() ? "" : fmt::format("<code>{}</code>", escape_markup(text));
}

std::string html_figure(std::string_view text) {
  return replaced(escape_markup(text), "-", "−");
}

std::string html_count(std::int64_t n) { return grouped(n, kThinSpace); }

std::string html_mark(std::string_view symbol, std::string_view word, std::string_view style,
                      bool brief) {
  return brief ? fmt::format(R"(<span class="mark {}" role="img" aria-label="{}">{}</span>)", style,
                             word, symbol)
               : fmt::format(R"(<span class="mark {}">{}</span> <span class="{}">{}</span>)", style,
                             symbol, style, word);
}

std::string html_table(std::string_view label, std::string_view style, std::string_view heads,
                       std::string_view rows) {
  return fmt::format(
      "<div class=\"scroll\" role=\"region\" aria-label=\"{}\" tabindex=\"0\">\n"
      "<table class=\"{}\">\n<thead><tr>{}</tr></thead>\n{}</table>\n</div>\n",
      escape_attribute(label), style, heads,
      rows.starts_with("<tbody") ? std::string(rows) : fmt::format("<tbody>\n{}</tbody>\n", rows));
}

std::string html_heads(std::string_view words) {
  std::string out;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find('|'), words.size());
    std::string_view word = words.substr(0, end);
    const bool is_number = word.starts_with('#');
    if (is_number) word.remove_prefix(1);
    out += fmt::format("<th scope=\"col\"{}>{}</th>", is_number ? " class=\"n\"" : "",
                       escape_markup(word));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return out;
}

std::string html_header(const Results& r, const Overview& o) {
  std::string word = o.word;
  word[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])));
  const std::string_view style = o.exit == Exit::ok             ? "pass"
                                 : o.exit == Exit::inconclusive ? "inconclusive"
                                 : o.exit == Exit::nothing      ? "skip"
                                                                : "fail";
  std::string out = fmt::format(
      "<header>\n<p class=\"brand\"><b>xentcheck</b> {} · {} · {}</p>\n"
      "<h1><span class=\"mark {}\">{}</span> {}</h1>\n",
      escape_markup(r.environment.version), escape_markup(r.profile),
      escape_markup(r.environment.started), style, o.symbol, word);
  for (const std::string& s : o.sentences) {
    out += fmt::format("<p class=\"lead\">{}</p>\n", escape_markup(s));
  }
  for (const std::string& n : r.notes) {
    out += fmt::format("<p class=\"note\">{}</p>\n", escape_markup(n));
  }
  const auto figure = [&](std::string_view what, const std::string& html) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", what, html);
  };
  out += "<dl class=\"band\">\n";
  if (!r.claims.empty()) figure("claims", html_count(static_cast<std::int64_t>(r.claims.size())));
  figure("kernels", kernel_count(o, kThinSpace));
  figure("properties", html_count(static_cast<std::int64_t>(o.properties.size())));
  figure("cases", html_count(o.cases));
  figure("checks", html_count(o.checks));
  figure("time", escape_markup(duration(r.seconds)));
  figure("seed", html_code(r.seed));
  out += "</dl>\n";
  const auto counts = [&](std::string_view what, const std::string& text) {
    out += fmt::format("<p class=\"counts\">{}: {}.</p>\n", what, escape_markup(text));
  };
  if (!r.claims.empty()) counts("Claims", claim_counts(all_claims(r)));
  counts("Verdicts", count_text(o));
  return out + "</header>\n";
}

}  // namespace xent::report

namespace xent {

std::string to_html(const Results& r) {
  using namespace report;
  const Overview o = overview(r);
  std::vector<Section> sections = {
      html_claims(r),   html_failures(r, o),    html_matrix(r, o),       html_accuracy(r, o),
      html_findings(r), html_power(o),          html_expected(r, o),     html_exponentials(r),
      html_speed(r),    html_not_judged(r),     html_kernels(r),         html_properties(r, o),
      html_environment(r)};
  std::erase_if(sections, [](const Section& s) { return s.body.empty(); });
  return page(r, o, sections);
}

}  // namespace xent
