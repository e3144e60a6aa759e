// SPDX-License-Identifier: Apache-2.0
#include "properties/ways.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "properties/relations.h"
#include "properties/ways_calls.h"

namespace xent {
namespace {

struct Rewrite {
  unsigned way;
  Problems (*problems)(const Problem&);
  std::optional<Route> (*calls)(const TestCase&);
};

/// In the order in which they may follow one another.
constexpr Rewrite kRewrites[] = {
    {kUnit, nats, nats_calls},
    {kLayout, contiguous, contiguous_calls},
    {kOperation, by_cross_entropy, by_cross_entropy_calls},
    {kMixture, mixture, mixture_calls},
    {kOneHot, one_hot, one_hot_calls},
    {kSum, by_sequence, by_sequence_calls},
    {kSum, counted_mean, counted_mean_calls},
    {kOwnMean, own_mean, own_mean_calls},
    {kRows, rows<Reduction::sum>, rows_calls<Reduction::sum>},
    {kRows, rows<Reduction::mean>, rows_calls<Reduction::mean>},
    {kSum, sum_by_mean, sum_by_mean_calls},
    {kDirection, joined, joined_calls},
    {kDirection, split, split_calls},
    {kLossAlone, loss_alone, loss_alone_calls},
};

/// Without a gradient nothing is left of what asks for it alone.
unsigned ways_for(const Problem& p, unsigned ways) {
  return p.wants_loss() ? ways : ways & ~unsigned{kLossAlone};
}

bool reachable(const Kernel& k, unsigned all_ways, const Problem& p, std::size_t first) {
  if (k.supports(p)) return true;
  const unsigned ways = ways_for(p, all_ways);
  for (std::size_t i = first; i < std::size(kRewrites); ++i) {
    if ((kRewrites[i].way & ways) == 0) continue;
    const Problems needed = kRewrites[i].problems(p);
    const bool all = std::all_of(needed.begin(), needed.end(), [&](const Problem& q) {
      return reachable(k, ways, q, i + 1);
    });
    if (!needed.empty() && all) return true;
  }
  return false;
}

/// The terms with each call's elements replaced by what they are made of.
void substitute(std::vector<Sum>& terms, const std::vector<Route>& inner,
                const std::vector<std::size_t>& first, bool loss) {
  for (Sum& sum : terms) {
    Sum made;
    for (const Share& t : sum) {
      const Route& r = inner[t.call];
      const auto& elements = loss ? r.loss : r.grad;
      const auto at = static_cast<std::size_t>(t.at);
      if (elements.size() <= at || elements[at].empty()) {
        made.clear();
        break;
      }
      for (const Share& u : elements[at]) {
        made.push_back({first[t.call] + u.call, u.at, product(t.factor, u.factor)});
      }
    }
    sum = std::move(made);
  }
}

bool says_nothing(const std::vector<Sum>& terms) {
  return std::all_of(terms.begin(), terms.end(), [](const auto& t) { return t.empty(); });
}

std::optional<Route> route_from(const Kernel& k, unsigned ways, const TestCase& c,
                                std::size_t first);

/// One way, and the ways that its calls take.
std::optional<Route> by_way(const Kernel& k, unsigned ways, const TestCase& c, std::size_t i) {
  std::optional<Route> outer = kRewrites[i].calls(c);
  if (!outer) return std::nullopt;
  std::vector<Route> inner;
  std::vector<std::size_t> starts;
  std::vector<TestCase> calls;
  for (const TestCase& call : outer->calls) {
    std::optional<Route> r = route_from(k, ways, call, i + 1);
    if (!r) return std::nullopt;
    starts.push_back(calls.size());
    std::move(r->calls.begin(), r->calls.end(), std::back_inserter(calls));
    outer->corrected |= r->corrected;
    inner.push_back(*std::move(r));
  }
  substitute(outer->loss, inner, starts, true);
  substitute(outer->grad, inner, starts, false);
  if (says_nothing(outer->loss)) outer->loss.clear();
  if (says_nothing(outer->grad)) outer->grad.clear();
  if (outer->loss.empty() && outer->grad.empty()) return std::nullopt;
  outer->calls = std::move(calls);
  return outer;
}

std::optional<Route> route_from(const Kernel& k, unsigned all_ways, const TestCase& c,
                                std::size_t first) {
  if (k.supports(c.problem)) return itself(c, c.problem);
  const unsigned ways = ways_for(c.problem, all_ways);
  for (std::size_t i = first; i < std::size(kRewrites); ++i) {
    if ((kRewrites[i].way & ways) == 0) continue;
    const Problems needed = kRewrites[i].problems(c.problem);
    const bool all = std::all_of(needed.begin(), needed.end(), [&](const Problem& q) {
      return reachable(k, ways, q, i + 1);
    });
    if (needed.empty() || !all) continue;
    if (std::optional<Route> r = by_way(k, ways, c, i)) return r;
  }
  return std::nullopt;
}

}  // namespace

bool may_be_the_oracles(unsigned ways, const Problem& p) {
  const bool beside = p.op == Op::mse_softmax || p.op == Op::mse_sigmoid || p.dir == Dir::hvp ||
                      p.unit == Unit::perplexity;
  return (ways & kByOracle) != 0 && beside && !meaningless(p);
}

bool can_be_asked(const Kernel& k, unsigned ways, const Problem& p) {
  return reachable(k, ways, p, 0) || may_be_the_oracles(ways, p);
}

std::optional<Route> route(const Kernel& k, unsigned ways, const TestCase& c) {
  return route_from(k, ways, c, 0);
}

}  // namespace xent
