// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "reports/parts.h"
#include "reports/text.h"

namespace xent::report {
namespace {

/// More counterexamples than this start folded.
constexpr int kOpenCases = 12;

/// Columns that fit beside the kernels' names without scrolling.
constexpr std::size_t kMostColumns = 24;

/// A part of the properties, by number.
struct Columns {
  std::size_t first;
  std::size_t last;
};

std::string_view family(std::string_view id) { return id.substr(0, id.find('.')); }

/// Whole families of properties (loss, info, ...), as many as fit side by side.
std::vector<Columns> blocks(const std::vector<std::string>& properties) {
  std::vector<Columns> all;
  for (std::size_t i = 0; i < properties.size();) {
    std::size_t end = i + 1;
    while (end < properties.size() && family(properties[end]) == family(properties[i])) ++end;
    const bool fits = !all.empty() && end - all.back().first <= kMostColumns;
    if (fits) all.back().last = end;
    else all.push_back({i, end});
    i = end;
  }
  return all;
}

std::string cell_title(const Results& r, const VerdictRow& row) {
  const Mark m = mark(r, row);
  std::string out = fmt::format("{} on {}: {}", row.property, row.kernel, text(m).word);
  if (m == Mark::skip) return fmt::format("{}\n{}", out, skip_text(row));
  if (m != Mark::pass) out += fmt::format("\n{}", explanation(row));
  out += fmt::format("\n{} cases, {} checks", grouped(row.cases), grouped(row.checks));
  if (row.skipped > 0) out += fmt::format(", {} cases skipped", grouped(row.skipped));
  if (row.worst.outputs > 0) {
    out += fmt::format("\nlargest error / bound {}", number(row.worst.error_over_bound));
  }
  if (row.power) out += fmt::format("\npower {}", share(*row.power));
  return out;
}

std::string matrix_row(const Results& r, const Overview& o, const Columns& c,
                       const std::string& kernel) {
  const KernelInfo* info = find_kernel(r, kernel);
  const std::string about =
      info == nullptr ? "" : fmt::format("{}\n{}", info->summary, origin_text(*info));
  std::string out = fmt::format("<tr><th scope=\"row\" title=\"{}\">{}</th>",
                                escape_attribute(about), html_code(kernel));
  std::int64_t cases = 0;
  bool asked = false;
  std::string cells;
  for (std::size_t i = c.first; i < c.last; ++i) {
    const VerdictRow* row = o.at(kernel, o.properties[i]);
    if (row == nullptr) {
      cells += "<td></td>";
      continue;
    }
    asked = true;
    cases += row->cases;
    const MarkText words = text(mark(r, *row));
    cells += fmt::format("<td class=\"on-{}\" title=\"{}\">{}</td>", words.word,
                         escape_attribute(cell_title(r, *row)),
                         html_mark(words.symbol, words.word, words.word, true));
  }
  if (asked) return out + cells + fmt::format("<td class=\"n\">{}</td></tr>\n", html_count(cases));
  const bool unable = info != nullptr && !info->unavailable.empty();
  const std::string why =
      unable ? fmt::format("cannot run here: {}", info->unavailable) : "no property was asked";
  return out + fmt::format("<td class=\"absent\" colspan=\"{}\">{}</td></tr>\n",
                           c.last - c.first + 1, escape_markup(why));
}

std::string matrix_heads(const Results& r, const Overview& o, const Columns& c) {
  std::string out = "<th scope=\"col\">kernel</th>";
  for (std::size_t i = c.first; i < c.last; ++i) {
    const PropertyInfo* info = find_property(r, o.properties[i]);
    out += fmt::format("<th scope=\"col\" class=\"turn\"><a href=\"#p{}\" title=\"{}\">{}</a></th>",
                       i + 1, info == nullptr ? "" : escape_attribute(info->title),
                       escape_markup(o.properties[i]));
  }
  return out + "<th scope=\"col\" class=\"n\">cases</th>";
}

std::string legend(const Overview& o) {
  std::string out = "<ul class=\"legend\">\n";
  for (const Mark m : kMarks) {
    if (!o.marks.contains(m)) continue;
    const MarkText words = text(m);
    out += fmt::format("<li>{}: {}</li>\n", html_mark(words.symbol, words.word, words.word),
                       words.meaning);
  }
  return out + "</ul>\n";
}

std::string counterexample(const Results& r, const VerdictRow& row, bool open) {
  const MarkText words = text(mark(r, row));
  const PropertyInfo* info = find_property(r, row.property);
  std::string out = fmt::format(
      "<details class=\"case from-{}\"{}>\n<summary>{} {} breaks {}</summary>\n", words.word,
      open ? " open" : "", html_mark(words.symbol, words.word, words.word, true),
      html_code(row.kernel), html_code(row.property));
  if (info != nullptr && !info->title.empty()) {
    out += fmt::format("<p class=\"title\">{}</p>\n", escape_markup(info->title));
  }
  if (!row.counterexample) {
    return out + fmt::format("<p>{}</p>\n</details>\n", escape_markup(explanation(row)));
  }
  const Counterexample& c = *row.counterexample;
  out += fmt::format("<p class=\"message\">{}</p>\n<pre>{}\n{}</pre>\n", escape_markup(c.message),
                     escape_markup(c.problem), escape_markup(c.data));
  if (!c.replay.empty()) {
    out += fmt::format("<pre class=\"replay\">{}</pre>\n", escape_markup(c.replay));
  }
  out += fmt::format("<p class=\"small\">Shrunk in {} steps{}{}.</p>\n", html_count(c.shrink_steps),
                     c.file.empty() ? "; not saved" : "; saved as ", html_code(c.file));
  return out + "</details>\n";
}

std::string other_failures(const Results& r, const Overview& o) {
  std::string out;
  for (const VerdictRow& row : r.verdicts) {
    const Mark m = mark(r, row);
    const bool listed = m == Mark::vacuous || m == Mark::inconclusive || m == Mark::error;
    if (!listed || !counts(r, row)) continue;
    out += fmt::format("<li>{}: {} on {}: {}</li>\n",
                       html_mark(text(m).symbol, text(m).word, text(m).word),
                       html_code(row.property), html_code(row.kernel),
                       escape_markup(explanation(row)));
  }
  for (const std::string& k : o.expected) {
    if (!failed_to_fail(o, k)) continue;
    out += fmt::format("<li>{}: {} was expected to fail and broke nothing: this run cannot tell it "
                       "from a right kernel</li>\n", html_mark("✗", "fail", "fail"), html_code(k));
  }
  return out.empty() ? out : fmt::format("<ul class=\"plain\">\n{}</ul>\n", out);
}

std::string counterexamples(const Results& r, const Overview& o, Mark m) {
  std::string out;
  const auto found = o.marks.find(m);
  const bool open = found != o.marks.end() && found->second <= kOpenCases;
  for (const VerdictRow& row : r.verdicts) {
    if (mark(r, row) == m) out += counterexample(r, row, open);
  }
  return out;
}

}  // namespace

Section html_failures(const Results& r, const Overview& o) {
  return {"failures", "Failures", counterexamples(r, o, Mark::fail) + other_failures(r, o)};
}

Section html_expected(const Results& r, const Overview& o) {
  std::string body = counterexamples(r, o, Mark::expected);
  if (!body.empty()) {
    body = "<p>Kernels kept to show what goes wrong. A run in which they break nothing is a failed "
           "run.</p>\n" + body;
  }
  return {"expected", "Expected to fail", std::move(body)};
}

Section html_matrix(const Results& r, const Overview& o) {
  if (o.properties.empty()) return {};
  std::string tables;
  for (const Columns& c : blocks(o.properties)) {
    std::string rows = "<tbody>\n";
    for (const std::string& k : o.kernels) rows += matrix_row(r, o, c, k);
    rows += "</tbody>\n";
    if (!o.expected.empty()) {
      rows += fmt::format("<tbody>\n<tr class=\"group\"><th colspan=\"{}\" scope=\"rowgroup\">"
                          "<span>expected to fail</span></th></tr>\n", c.last - c.first + 2);
      for (const std::string& k : o.expected) rows += matrix_row(r, o, c, k);
      rows += "</tbody>\n";
    }
    tables += html_table("Verdicts by kernel and property", "matrix", matrix_heads(r, o, c), rows);
  }
  return {"verdicts", "Verdicts", tables + legend(o)};
}

Section html_properties(const Results& r, const Overview& o) {
  std::string rows;
  for (std::size_t i = 0; i < o.properties.size(); ++i) {
    const PropertyInfo* info = find_property(r, o.properties[i]);
    rows += fmt::format("<tr id=\"p{}\"><th scope=\"row\">{}</th><td class=\"prose\">{}</td>"
                        "<td class=\"prose\">{}</td></tr>\n",
                        i + 1, html_code(o.properties[i]),
                        info == nullptr ? "" : escape_markup(info->title),
                        info == nullptr ? "" : escape_markup(info->statement));
  }
  if (rows.empty()) return {};
  return {"properties", "Properties",
          html_table("Properties", "list", html_heads("property|theorem|asserted of floats"),
                     rows)};
}

}  // namespace xent::report
