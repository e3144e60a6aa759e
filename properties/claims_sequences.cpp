// SPDX-License-Identifier: Apache-2.0
#include "properties/claims_tables.h"
#include "properties/experiments/experiments.h"

namespace xent {
namespace {

constexpr LedgerEntry kEntries[] = {
    {"lm.shifted",
     "A language model predicts the next token from those before it; the loss over a sequence sums "
     "−log P(next token), and over a batch it is divided by the number of tokens.",
     "L = −Σ_{t<T} log P(x_{t+1} | x_{≤t})",
     "Logits [B, T, V] with targets shifted by one agree with the flattened call on the shifted "
     "slices.",
     "lm.shifted"},
    {"lm.chain-rule",
     "The probability of a sentence is the product of each word's conditional probability, so the "
     "sum of the losses is −log of the joint probability.",
     "P(x₁ … x_T) = Π_t P(x_t | x_{<t})",
     "On a small enumerable model: all sequences' probabilities sum to 1, and each negative "
     "log-likelihood is −log of its probability.",
     "", study_chain_rule},
    {"lm.seq2seq",
     "In translation or summarisation the decoder predicts each target token from the source and "
     "the target's earlier tokens, with the same loss.",
     "L = −Σ_t log P(y_t | y_{<t}, x)",
     "The same kernel without a shift, padding ignored: within bounds of the problem without the "
     "padding.",
     "lm.seq2seq"},
    {"lm.mean-is-stable",
     "Dividing by the number of tokens helps numerical stability.",
     "(1/N) Σ ∇Lₙ does not grow with N",
     "The gradient's scale does not depend on the batch; an f16 sum overflows where the mean does "
     "not.",
     "lm.mean-is-stable"},
    {"lm.perplexity", "(ours)", "exp(mean CE in nats) = 2^(mean CE in bits)",
     "Both routes agree within their bounds; and on the model of a real text.",
     "lm.perplexity", study_text_model},
    {"trick.ignore-index",
     "Special tokens (padding, say) are left out of the loss.",
     "loss, gradient and denominator without those rows",
     "Equal to the problem without the ignored rows, whatever they hold, NaN too; their gradient "
     "is exactly 0.",
     "trick.ignore-index"},
    {"trick.label-smoothing",
     "Label smoothing softens one-hot labels against overfitting.",
     "y′ = (1 − ε) y + ε / C",
     "Equal within the bounds to the problem with the soft target y′.",
     "trick.label-smoothing"},
    {"trick.class-weights",
     "With unbalanced classes the loss is weighted by class.",
     "Σ w_y L / Σ w_y",
     "Equal within the bounds to the row-weighted sum; equal weights change nothing in the mean.",
     "trick.class-weights"},
    {"trick.sequence-normalization",
     "Each sequence's loss is averaged by itself, so that long sequences do not dominate.",
     "(1/B) Σ_b (1/T_b) Σ_t L_{b,t}",
     "Differs from the mean over tokens exactly as the lengths say; equal lengths give equality.",
     "trick.sequence-normalization"},
};

}  // namespace

std::span<const LedgerEntry> ledger_of_sequences() { return kEntries; }

}  // namespace xent
