// SPDX-License-Identifier: Apache-2.0
#include "properties/claims_tables.h"
#include "properties/refutations.h"

namespace xent {
namespace {

constexpr LedgerEntry kEntries[] = {
    {"wrong.ce-is-extra-bits",
     "Cross-entropy is the mean extra information needed to encode samples of p with a code for q.",
     "H(p, q) = H(p) + KL(p‖q)",
     "Cross-entropy is the whole code length; the extra part is KL(p‖q). They are equal only when "
     "H(p) = 0.",
     "", refute_ce_is_extra_bits},
    {"wrong.mse-softmax-gradient",
     "With softmax and squared error the gradient is 2 (p_j − y_j) · p_j (1 − p_j).",
     "∂/∂z_j Σ (y − p)² = 2 p_j [(p_j − y_j) − Σ_k p_k (p_k − y_k)]",
     "Softmax couples the classes, so a sum over all of them enters; the short form is the "
     "sigmoid's.",
     "", refute_mse_softmax_gradient},
    {"wrong.sign",
     "∂L/∂z_j = (−1/p_c) · (p_c (δ_jc − p_j)) = δ_jc − p_j.",
     "(−1/p_c) · p_c (δ_jc − p_j) = p_j − δ_jc",
     "A sign was lost: the product is p_j − δ_jc, as the documents have it elsewhere.",
     "", refute_sign},
    {"wrong.sum-vs-mean",
     "The cross-entropy loss and the negative log-likelihood are exactly the same; elsewhere the "
     "mean is the one that is meant.",
     "sum = NLL,  mean = NLL / N",
     "The sum is the negative log-likelihood, the mean is that divided by N: the same minimiser, "
     "another scale of the gradient.",
     "", refute_sum_vs_mean},
    {"wrong.larger-difference",
     "The larger the difference between q and p, the larger the cross-entropy.",
     "t ↦ H(p, (1−t) p + t r) does not decrease",
     "False by total variation, say; true along any straight line away from p.",
     "", refute_larger_difference},
    {"wrong.underestimate-absolute",
     "Underestimating a likely event costs markedly more than overestimating an unlikely one.",
     "kl(pₐ‖pₐ/r) ≥ kl(p_b‖r·p_b)  for r·p_b ≤ pₐ, p_b + r·p_b ≤ 1",
     "False by equal mass: the same d can cost more at the unlikely event. True by an equal factor "
     "r, as long as the overestimated event stays unlikely (p_b + r·p_b ≤ 1).",
     "", refute_underestimate_absolute},
    {"wrong.local-optima",
     "The strong gradient where the prediction is wrong helps to avoid local optima and to leave "
     "flat regions.",
     "L((z + z′)/2) ≤ (L(z) + L(z′))/2",
     "The loss is convex in the logits: there is no local optimum to avoid there. Behind a hidden "
     "layer the gradient can be exactly 0 at a point that is not optimal.",
     "", refute_local_optima},
    {"wrong.deep-nets",
     "With softmax the gradient neither vanishes nor explodes, so it suits deep networks.",
     "‖p − y‖₁ = 2 (1 − p_y)",
     "Bounded at the logits, and there only; it does vanish when the prediction is right. What "
     "reaches deeper layers is multiplied by their weights.",
     "", refute_deep_nets},
    {"wrong.prevents-overfitting",
     "Small gradients when the prediction is right allow stable fine-tuning and prevent "
     "overfitting.",
     "inf L = 0, reached by no weights",
     "On separable data the gradient is never 0 and always points to larger weights: there is no "
     "minimiser, the weights grow without end.",
     "", refute_prevents_overfitting},
    {"wrong.mse-has-no-basis",
     "Squared error has no solid statistical basis as a loss for classification.",
     "E_p‖q − Y‖² − E_p‖p − Y‖² = ‖q − p‖²",
     "It is the Brier score, which is strictly proper: in expectation the true p, and nothing "
     "else, "
     "minimises it.",
     "", refute_mse_has_no_basis},
    {"wrong.all-consistent",
     "Of all consistent estimators maximum likelihood usually has the smallest asymptotic "
     "variance.",
     "N · E(T − p)² against p (1 − p)",
     "Of all regular ones. Hodges' estimator is consistent and has a smaller variance at one "
     "point, "
     "for which it pays near it.",
     "", refute_all_consistent},
    {"wrong.first-token",
     "Σ_{t<T} log P(x_{t+1} | x_{≤t}) and Σ_{t≤T} log P(x_t | x_{<t}) are used as the same "
     "objective.",
     "Σ_{t≤T} log P(x_t | x_{<t}) − Σ_{t<T} log P(x_{t+1} | x_{≤t}) = log P(x₁)",
     "They differ by log P(x₁); only with it is the sum the log-probability of the sequence.",
     "", refute_first_token},
    {"wrong.joint-too-complex",
     "The joint probability is too complex, so usually only the conditional probabilities are "
     "considered.",
     "Σ_t log P(x_t | x_{<t}) = log P(x₁ … x_T)",
     "Nothing is left out: the sum of the conditionals is the logarithm of the joint.",
     "", refute_joint_too_complex},
    {"wrong.bert-is-mle",
     "Training language models such as GPT and BERT with cross-entropy is maximum likelihood.",
     "Π_t P(x_t | x_{others}) ≠ P(x₁ … x_T)",
     "True for GPT. A masked model's conditionals multiply to a pseudo-likelihood, which equals "
     "the "
     "joint only when the tokens are independent.",
     "", refute_bert_is_mle},
    {"wrong.softmax-then-log",
     "The library's log-softmax is equivalent to taking softmax first and then the logarithm.",
     "log softmax(z)_j = z_j − lse(z)",
     "Equal in the reals. In f32 a probability below 2⁻¹⁵⁰ rounds to 0 and its logarithm is −∞; "
     "the "
     "fused form stays within its bound.",
     "", refute_softmax_then_log},
    {"wrong.index-only",
     "The target is a class index, not a one-hot code.",
     "L(z; k) = L(z; one-hot k)",
     "Libraries take class probabilities too, and so do kernels here: both forms agree, and soft "
     "targets are accepted.",
     "", refute_index_only},
};

}  // namespace

std::span<const LedgerEntry> ledger_of_errors() { return kEntries; }

}  // namespace xent
