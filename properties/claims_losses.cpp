// SPDX-License-Identifier: Apache-2.0
#include "properties/claims_tables.h"

namespace xent {
namespace {

constexpr LedgerEntry kEntries[] = {
    {"loss.accurate", "(ours)", "|computed − exact| ≤ B",
     "Every loss lies within the bound derived from the kernel's error budget, on every domain.",
     "loss.accurate"},
    {"loss.binary",
     "For two classes the loss is −[y log p + (1 − y) log(1 − p)], with p the predicted "
     "probability "
     "of the positive class.",
     "L = −[y log p + (1−y) log(1−p)]",
     "From a probability and from a logit, hard and soft y: within the bound of the exact value.",
     "loss.binary"},
    {"loss.binary-is-two-class",
     "Two classes with a sigmoid behave exactly like the softmax version.",
     "BCE(z; y) = CE([0, z]; y)",
     "The binary loss of z and the softmax loss of [0, z] agree within the two bounds.",
     "loss.binary-is-two-class"},
    {"loss.multiclass",
     "For C classes the loss is −Σ yᵢ log pᵢ with p = softmax(z); with a one-hot label it reduces "
     "to −log of the true class's probability.",
     "L = −Σ yᵢ log softmax(z)ᵢ = −log p_k",
     "Class index and dense one-hot target agree within the two bounds.",
     "loss.multiclass"},
    {"loss.soft-targets",
     "Cross-entropy compares the predicted distribution with the true one; a one-hot label is a "
     "case of it.",
     "L(z; y) is linear in y",
     "Within the bound of the exact value for full distributions; linear in y on mixtures that are "
     "exact in floats.",
     "loss.soft-targets"},
    {"loss.penalty",
     "−log p is near 0 when the true class's probability is near 1, grows without bound as it goes "
     "to 0, and falls as p rises: raising p from 0.5 to 0.8 lowers the loss from 0.693 to 0.223.",
     "−log 0.5 = 0.693…,  −log 0.8 = 0.223…",
     "Decreasing and convex in the true class's logit, wherever the exact gap exceeds the bounds; "
     "the two printed values hold.",
     "loss.penalty"},
    {"loss.flat-when-right",
     "When p is low the loss rises fast; when p is high it falls slowly.",
     "dL/dz_k = −(1 − p_k),  dL/dp = −1/p",
     "Both slopes within the bounds, and steeper on the side of the error.",
     "loss.flat-when-right"},
    {"loss.true-class-only",
     "Only the true class's term counts: we only care for the probability predicted for it.",
     "L depends on p_k alone",
     "Permuting the wrong classes, and rows whose p_k agree to a certified δ, change the loss by "
     "no "
     "more than B₁ + B₂ + δ/p_k; the wrong classes' gradients must differ.",
     "loss.true-class-only"},
    {"loss.worked-example",
     "Printed logits [3, 5], targets [2, 0, 0]: the loss is 2.3837, by the library and by hand.",
     "mean(1.0088, 1.9005, 4.2418) = 2.3837",
     "The printed logits are a box, half a unit of the last digit wide: the enclosure over it "
     "meets "
     "every printed value; the kernel agrees with the oracle at its centre.",
     "loss.worked-example"},
    {"loss.framework-semantics",
     "The framework's loss takes raw logits [N, C] or [B, C, T] and targets [N] or [B, T], "
     "averages "
     "by default, and fuses log-softmax with the negative log-likelihood.",
     "mean over N, or over B·T positions",
     "Both layouts, every reduction, within bounds of the flattened call.",
     "loss.framework-semantics"},
    {"loss.reshape",
     "Logits [B, T, V] are reshaped to [B·T, V] and the labels to [B·T].",
     "row (b, t) ↦ b·T + t",
     "Same losses and gradients within the bounds; flattening [B, C, T] without transposing is "
     "caught.",
     "loss.reshape"},
    {"loss.shift-invariance",
     "Logits are scores that are not normalised; softmax turns them into probabilities.",
     "L(z + c) = L(z)",
     "On logits and c for which every z + c is exact: the same bits if the kernel promises it, "
     "else "
     "within B(z) + B(z + c).",
     "loss.shift-invariance"},
    {"loss.extreme-logits",
     "The input is the raw logits; log-softmax and the negative log-likelihood are applied inside.",
     "finite z gives finite L, unless L itself passes the format",
     "Never NaN from finite logits; the gradient always finite; +∞ only where the exact loss is "
     "beyond the format. Offsets to ±1e38, gaps to the format's limit, −∞ masks, subnormals, ties.",
     "loss.extreme-logits"},
    {"loss.permutation", "(ours)", "L(Pz; Py) = L(z; y)",
     "The order of the classes does not matter, within the bounds; the gradient permutes along.",
     "loss.permutation"},
};

}  // namespace

std::span<const LedgerEntry> ledger_of_losses() { return kEntries; }

}  // namespace xent
