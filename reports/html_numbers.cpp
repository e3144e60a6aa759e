// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "reports/parts.h"
#include "reports/text.h"

namespace xent::report {
namespace {

std::string number_cell(std::string_view text) {
  return fmt::format("<td class=\"n\">{}</td>", html_figure(text));
}

std::string accuracy_row(const Results& r, const VerdictRow& row) {
  const KernelInfo* info = find_kernel(r, row.kernel);
  const MarkText words = text(mark(r, row));
  const ErrorProfile& e = row.worst;
  std::string out = fmt::format(
      "<tr><th scope=\"row\">{} {}</th><td>{}</td><td class=\"n\">{}</td>",
      html_mark(words.symbol, words.word, words.word, true), html_code(row.kernel),
      info == nullptr ? "" : escape_markup(info->accuracy_class), html_count(e.outputs));
  for (const double x : {e.error_over_bound, e.p999_over_bound, e.mean_over_bound}) {
    out += number_cell(number(x));
  }
  out += number_cell(signed_number(e.ulp)) + number_cell(number(e.p999_ulp)) +
         number_cell(number(e.mean_ulp)) + number_cell(signed_number(e.bias_ulp)) +
         number_cell(number(e.max_abs));
  return out + fmt::format("<td>{}</td></tr>\n",
                           info == nullptr ? "" : escape_markup(info->best_class));
}

std::string accuracy_table(const Results& r, const AccuracyGroup& group) {
  std::string rows;
  for (const VerdictRow* row : group.rows) rows += accuracy_row(r, *row);
  const std::string heads =
      "<th scope=\"col\" rowspan=\"2\">kernel</th><th scope=\"col\" rowspan=\"2\">judged as</th>"
      "<th scope=\"col\" rowspan=\"2\" class=\"n\">outputs</th>"
      "<th scope=\"colgroup\" colspan=\"3\" class=\"over\">error / bound</th>"
      "<th scope=\"colgroup\" colspan=\"4\" class=\"over\">error in ulps of the exact value</th>"
      "<th scope=\"col\" rowspan=\"2\" class=\"n\">max error</th>"
      "<th scope=\"col\" rowspan=\"2\">best class</th></tr>\n<tr>" +
      html_heads("#worst|#p99.9|#mean|#worst|#p99.9|#mean|#bias");
  return html_table("Accuracy: " + group.property, "accuracy", heads, rows);
}

std::string profile_table(const Results& r, const Overview& o) {
  std::string rows;
  for (const AccuracyRow* row : profile_rows(r, o)) {
    const KernelInfo* info = find_kernel(r, row->kernel);
    const KernelInfo kernel = info == nullptr ? KernelInfo{} : *info;
    const ErrorProfile& e = row->errors;
    rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{} {}</td>"
                        "<td>{}</td><td class=\"n\">{}</td>",
                        html_code(row->kernel), escape_markup(kernel.accuracy_class),
                        escape_markup(kernel.best_class), escape_markup(row->output),
                        escape_markup(row->dtype), escape_markup(problems_text(*row)),
                        html_count(row->cases));
    rows += number_cell(signed_number(e.ulp)) + number_cell(number(e.p999_ulp)) +
            number_cell(number(e.mean_ulp)) + number_cell(signed_number(e.bias_ulp)) +
            number_cell(number(e.error_over_bound)) + "</tr>\n";
  }
  if (rows.empty()) return rows;
  const std::string heads =
      "<th scope=\"col\" rowspan=\"2\">kernel</th><th scope=\"col\" rowspan=\"2\">judged as</th>"
      "<th scope=\"col\" rowspan=\"2\">best class</th><th scope=\"col\" rowspan=\"2\">output</th>"
      "<th scope=\"col\" rowspan=\"2\">problems</th>"
      "<th scope=\"col\" rowspan=\"2\" class=\"n\">cases</th>"
      "<th scope=\"colgroup\" colspan=\"4\" class=\"over\">error in ulps of the exact value</th>"
      "<th scope=\"col\" rowspan=\"2\" class=\"n\">error / bound</th></tr>\n<tr>" +
      html_heads("#worst|#p99.9|#mean|#bias");
  return html_table("Errors by output and format", "accuracy", heads, rows);
}

std::string power_cell(const PowerRow& p) {
  if (!p.power) return "<td class=\"n muted\">none required</td>";
  return p.vacuous ? fmt::format("<td class=\"n\">{} {}</td>",
                                 html_mark("∅", "vacuous", "vacuous"),
                                 escape_markup(share(*p.power)))
                   : number_cell(share(*p.power));
}

std::string not_judged_table(const std::vector<NotJudged>& list, std::string_view label,
                             std::string_view heads) {
  std::string rows;
  for (const NotJudged& n : list) {
    rows += fmt::format("<tr><td class=\"n\">{}</td><td class=\"prose\">{}</td>"
                        "<td class=\"prose\">{}</td></tr>\n",
                        html_count(n.count), escape_markup(n.what),
                        escape_markup(some(n.kernels)));
  }
  return rows.empty() ? rows : html_table(label, "list", html_heads(heads), rows);
}

}  // namespace

Section html_accuracy(const Results& r, const Overview& o) {
  std::string main;
  std::string others;
  for (const AccuracyGroup& group : accuracy_groups(o)) {
    const std::string caption = fmt::format("<h3>{}</h3>\n", html_code(group.property));
    (group.main ? main : others) += caption + accuracy_table(r, group);
  }
  const std::string profiles = profile_table(r, o);
  if (main.empty() && others.empty() && profiles.empty()) return {};
  const auto folded = [](std::string_view summary, const std::string& tables) {
    if (tables.empty()) return tables;
    return fmt::format("<details>\n<summary>{}</summary>\n{}</details>\n", summary, tables);
  };
  if (!profiles.empty()) main = folded("All problems, by property", main);
  if (!main.empty()) others = folded("Errors met while judging the other properties", others);
  return {"accuracy", "Accuracy",
          "<p>Error against the proved enclosure of the exact value. Error / bound at most 1 is "
          "within the bound derived from the kernel’s error budget. The best class is that "
          "attained in this run, on every problem.</p>\n" + profiles + main + others};
}

Section html_power(const Overview& o) {
  constexpr std::array<std::string_view, 4> usual = {"zeros", "constant", "untouched", "previous"};
  std::string rows;
  const std::vector<PowerRow> all = power_rows(o);
  const bool differ =
      std::any_of(all.begin(), all.end(), [](const PowerRow& p) { return !p.weakest.empty(); });
  for (const PowerRow& p : all) {
    rows += fmt::format("<tr><th scope=\"row\">{}</th>", html_code(p.property));
    rows += power_cell(p) + number_cell(p.power ? share(p.floor) : "");
    for (const std::string_view substitute : usual) {
      const auto found = p.rejected.find(std::string(substitute));
      rows += found == p.rejected.end() ? "<td class=\"n muted\">·</td>"
                                        : number_cell(share(found->second));
    }
    rows += fmt::format("<td class=\"n\">{}</td>{}</tr>\n", html_count(p.cases),
                        differ ? fmt::format("<td>{}</td>", html_code(p.weakest)) : "");
  }
  if (rows.empty()) return {};
  return {"power", "Power",
          "<p>The share of judged cases on which a trivial answer is rejected, least over the "
          "kernels. A property below its floor is vacuous, and the run fails.</p>\n" +
              html_table("Power", "list",
                         html_heads(fmt::format("property|#power|#floor|#zeros|#constant|"
                                                "#untouched|#previous|#cases{}",
                                                differ ? "|weakest on" : "")),
                         rows)};
}

Section html_exponentials(const Results& r) {
  std::string rows;
  for (const ExponentialRow& e : r.exponentials) {
    for (const KnownMaximum& m : e.maxima) {
      rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td>"
                          "<td class=\"prose\">{}</td><td class=\"n\">{}</td><td>{}</td>"
                          "<td>{}</td></tr>\n",
                          html_code(e.kernel), name(e.verdict), html_count(e.inputs),
                          escape_markup(m.what), escape_markup(maximum_text(e, m)),
                          html_code(m.argument),
                          &m == e.maxima.data() ? escape_markup(declared_text(e)) : "");
    }
  }
  if (rows.empty()) return {};
  std::string facts;
  for (const ExponentialRow& e : r.exponentials) {
    facts += fmt::format("<p class=\"small\">{}: {}</p>\n", html_code(e.kernel),
                         escape_markup(fmt::format("{}", fmt::join(e.facts, "; "))));
  }
  return {"exponentials", "Exponentials",
          "<p>Every maximum holds for all arguments tried, up to the digits shown.</p>\n" +
              html_table("Exponentials", "list",
                         html_heads("kernel|verdict|#arguments|what|#maximum|at|declared"), rows) +
              facts};
}

Section html_findings(const Results& r) {
  std::string rows;
  for (const Finding& f : r.findings) {
    std::string witness;
    if (!f.witness.empty()) witness = fmt::format("<pre>{}</pre>", escape_markup(f.witness));
    if (!f.replay.empty()) {
      witness += fmt::format("<pre class=\"replay\">{}</pre>", escape_markup(f.replay));
    }
    rows += fmt::format("<tr><th scope=\"row\">{}<br>{}</th><td class=\"prose\">{}</td>"
                        "<td class=\"prose\">{}</td></tr>\n",
                        html_code(f.kernel), html_code(f.id), escape_markup(finding_text(f)),
                        witness);
  }
  if (rows.empty()) return {};
  return {"findings", "Findings",
          fmt::format("<p>Facts worth knowing that break no promise{}.</p>\n{}",
                      r.strict ? "; in this run they count as failures" : "",
                      html_table("Findings", "findings",
                                 html_heads("kernel and finding|what|smallest witness"), rows))};
}

Section html_not_judged(const Results& r) {
  return {"not-judged", "Not judged",
          not_judged_table(skip_reasons(r), "Skipped cases", "#cases skipped|reason|kernels") +
              not_judged_table(excluded_rows(r), "Excluded rows",
                               "#rows excluded|question that the dialect leaves open|kernels")};
}

Section html_kernels(const Results& r) {
  std::string rows;
  for (const KernelInfo& k : r.kernels) {
    const std::string summary = escape_markup(k.summary) +
        (k.unavailable.empty() ? "" : fmt::format(" <span class=\"skip\">– cannot run here: {}"
                                                  "</span>", escape_markup(k.unavailable)));
    rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td>"
                        "<td class=\"prose\">{}</td><td class=\"prose\">{}</td>"
                        "<td class=\"prose\">{}</td></tr>\n",
                        html_code(k.name), escape_markup(k.role), escape_markup(origin_text(k)),
                        summary, escape_markup(k.budget),
                        escape_markup(promises_text(k)));
  }
  if (rows.empty()) return {};
  return {"kernels", "Kernels",
          html_table("Kernels", "list",
                     html_heads("kernel|role|from|summary|error budget|promises"), rows)};
}

Section html_environment(const Results& r) {
  const Environment& e = r.environment;
  std::string out = "<dl class=\"facts\">\n";
  const auto fact = [&](std::string_view what, const std::string& html) {
    if (!html.empty()) out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", what, html);
  };
  fact("xentcheck", escape_markup(fmt::format("{} ({})", e.version, e.build)));
  fact("compiler", escape_markup(e.compiler));
  fact("processor", escape_markup(fmt::format("{}, {} cores", e.cpu, e.cores)));
  fact("instruction sets", escape_markup(e.isa));
  fact("system", escape_markup(e.system));
  fact("started", escape_markup(e.started));
  fact("command", html_code(r.command));
  fact("seed", html_code(r.seed));
  return {"environment", "Environment", out + "</dl>\n"};
}

}  // namespace xent::report
