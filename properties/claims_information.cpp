// SPDX-License-Identifier: Apache-2.0
#include "properties/claims_tables.h"

namespace xent {
namespace {

constexpr LedgerEntry kEntries[] = {
    {"info.self-information",
     "The information of an event is how unexpected it is: the less likely, the more information; "
     "what is certain carries none. A fair coin that shows heads carries 1 bit.",
     "I(x) = −log p(x)",
     "Values within their bounds; a certain event gives 0, probability 1/2 gives 1 bit; a rarer "
     "event never gives less; for independent events the information adds up.",
     "info.self-information"},
    {"info.units",
     "With a logarithm of base 2 the unit is the bit, with the natural logarithm the nat.",
     "1 nat = 1 / ln 2 bits",
     "Every quantity asked for in bits is the one in nats divided by ln 2, within both bounds.",
     "info.units"},
    {"info.entropy",
     "Entropy is the mean information of a distribution: each event's probability times its "
     "information. It depends on the true distribution alone.",
     "H(p) = −Σ pᵢ log pᵢ",
     "Within the bound of the exact value, with 0 · log 0 = 0; the order of the events does not "
     "matter.",
     "info.entropy"},
    {"info.entropy-bounds",
     "Entropy is greatest for the uniform distribution, and least, namely 0, for a certain one "
     "(one-hot).",
     "0 ≤ H(p) ≤ log C",
     "For numbers whose sum P is not exactly 1: H(p) ≤ P log(C / P). Equality for uniform dyadic "
     "p; strict elsewhere, wherever the gap exceeds the bounds.",
     "info.entropy-bounds"},
    {"info.entropy-order",
     "The more even the distribution, the greater the entropy; the more concentrated, the smaller.",
     "H((1−t) p + t u) ≥ H(p),  u uniform",
     "Mixing with the uniform distribution, and moving mass from a likelier to a less likely "
     "event, "
     "never lower H beyond the bounds.",
     "info.entropy-order"},
    {"info.source-coding",
     "Entropy is the least mean number of bits that encodes events of p; cross-entropy the mean "
     "number of bits with a code that was made for q.",
     "H(p) ≤ E[length] < H(p) + 1",
     "Huffman's code for p keeps to both limits; a code for a dyadic q costs exactly H(p, q) bits.",
     "info.source-coding"},
    {"info.cross-entropy",
     "Cross-entropy is the mean information needed to describe the true distribution p by the "
     "predicted distribution q.",
     "H(p, q) = −Σ pᵢ log qᵢ",
     "Within the bound of the exact value; +∞ where some qᵢ = 0 < pᵢ.",
     "info.cross-entropy"},
    {"info.gibbs",
     "Cross-entropy is never less than entropy, and equal to it exactly when q = p.",
     "H(p, q) ≥ H(p)",
     "For sums P and Q that are not exactly 1: Σ p log(p/q) ≥ P log(P/Q), equality when p is "
     "proportional to q; the textbook form on dyadic p and q.",
     "info.gibbs"},
    {"info.decomposition",
     "The difference between cross-entropy and entropy is the Kullback–Leibler divergence.",
     "H(p, q) = H(p) + KL(p‖q)",
     "A kernel computes all three: the residual stays within the sum of their bounds. From logits: "
     "CE(z; y) − CE(log y; y) against a certified KL(y‖softmax z).",
     "info.decomposition"},
    {"info.kl",
     "The Kullback–Leibler divergence measures how far q is from p: never negative, and 0 exactly "
     "when p = q.",
     "KL(p‖q) = Σ pᵢ log(pᵢ / qᵢ) ≥ 0",
     "Within the bound of the exact value, which near p = q follows the condition of the sum; "
     "never "
     "below −bound on dyadic p and q; within the bound of 0 at p = q.",
     "info.kl"},
    {"info.min-ce-is-min-kl",
     "The entropy of the true distribution is fixed while training, so minimising cross-entropy is "
     "minimising the Kullback–Leibler divergence.",
     "∇ H(p, q) = ∇ KL(p‖q)",
     "The gradients of both agree within their bounds, and both are least at q = p.",
     "info.min-ce-is-min-kl"},
    {"info.asymmetry",
     "Cross-entropy and Kullback–Leibler divergence are not symmetric.",
     "H(p, q) ≠ H(q, p),  KL(p‖q) ≠ KL(q‖p)",
     "On pairs whose exact values differ by more than the bounds, so do the kernel's; on symmetric "
     "pairs they agree within the bounds.",
     "info.asymmetry"},
    {"info.divergence-grows",
     "The further q is from p, the greater the cross-entropy.",
     "t ↦ H(p, (1−t) p + t r) does not decrease",
     "Along a straight line away from p the cross-entropy is convex and never falls beyond the "
     "bounds. (By distance alone the sentence is wrong: wrong.larger-difference.)",
     "info.divergence-grows"},
    {"info.underestimate-costs",
     "To underestimate a likely event raises the cross-entropy markedly; to overestimate an "
     "unlikely one matters less.",
     "kl(pₐ‖pₐ/r) ≥ kl(p_b‖r·p_b)  for r > 1, r·p_b ≤ pₐ, p_b + r·p_b ≤ 1",
     "By an equal factor r, for the binary kl, within the bounds; the first grows without bound in "
     "r, the second is at most −log(1 − q_b). (By equal mass: wrong.underestimate-absolute.)",
     "info.underestimate-costs"},
    {"info.one-hot",
     "With a one-hot label the entropy is 0, so cross-entropy and Kullback–Leibler divergence are "
     "the same number.",
     "H(p) = 0,  H(p, q) = KL(p‖q) = −log q_k",
     "The three routes agree within their bounds; the entropy is exactly 0.",
     "info.one-hot"},
};

}  // namespace

std::span<const LedgerEntry> ledger_of_information() { return kEntries; }

}  // namespace xent
