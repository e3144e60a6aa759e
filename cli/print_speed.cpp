// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/terminal.h"
#include "reports/speed.h"
#include "reports/text.h"

namespace xent {
namespace {

using report::PeerColumn;
using report::SpeedGroup;
using Peers = std::vector<PeerColumn>;

std::string share(std::optional<double> part) {
  return part ? fmt::format("{:.0f}%", 100 * *part) : "-";
}

std::string ratios(const SpeedGroup& g, const Timing& t, const Peers& peers) {
  std::string out;
  for (const PeerColumn& p : peers) {
    const auto times = report::times_faster(g, t, p.kernel);
    out += fmt::format(" {:>6}", times ? report::number(*times) : "-");
  }
  return out;
}

std::string peer_heads(const Peers& peers) {
  std::string out;
  for (const PeerColumn& p : peers) out += fmt::format(" {:>6}", fmt::format("x {}", p.letter));
  return out;
}

/// Width of the longest name; a problem's name is longer than most kernels'.
template <class Range, class Name>
std::size_t width(const Range& range, Name name) {
  std::size_t widest = 26;
  for (const auto& one : range) widest = std::max(widest, name(one).size());
  return widest;
}

void print_group(const SpeedGroup& g, const Peers& peers) {
  const std::size_t w = width(g.timings, [](auto* t) { return report::speed_name(*t); });
  fmt::print("\n{}\n  {}\n", bold(g.problem), dim(report::protocol(g)));
  fmt::print("  {:<{}} {:>10} {:>8} {:>8} {:>20} {:>5} {:>9}{}\n", "kernel", w, "median", "25-75%",
             "GB/s", "of limit", "of U", "Mlogit/s", peer_heads(peers));
  for (const Timing* t : g.timings) {
    const double spread = t->median > 0 ? 100 * (t->high - t->low) / t->median : 0;
    const std::string limit = share(report::limit_share(*t)) + " " + t->limit;
    fmt::print("  {:<{}} {:>7.1f} us {:>7.1f}% {:>8.2f} {:>20} {:>5} {:>9.0f}{}{}\n",
               report::speed_name(*t), w, t->median * 1e6, spread, t->bytes_per_second * 1e-9,
               limit.substr(0, limit.find(" in place")), share(report::arithmetic_share(*t)),
               t->logits_per_second * 1e-6, ratios(g, *t, peers),
               t->verdict == Verdict::pass ? "" : "  " + bad("failed verification"));
    if (!t->path.empty()) fmt::print("    {}\n", dim("path: " + t->path));
  }
}

void print_limits(const Results& r) {
  fmt::print("\n{}\n", bold("limits of this machine"));
  for (const Limit& l : r.limits) {
    const std::string size = l.footprint_bytes > 0 ? report::byte_count(l.footprint_bytes) : "";
    fmt::print("  {:<20} {:>9} {:>16}  {} thread{}  {}\n", l.name, size, report::limit_rate(l),
               l.threads, l.threads == 1 ? " " : "s", l.pattern);
  }
}

void print_summary(const Results& r, const std::vector<SpeedGroup>& groups, const Peers& peers) {
  const auto rows = report::speed_summary(r, groups);
  if (rows.size() < 2) return;
  const auto problem = [](const report::SpeedSummary& s) {
    return s.group->problem + (s.timing->placement == "in place" ? ", in place" : "");
  };
  const std::size_t w = width(rows, problem);
  const std::size_t k = width(rows, [](const auto& s) { return s.timing->kernel; });
  fmt::print("\n{}\n  {:<{}} {:<{}} {:>10} {:>8} {:>5} {:>6}{}\n", bold("fastest of ours"),
             "problem", w, "kernel", k, "median", "of limit", "of U", "x best", peer_heads(peers));
  for (const report::SpeedSummary& s : rows) {
    const Timing& t = *s.timing;
    const Timing* const best = report::best_rival(*s.group, t, peers);
    const std::string times = best ? report::number(best->median / t.median) : "-";
    fmt::print("  {:<{}} {:<{}} {:>7.1f} us {:>8} {:>5} {:>6}{}\n", problem(s), w, t.kernel, k,
               t.median * 1e6, share(report::limit_share(t)), share(report::arithmetic_share(t)),
               times, ratios(*s.group, t, peers));
  }
}

}  // namespace

void print_timings(const Results& r) {
  if (r.timings.empty()) return;
  const std::vector<SpeedGroup> groups = report::speed_groups(r);
  const Peers peers = report::peer_columns(r);
  for (const SpeedGroup& g : groups) print_group(g, peers);
  print_limits(r);
  print_summary(r, groups, peers);
  for (const PeerColumn& p : peers) fmt::print("  x {}\n", report::peer_text(p));
}

}  // namespace xent
