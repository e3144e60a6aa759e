// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "properties/refutation_tools.h"

namespace xent {
namespace {

using Kind = WitnessSpace::Kind;

/// Column t holds the logit of token t above the only other token, given the tokens before it.
const WitnessSpace kSequences{{Kind::number}, 1, 5, 8, 32};

TestCase sequence_case(const std::vector<double>& gaps) {
  std::vector<double> z;
  for (const double gap : gaps) z.insert(z.end(), {gap, 0.0});
  return of_logits(Op::ce, Dir::fwd, z, std::vector<std::int64_t>(gaps.size(), 0), Reduction::sum);
}

Exact nll(const std::vector<double>& gaps) {
  if (gaps.empty()) return exact(0);
  Reference r(sequence_case(gaps));
  return exact(r.loss(0));
}

std::vector<double> after_first(const std::vector<double>& gaps) {
  return {gaps.begin() + 1, gaps.end()};
}

/// Probabilities exp(-sum of losses) of all sequences of three tokens 0 and 1, added up; the logits
/// of the tree's seven nodes are those of token 0 above token 1.
Exact total_probability(const std::vector<double>& nodes, bool with_first) {
  Exact total = exact(0);
  for (std::size_t x = 0; x < 8; ++x) {
    Exact loss = exact(0);
    for (std::size_t t = 0, node = 0; t < 3; ++t) {
      const std::size_t token = (x >> (2 - t)) & 1;
      if (t > 0 || with_first) {
        loss += loss_of({nodes[node], 0}, static_cast<std::int64_t>(token));
      }
      node = 2 * node + 1 + token;
    }
    total += exp_of(Exact(-loss));
  }
  return total;
}

Exact lse(const std::vector<double>& z) {
  Reference r(of_logits(Op::lse, Dir::fwd, z, {}));
  return exact(r.row_loss(0));
}

std::vector<double> part(const std::vector<double>& all, std::size_t first, std::size_t count) {
  const auto from = all.begin() + static_cast<std::ptrdiff_t>(first);
  return {from, from + static_cast<std::ptrdiff_t>(count)};
}

/// -log P(x) by the chain rule: the sequences that begin like x, fewer with each token. Energies
/// are those of all 2^T sequences in binary order.
Exact by_conditionals(const std::vector<double>& energies, std::size_t x) {
  Exact loss = exact(0);
  for (std::size_t count = energies.size(); count > 1; count /= 2) {
    const std::size_t shorter = x / count * count, longer = x / (count / 2) * (count / 2);
    loss += lse(part(energies, shorter, count)) - lse(part(energies, longer, count / 2));
  }
  return loss;
}

/// Joint table of two tokens: rows and columns, and the mass at each pair.
struct Pair {
  std::int64_t row[2], column[2], at[4];
};
Pair pair_of(const std::vector<std::int64_t>& t) {
  return {{t[0] + t[1], t[2] + t[3]}, {t[0] + t[2], t[1] + t[3]}, {t[0], t[1], t[2], t[3]}};
}

/// The product of both conditionals P(a|b) P(b|a) is not the joint at cell i: j one != row column.
bool differs(const Dyadic& d, std::size_t i) {
  const Pair t = pair_of(d.rows[0]);
  return t.at[i] > 0 && t.at[i] * d.denominator != t.row[i / 2] * t.column[i % 2];
}

/// The pseudo-likelihoods of all pairs sum to 1 + (a d - b c)^2 / (product of the margins): in
/// whole numbers, so to 1 for independent tokens and to more for others.
bool sums_as_it_must(const std::vector<std::int64_t>& table) {
  const Pair t = pair_of(table);
  const std::int64_t margins = t.row[0] * t.row[1] * t.column[0] * t.column[1];
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    sum += t.at[i] * t.at[i] * (margins / (t.row[i / 2] * t.column[i % 2]));
  }
  const std::int64_t determinant = t.at[0] * t.at[3] - t.at[1] * t.at[2];
  return sum - margins == determinant * determinant;
}

void check_tables(Inquiry& inquiry, std::int64_t one) {
  for (std::int64_t a = 0; a <= one; ++a) {
    for (std::int64_t b = 0; a + b <= one; ++b) {
      for (std::int64_t c = 0; a + b + c <= one; ++c) {
        const std::int64_t d = one - a - b - c;
        if ((a + b) * (c + d) * (a + c) * (b + d) == 0) continue;
        inquiry.next_case();
        inquiry.check(sums_as_it_must({a, b, c, d}), "they sum to another value");
      }
    }
  }
}

}  // namespace

ClaimEvidence refute_first_token(const ClaimContext& context) {
  Inquiry inquiry(context);
  const Witness w = find_witness(kSequences, inquiry.random(), [](const Dyadic& d) {
    return !meet(nll(d.row(0)), nll(after_first(d.row(0))));
  });
  for (std::int64_t i = 0; i < inquiry.cases(); ++i) {
    const Random random = inquiry.random().stream(~static_cast<std::uint64_t>(i));
    const std::vector<double> gaps = random_dyadic(kSequences, random).row(0);
    inquiry.next_case();
    inquiry.check(meet(nll(gaps) - nll(after_first(gaps)), loss_of({gaps[0], 0}, 0)),
                  "the sums do not differ by -log P(x1)");
    inquiry.judge(sequence_case(gaps));
    if (gaps.size() > 1) inquiry.judge(sequence_case(after_first(gaps)));
    const WitnessSpace tree{{Kind::number}, 7, 7, 8, 32};
    const std::vector<double> nodes = random_dyadic(tree, random.stream(1)).row(0);
    inquiry.check(meet(total_probability(nodes, true), exact(1)), "probabilities do not sum to 1");
    inquiry.check(meet(total_probability(nodes, false), exact(2)),
                  "without the first token they do not sum to the number of first tokens");
  }
  if (!w) return inquiry.refuted(w, "");
  const Exact all = nll(w.data.row(0)), rest = nll(after_first(w.data.row(0)));
  inquiry.found.figures = {figure("−Σ log P(x_t | x_{<t}), all t", all, "nats"),
                           figure("the same without the first token", rest, "nats")};
  return inquiry.refuted(
      w, fmt::format("a sequence of {} token{}, two equal choices: {} nats with the first token, "
                     "{} without", w.data.columns(), w.data.columns() == 1 ? "" : "s", decimal(all),
                     decimal(rest)));
}

ClaimEvidence refute_joint_too_complex(const ClaimContext& context) {
  Inquiry inquiry(context);
  const WitnessSpace pairs{{Kind::number}, 4, 4, 8, 32}, triples{{Kind::number}, 8, 8, 8, 32};
  const auto same = [](const std::vector<double>& energies, std::size_t x) {
    return meet(by_conditionals(energies, x), loss_of(energies, static_cast<std::int64_t>(x)));
  };
  const Witness w = find_witness(pairs, inquiry.random(),
                                 [&](const Dyadic& d) { return same(d.row(0), 0); });
  for (std::int64_t i = 0; i < inquiry.cases(); ++i) {
    const Random random = inquiry.random().stream(~static_cast<std::uint64_t>(i));
    const std::vector<double> energies = random_dyadic(triples, random).row(0);
    inquiry.next_case();
    for (std::size_t x = 0; x < energies.size(); ++x) {
      inquiry.check(same(energies, x), "the conditionals' sum is not the joint's logarithm");
    }
    inquiry.judge(of_logits(Op::ce, Dir::fwd, energies, {i % 8}));
    for (std::size_t count = 8; count > 1; count /= 2) {
      inquiry.judge(of_logits(Op::lse, Dir::fwd, part(energies, 0, count), {}));
    }
  }
  if (!w) return inquiry.refuted(w, "");
  const Exact joint = loss_of(w.data.row(0), 0), sum = by_conditionals(w.data.row(0), 0);
  inquiry.found.figures = {figure("−log P(x₁, x₂)", in_bits(joint), "bits"),
                           figure("−log P(x₁) − log P(x₂ | x₁)", in_bits(sum), "bits")};
  return inquiry.refuted(
      w, fmt::format("two tokens, the four pairs with logits {}: −log P(x₁, x₂) = {} bits, and the "
                     "two conditionals sum to {} bits: the joint itself", w.data.text(0),
                     decimal(in_bits(joint)), decimal(in_bits(sum))));
}

ClaimEvidence refute_bert_is_mle(const ClaimContext& context) {
  Inquiry inquiry(context);
  const WitnessSpace tables{{Kind::distribution}, 4, 4, 16};
  const auto cell = [](const Dyadic& d) -> std::size_t {
    for (std::size_t i = 0; i < 4; ++i) {
      if (differs(d, i)) return i;
    }
    return 4;
  };
  const Witness w = find_witness(tables, inquiry.random(),
                                 [&](const Dyadic& d) { return cell(d) < 4; });
  check_tables(inquiry, 16);
  if (!w) return inquiry.refuted(w, "");
  const std::size_t i = cell(w.data);
  const Pair t = pair_of(w.data.rows[0]);
  const auto value = [](std::int64_t x) { return exact(static_cast<double>(x)); };
  const Exact joint = value(t.at[i]) / value(w.data.denominator);
  const Exact pseudo = value(t.at[i] * t.at[i]) / value(t.row[i / 2] * t.column[i % 2]);
  inquiry.found.figures = {figure("joint probability", joint),
                           figure("product of the masked model's conditionals", pseudo)};
  return inquiry.refuted(
      w, fmt::format("two tokens of 0 or 1, P(00, 01, 10, 11) = {}: the pair {}{} has probability "
                     "{}, but P(x₁|x₂) P(x₂|x₁) = {}", w.data.text(0), i / 2, i % 2, decimal(joint),
                     decimal(pseudo)));
}

}  // namespace xent
