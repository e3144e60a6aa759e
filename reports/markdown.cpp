// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "reports/markdown_table.h"
#include "reports/parts.h"
#include "reports/reports.h"
#include "reports/summary.h"
#include "reports/text.h"

namespace xent::report {
namespace {

using Table = MarkdownTable;

std::string head(const Results& r, const Overview& o) {
  std::string out = fmt::format("# {} xentcheck: {}\n\n{}", o.symbol, o.word,
                                escape_markdown(fmt::format("{}", fmt::join(o.sentences, " "))));
  out += fmt::format("\n\n{} kernels × {} properties: {}.  \n{} cases, {} checks, {}; profile {}, "
                     "seed {}.\n\n",
                     kernel_count(o, ","), o.properties.size(), count_text(o),
                     grouped(o.cases), grouped(o.checks), duration(r.seconds),
                     escape_markdown(r.profile), code_span(r.seed));
  for (const std::string& note : r.notes) out += fmt::format("> {}  \n", escape_markdown(note));
  return r.notes.empty() ? out : out + "\n";
}

void matrix_rows(Table& table, const Results& r, const Overview& o,
                 const std::vector<std::string>& kernels) {
  for (const std::string& k : kernels) {
    std::vector<std::string> cells = {code_span(k)};
    std::int64_t cases = 0;
    bool asked = false;
    for (const std::string& p : o.properties) {
      const VerdictRow* row = o.at(k, p);
      asked |= row != nullptr;
      cells.emplace_back(row == nullptr ? "" : text(mark(r, *row)).symbol);
      cases += row == nullptr ? 0 : row->cases;
    }
    cells.push_back(asked ? grouped(cases) : "not run");
    table.add(std::move(cells));
  }
}

std::string matrix(const Results& r, const Overview& o) {
  if (o.properties.empty()) return {};
  std::vector<std::string> heads = {"kernel"};
  for (std::size_t i = 1; i <= o.properties.size(); ++i) heads.push_back(fmt::format("{}", i));
  heads.emplace_back("cases");
  std::string alignment(heads.size(), '^');
  alignment.front() = '<';
  alignment.back() = '>';
  Table table(std::move(alignment), std::move(heads));
  matrix_rows(table, r, o, o.kernels);
  matrix_rows(table, r, o, o.expected);
  std::string legend;
  for (const Mark m : kMarks) {
    if (o.marks.contains(m)) legend += fmt::format("{} {}; ", text(m).symbol, text(m).meaning);
  }
  std::string out = fmt::format("## Verdicts\n\n{}{}blank: not asked.\n\n", table.text(), legend);
  for (std::size_t i = 0; i < o.properties.size(); ++i) {
    const PropertyInfo* info = find_property(r, o.properties[i]);
    out += fmt::format("{}. {} {}\n", i + 1, code_span(o.properties[i]),
                       info == nullptr ? "" : escape_markdown(info->title));
  }
  return out + "\n";
}

std::string counterexample(const Results& r, const VerdictRow& row) {
  std::string out = fmt::format("### {} {} breaks {}\n\n", text(mark(r, row)).symbol,
                                code_span(row.kernel), code_span(row.property));
  if (!row.counterexample) return out + escape_markdown(explanation(row)) + "\n\n";
  out += code_block(counterexample_text(*row.counterexample));
  return out + fmt::format("\nShrunk in {} steps; {}.\n\n", row.counterexample->shrink_steps,
                           row.counterexample->file.empty()
                               ? "not saved"
                               : fmt::format("saved as {}", code_span(row.counterexample->file)));
}

std::string failures(const Results& r, const Overview& o) {
  std::string out;
  for (const VerdictRow& row : r.verdicts) {
    const Mark m = mark(r, row);
    const bool listed = m == Mark::vacuous || m == Mark::inconclusive || m == Mark::error;
    if (m == Mark::fail) {
      out += counterexample(r, row);
    } else if (listed && counts(r, row)) {
      out += fmt::format("- {} {} on {}, {}: {}\n\n", text(m).symbol, code_span(row.kernel),
                         code_span(row.property), text(m).word, escape_markdown(explanation(row)));
    }
  }
  for (const std::string& k : o.expected) {
    if (failed_to_fail(o, k)) {
      out += fmt::format("- ✗ {} was expected to fail and broke nothing: this run cannot tell it "
                         "from a right kernel\n\n", code_span(k));
    }
  }
  return out.empty() ? out : "## Failures\n\n" + out;
}

std::string expected(const Results& r) {
  std::string out;
  for (const VerdictRow& row : r.verdicts) {
    if (mark(r, row) == Mark::expected) out += counterexample(r, row);
  }
  if (out.empty()) return out;
  return "## Expected to fail\n\nKernels kept to show what goes wrong; a run in which they break "
         "nothing is a failed run.\n\n" + out;
}

std::string profiles(const Results& r, const Overview& o) {
  Table table("<<<<<<>>>>>>", {"kernel", "from", "judged as", "best class", "output", "problems",
                               "cases", "worst ulp", "p99.9 ulp", "mean ulp", "bias ulp",
                               "error/bound"});
  const auto rows = profile_rows(r, o);
  for (const AccuracyRow* row : rows) {
    const KernelInfo* info = find_kernel(r, row->kernel);
    const KernelInfo kernel = info == nullptr ? KernelInfo{} : *info;
    const ErrorProfile& e = row->errors;
    table.add({code_span(row->kernel), escape_markdown(origin_text(kernel)),
               escape_markdown(kernel.accuracy_class), escape_markdown(kernel.best_class),
               escape_markdown(row->output + " " + row->dtype),
               escape_markdown(problems_text(*row)), grouped(row->cases), signed_number(e.ulp),
               number(e.p999_ulp), number(e.mean_ulp), signed_number(e.bias_ulp),
               number(e.error_over_bound)});
  }
  return rows.empty() ? "" : "Errors by output and format:\n\n" + table.text();
}

std::string accuracy(const Results& r, const Overview& o) {
  const auto groups = accuracy_groups(o);
  const bool any_main = std::any_of(groups.begin(), groups.end(), [](auto& g) { return g.main; });
  std::string out = profiles(r, o);
  for (const AccuracyGroup& g : groups) {
    if (any_main && !g.main) continue;
    Table table("<^<>>>>>>>><", {"kernel", "", "judged as", "outputs", "worst error/bound", "p99.9",
                                 "mean", "worst ulp", "p99.9 ulp", "mean ulp", "bias ulp",
                                 "best class"});
    for (const VerdictRow* row : g.rows) {
      const KernelInfo* info = find_kernel(r, row->kernel);
      const KernelInfo kernel = info == nullptr ? KernelInfo{} : *info;
      const ErrorProfile& e = row->worst;
      table.add({code_span(row->kernel), std::string(text(mark(r, *row)).symbol),
                 escape_markdown(kernel.accuracy_class), grouped(e.outputs),
                 number(e.error_over_bound), number(e.p999_over_bound), number(e.mean_over_bound),
                 signed_number(e.ulp), number(e.p999_ulp), number(e.mean_ulp),
                 signed_number(e.bias_ulp), escape_markdown(kernel.best_class)});
    }
    out += fmt::format("{}, all that it judged:\n\n", code_span(g.property)) + table.text();
  }
  if (out.empty()) return out;
  return "## Accuracy\n\nError against the proved enclosure of the exact value; error/bound at "
         "most 1 is within the bound derived from the kernel's error budget.\n\n" + out;
}

std::string power(const Overview& o) {
  const auto rows = power_rows(o);
  if (rows.empty()) return {};
  Table table("<>>>><<", {"property", "cases", "power", "floor", "", "weakest on", "rejected"});
  for (const PowerRow& p : rows) {
    std::vector<std::string> rates;
    for (const auto& [what, rate] : p.rejected) {
      rates.push_back(escape_markdown(fmt::format("{} {}", what, share(rate))));
    }
    table.add({code_span(p.property), grouped(p.cases), p.power ? share(*p.power) : "none required",
               p.power ? share(p.floor) : "", p.vacuous ? "∅ vacuous" : "", code_span(p.weakest),
               fmt::format("{}", fmt::join(rates, ", "))});
  }
  return "## Power\n\nThe share of judged cases on which a trivial answer is rejected, least over "
         "the kernels; below its floor a property is vacuous.\n\n" + table.text();
}

std::string exponentials(const Results& r) {
  if (r.exponentials.empty()) return {};
  Table table("<<>>><<", {"kernel", "", "arguments", "what", "maximum", "at", "declared"});
  for (const ExponentialRow& e : r.exponentials) {
    for (const KnownMaximum& m : e.maxima) {
      table.add({code_span(e.kernel), std::string(name(e.verdict)), grouped(e.inputs),
                 escape_markdown(m.what), escape_markdown(maximum_text(e, m)),
                 code_span(m.argument),
                 &m == e.maxima.data() ? escape_markdown(declared_text(e)) : ""});
    }
  }
  std::string out = "## Exponentials\n\nEvery maximum holds for all arguments tried, up to the "
                    "digits shown.\n\n" + table.text();
  for (const ExponentialRow& e : r.exponentials) {
    out += fmt::format("- {}: {}\n", code_span(e.kernel),
                       escape_markdown(fmt::format("{}", fmt::join(e.facts, "; "))));
  }
  return out + "\n";
}

std::string not_judged(const Results& r) {
  std::string out;
  for (const NotJudged& n : skip_reasons(r)) {
    out += fmt::format("- {} cases skipped: {} ({})\n", grouped(n.count), escape_markdown(n.what),
                       escape_markdown(some(n.kernels)));
  }
  for (const NotJudged& n : excluded_rows(r)) {
    out += fmt::format("- {} rows excluded: {}, which the dialect leaves open\n", grouped(n.count),
                       code_span(n.what));
  }
  for (const KernelInfo& k : r.kernels) {
    if (!k.unavailable.empty()) {
      out += fmt::format("- {} cannot run here: {}\n", code_span(k.name),
                         escape_markdown(k.unavailable));
    }
  }
  return out.empty() ? out : "## Not judged\n\n" + out + "\n";
}

std::string findings(const Results& r) {
  if (r.findings.empty()) return {};
  Table table("<<<", {"kernel", "finding", "what"});
  std::string witnesses;
  for (const Finding& f : r.findings) {
    table.add({code_span(f.kernel), code_span(f.id), escape_markdown(finding_text(f))});
    if (f.witness.empty()) continue;
    witnesses += fmt::format("### {} {}\n\n{}\n", code_span(f.kernel), code_span(f.id),
                             code_block(f.replay.empty() ? f.witness
                                                         : f.witness + "\n" + f.replay));
  }
  return fmt::format("## Findings\n\nFacts worth knowing that break no promise{}.\n\n{}{}",
                     r.strict ? "; in this run they count as failures" : "", table.text(),
                     witnesses);
}

std::string third_parties(const Results& r) {
  Table table("<<<<", {"kernel", "from", "judged as", "promises"});
  bool any = false;
  for (const KernelInfo& k : r.kernels) {
    if (k.origin.empty()) continue;
    any = true;
    table.add({code_span(k.name), escape_markdown(k.origin), escape_markdown(k.accuracy_class),
               escape_markdown(promises_text(k))});
  }
  return any ? "## Third parties\n\n" + table.text() : "";
}

std::string environment(const Results& r) {
  const Environment& e = r.environment;
  std::string out = "## Environment\n\n";
  const auto line = [&](std::string_view what, const std::string& text) {
    if (!text.empty()) out += fmt::format("- {}: {}\n", what, text);
  };
  line("xentcheck", escape_markdown(fmt::format("{} ({})", e.version, e.build)));
  line("compiler", escape_markdown(e.compiler));
  line("processor", escape_markdown(fmt::format("{}, {} cores", e.cpu, e.cores)));
  line("instruction sets", escape_markdown(e.isa));
  line("system", escape_markdown(e.system));
  line("started", escape_markdown(e.started));
  line("command", code_span(r.command));
  line("seed", code_span(r.seed));
  return out;
}

}  // namespace
}  // namespace xent::report

namespace xent {

std::string to_markdown(const Results& results) {
  using namespace report;
  const Overview o = overview(results);
  return head(results, o) + markdown_claims(results) + matrix(results, o) + failures(results, o) +
         accuracy(results, o) + findings(results) + power(o) + expected(results) +
         exponentials(results) + markdown_speed(results) + not_judged(results) +
         third_parties(results) + environment(results);
}

}  // namespace xent
