// SPDX-License-Identifier: Apache-2.0
#include "reports/speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "reports/summary.h"
#include "reports/text.h"

namespace xent::report {

std::vector<SpeedGroup> speed_groups(const Results& r) {
  std::vector<SpeedGroup> out;
  for (const Timing& t : r.timings) {
    auto group = std::find_if(out.begin(), out.end(),
                              [&](const SpeedGroup& g) { return g.problem == t.problem; });
    if (group == out.end()) group = out.insert(out.end(), SpeedGroup{t.problem, {}, nullptr});
    group->timings.push_back(&t);
  }
  // All point into one array, so that the address keeps equal medians in their order.
  const auto key = [](const Timing* t) {
    return std::tuple(t->verdict != Verdict::pass, !(t->median > 0) ? HUGE_VAL : t->median, t);
  };
  for (SpeedGroup& g : out) {
    std::sort(g.timings.begin(), g.timings.end(),
              [&](const Timing* a, const Timing* b) { return key(a) < key(b); });
    const Timing* first = g.timings.front();
    if (first->verdict == Verdict::pass && first->median > 0) g.fastest = first;
  }
  return out;
}

std::optional<double> limit_share(const Timing& t) {
  if (!(t.limit_bytes_per_second > 0) || !std::isfinite(t.limit_bytes_per_second)) return {};
  return t.bytes_per_second / t.limit_bytes_per_second;
}

std::optional<double> arithmetic_share(const Timing& t) {
  if (!(t.arithmetic_seconds > 0) || !(t.median > 0)) return {};
  return t.arithmetic_seconds / t.median;
}

std::string limit_rate(const Limit& l) {
  if (l.operations_per_second > 0) return number(l.operations_per_second / 1e9) + " vectors/ns";
  return number(l.bytes_per_second / 1e9) + " GB/s";
}

std::string speed_name(const Timing& t) {
  return t.placement == "in place" ? t.kernel + ", in place" : t.kernel;
}

std::string protocol(const SpeedGroup& g) {
  const Timing& t = *g.timings.front();
  std::string text = fmt::format("{} thread{}", t.threads, t.threads == 1 ? "" : "s");
  if (t.cache == "warm") text += "; warm: the same data at the same place in each call";
  if (t.cache == "changing") text += "; other data or another place in each long call";
  return text;
}

std::vector<PeerColumn> peer_columns(const Results& r) {
  std::vector<PeerColumn> all;
  for (const KernelInfo& k : r.kernels) {
    const bool timed = std::any_of(r.timings.begin(), r.timings.end(),
                                   [&](const Timing& t) { return t.kernel == k.name; });
    if (k.role != "peer" || !timed || all.size() == 26) continue;
    all.push_back({static_cast<char>('a' + all.size()), k.name, k.origin});
  }
  return all;
}

std::string peer_text(const PeerColumn& p) {
  return fmt::format("{} {}{}", p.letter, p.kernel, p.origin.empty() ? "" : " (" + p.origin + ")");
}

const Timing* rival(const SpeedGroup& g, const Timing& t, const std::string& peer) {
  const Timing* other = nullptr;
  for (const Timing* one : g.timings) {
    if (one->kernel != peer || !(one->median > 0)) continue;
    if (one->placement == t.placement) return one;
    other = one;
  }
  return other;
}

std::optional<double> times_faster(const SpeedGroup& g, const Timing& t, const std::string& peer) {
  const Timing* const other = rival(g, t, peer);
  if (other == nullptr || !(t.median > 0)) return {};
  return other->median / t.median;
}

const Timing* best_rival(const SpeedGroup& g, const Timing& t,
                         const std::vector<PeerColumn>& peers) {
  const Timing* best = nullptr;
  for (const PeerColumn& p : peers) {
    const Timing* const one = rival(g, t, p.kernel);
    if (one != nullptr && (best == nullptr || one->median < best->median)) best = one;
  }
  return best;
}

std::string times_text(std::optional<double> times) { return times ? number(*times) : "–"; }

std::vector<SpeedSummary> speed_summary(const Results& r, const std::vector<SpeedGroup>& groups) {
  std::vector<SpeedSummary> all;
  for (const SpeedGroup& g : groups) {
    for (const char* placement : {"", "out of place", "in place"}) {
      const auto ours = [&](const Timing* t) {
        const KernelInfo* const k = find_kernel(r, t->kernel);
        const bool product = k != nullptr && k->role == "product" && k->origin.empty();
        return product && t->verdict == Verdict::pass && t->median > 0 && t->placement == placement;
      };
      const auto first = std::find_if(g.timings.begin(), g.timings.end(), ours);
      if (first != g.timings.end()) all.push_back({&g, *first});
    }
  }
  return all;
}

}  // namespace xent::report
