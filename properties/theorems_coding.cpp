// SPDX-License-Identifier: Apache-2.0
// Codes: lengths are integers, probabilities multiples of a power of two, so mean lengths are
// exact.
#include <cmath>
#include <functional>
#include <queue>

#include "properties/relations.h"

namespace xent {
namespace {

/// Lengths in bits of Huffman's code words for the positive entries of p; 0 for the others, and
/// where there is one event only. Sums of multiples of one power of two are exact.
std::vector<int> huffman_lengths(const std::vector<double>& p) {
  using Node = std::pair<double, std::size_t>;
  std::priority_queue<Node, std::vector<Node>, std::greater<>> open;
  std::vector<std::size_t> parent(p.size());
  for (std::size_t k = 0; k < p.size(); ++k) {
    if (p[k] > 0) open.emplace(p[k], k);
  }
  while (open.size() > 1) {
    const auto [a, i] = open.top();
    open.pop();
    const auto [b, k] = open.top();
    open.pop();
    parent[i] = parent[k] = parent.size();
    open.emplace(a + b, parent.size());
    parent.push_back(0);
  }
  // A parent stands behind its children; the root, behind all, is its own end.
  std::vector<int> depth(parent.size(), 0);
  for (std::size_t i = parent.size(); i-- > 0;) {
    if (parent[i] > i) depth[i] = depth[parent[i]] + 1;
  }
  depth.resize(p.size());
  return depth;
}

double mean_length(const std::vector<double>& p, const std::vector<int>& lengths) {
  double sum = 0;
  for (std::size_t k = 0; k < p.size(); ++k) sum += p[k] * lengths[k];
  return sum;
}

/// q_k = 2^-length: the distribution that a code is made for. A complete code's sum to 1.
std::vector<double> distribution_of(const std::vector<int>& lengths) {
  std::vector<double> q;
  for (const int length : lengths) q.push_back(std::ldexp(1.0, -length));
  return q;
}

/// The p of the case, and q replaced by the distribution of q's Huffman code; false where the type
/// does not hold it.
bool with_code_of_q(const TestCase& c, TestCase& out, std::vector<double>& cost) {
  out = c;
  bool exact = true;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const std::vector<int> lengths = huffman_lengths(row_of(c.input, r, c.problem.v));
    exact &= store_row(out.input, r, distribution_of(lengths));
    cost.push_back(mean_length(row_of(c.target, r, c.problem.v), lengths));
  }
  return exact;
}

/// Every row of p and of q, q without zeros, is of multiples of 2^-bits that sum to 1. Mean lengths
/// are exact sums then: below 2^13 at multiples of 2^-24 at most.
bool dyadic_rows(const TestCase& c, int bits) {
  for (const Tensor* t : {&c.input, &c.target}) {
    for (std::int64_t r = 0; r < c.problem.n; ++r) {
      double sum = 0;
      for (const double x : row_of(*t, r, c.problem.v)) {
        if (!(x >= 0) || (x == 0 && t == &c.input)) return false;
        if (std::ldexp(x, bits) != std::floor(std::ldexp(x, bits))) return false;
        sum += x;
      }
      if (sum != 1) return false;
    }
  }
  return true;
}

constexpr int kBits = 24;

/// H(p) <= E[length] < H(p) + 1 for p's own code, and what p costs with q's code is H(p,q) where
/// q is exactly what the code is made for; never less than with its own.
Judgement source_coding(Trial& t) {
  Judgement j;
  const TestCase& c = t.test_case;
  if (!dyadic_rows(c, kBits)) {
    ++j.excluded["not-dyadic"];
    return j;
  }
  TestCase coded;
  std::vector<double> cost;
  Evaluation entropy, cross;
  const bool exact = with_code_of_q(c, coded, cost);
  if (!entropy.run(t, with_op(c, Op::entropy), j)) return j;
  if (exact && !cross.run(t, coded, j)) return j;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const std::vector<double> p = row_of(c.target, r, c.problem.v);
    const double own = mean_length(p, huffman_lengths(p));
    const Value h = entropy.loss(r);
    check_order(j, h, known(own), Order::weak, at("H(p) <= mean length", r));
    check_order(j, known(own), h + known(1), Order::strict, at("mean length < H(p) + 1", r));
    const double foreign = cost[static_cast<std::size_t>(r)];
    check_order(j, h, known(foreign), Order::weak, at("H(p) <= length with another code", r));
    if (foreign < own) j.check(false, at("a code for q is shorter than Huffman's for p", r));
    if (!exact) {
      ++j.excluded["code-beyond-format"];
    } else {
      check_equal(j, cross.loss(r), known(foreign), at("H(p,q) is the length with q's code", r));
    }
  }
  entropy.judge(j);
  if (exact) cross.judge(j);
  return j;
}

}  // namespace

std::vector<Property> coding_properties() {
  return {
      {"info.source-coding", "H(p) is the least mean number of bits; H(p,q) that of q's code.",
       "Huffman's code for p, in integers: H(p) <= mean length < H(p) + 1. A code for a dyadic q "
       "costs p exactly H(p,q) bits. The kernel's bits agree within its bounds.",
       {"op=cross-entropy targets=prob unit=bits"}, {"dyadic-simplex"}, "mutant/unit-ignored",
       every_substitute(), 0.5, source_coding,
       [](const Problem& p) {
         return std::vector<Problem>{plain(p, Op::entropy, TargetKind::index)};
       },
       {{"", "dtype=f64", "dtype=f16", "dtype=bf16"}}},
  };
}

}  // namespace xent
