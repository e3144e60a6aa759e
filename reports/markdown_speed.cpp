// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "reports/markdown_table.h"
#include "reports/parts.h"
#include "reports/speed.h"
#include "reports/text.h"

namespace xent::report {
namespace {

using Table = MarkdownTable;
using Cells = std::vector<std::string>;
using Peers = std::vector<PeerColumn>;

bool declares(const Timing& t) { return arithmetic_share(t).has_value(); }

std::string share_cell(const Timing& t) {
  const auto part = limit_share(t);
  if (!part) return "no limit measured";
  return fmt::format("{} of {} ({} GB/s)", percent(*part), escape_markdown(t.limit),
                     number(t.limit_bytes_per_second / 1e9));
}

std::string arithmetic_cell(const Timing& t) {
  const auto part = arithmetic_share(t);
  return part ? percent(*part) : "–";
}

void add_ratios(Cells& cells, const SpeedGroup& g, const Timing& t, const Peers& peers) {
  for (const PeerColumn& p : peers) cells.push_back(times_text(times_faster(g, t, p.kernel)));
}

std::string name_cell(const Timing& t) {
  std::string text = code_span(t.kernel);
  if (t.placement == "in place") text += ", in place";
  return t.path.empty() ? text : text + " (" + escape_markdown(t.path) + ")";
}

/// Columns, the alignment of each in front.
Table table_of(Cells heads, const Peers& peers) {
  std::string aligned;
  for (std::string& head : heads) {
    aligned += head.front();
    head.erase(0, 1);
  }
  for (const PeerColumn& p : peers) {
    aligned += '>';
    heads.push_back(fmt::format("× {}", p.letter));
  }
  return Table(aligned, heads);
}

std::string speed_table(const SpeedGroup& g, const Peers& peers) {
  const bool arithmetic =
      std::any_of(g.timings.begin(), g.timings.end(), [](auto* t) { return declares(*t); });
  Cells heads = {"<kernel", "<verdict", ">median", ">25–75 %", ">GB/s", ">of measured limit"};
  if (arithmetic) heads.push_back(">of vector limit");
  heads.push_back(">Mlogit/s");
  Table table = table_of(heads, peers);
  for (const Timing* t : g.timings) {
    const SpeedText verdict = speed_text(t->verdict);
    Cells cells = {name_cell(*t),
                   fmt::format("{} {}{}", verdict.symbol, verdict.word,
                               t == g.fastest ? ", fastest" : ""),
                   duration(t->median), duration_range(t->low, t->high),
                   number(t->bytes_per_second / 1e9), share_cell(*t)};
    if (arithmetic) cells.push_back(arithmetic_cell(*t));
    cells.push_back(number(t->logits_per_second / 1e6));
    add_ratios(cells, g, *t, peers);
    table.add(cells);
  }
  return fmt::format("{}, {}:\n\n{}", code_span(g.problem), escape_markdown(protocol(g)),
                     table.text());
}

std::string best_cell(const SpeedSummary& s, const Peers& peers) {
  const Timing* const best = best_rival(*s.group, *s.timing, peers);
  if (best == nullptr) return "–";
  const auto times = times_faster(*s.group, *s.timing, best->kernel);
  return fmt::format("{} × {}", times_text(times), code_span(best->kernel));
}

std::string summary(const Results& r, const std::vector<SpeedGroup>& groups, const Peers& peers) {
  const std::vector<SpeedSummary> rows = speed_summary(r, groups);
  if (rows.empty()) return {};
  Cells heads = {"<problem", "<fastest of ours", ">median", ">of measured limit",
                 ">of vector limit"};
  if (!peers.empty()) heads.push_back(">faster than the best peer");
  Table table = table_of(heads, peers);
  for (const SpeedSummary& s : rows) {
    Cells cells = {code_span(s.group->problem), name_cell(*s.timing), duration(s.timing->median),
                   share_cell(*s.timing), arithmetic_cell(*s.timing)};
    if (!peers.empty()) cells.push_back(best_cell(s, peers));
    add_ratios(cells, *s.group, *s.timing, peers);
    table.add(cells);
  }
  return "Fastest of ours on each problem:\n\n" + table.text();
}

std::string legend(const Peers& peers) {
  std::string out;
  for (const PeerColumn& p : peers) {
    out += fmt::format("- × {}: times of {}{} over the row's\n", p.letter, code_span(p.kernel),
                       p.origin.empty() ? "" : ", " + escape_markdown(p.origin));
  }
  return out.empty() ? out : out + "\n";
}

std::string limits(const Results& r) {
  if (r.limits.empty()) return {};
  Table table("<<>>>>", {"limit", "best pattern", "threads", "footprint", "per second", "samples"});
  for (const Limit& l : r.limits) {
    table.add({escape_markdown(l.name), escape_markdown(l.pattern), grouped(l.threads),
               l.footprint_bytes > 0 ? byte_count(l.footprint_bytes) : "", limit_rate(l),
               grouped(l.samples)});
  }
  return "Measured limits of this machine:\n\n" + table.text();
}

}  // namespace

std::string markdown_speed(const Results& r) {
  const std::vector<SpeedGroup> groups = speed_groups(r);
  const Peers peers = peer_columns(r);
  std::string out = summary(r, groups, peers) + legend(peers);
  for (const SpeedGroup& g : groups) out += speed_table(g, peers);
  out += limits(r);
  if (out.empty()) return out;
  return "## Speed\n\nGB/s counts each input read once and each output written once. Only verified "
         "kernels compete.\n\n" + out;
}

}  // namespace xent::report
