// SPDX-License-Identifier: Apache-2.0
#include "properties/claims_tables.h"
#include "properties/experiments/experiments.h"

namespace xent {
namespace {

constexpr LedgerEntry kEntries[] = {
    {"grad.accurate",
     "For softmax the gradient with respect to the logits is the prediction minus the label.",
     "∂L/∂z_j = p_j − y_j",
     "Element by element within the bound of the exact value.",
     "grad.accurate"},
    {"grad.binary",
     "For sigmoid and binary cross-entropy the gradient is p − y, without the sigmoid's "
     "derivative.",
     "∂L/∂z = p − y",
     "Within the bound of the exact value.",
     "grad.binary"},
    {"grad.sum-zero",
     "The gradient is the predicted distribution minus the true one.",
     "Σ_j ∂L/∂z_j = 0",
     "The sum stays within the sum of the bounds.",
     "grad.sum-zero"},
    {"grad.signs",
     "The true class's gradient is negative, so its logit rises; every other is positive, so those "
     "logits fall.",
     "g_y ≤ 0 ≤ g_j,  |g| ≤ 1",
     "g_y ≤ B, g_j ≥ −B, |g| ≤ 1 + B; exactly, if the kernel promises it.",
     "grad.signs"},
    {"grad.large-when-wrong",
     "A wrong prediction has a large gradient, near −1 for the true class; a right one a small "
     "one, "
     "near 0.",
     "p_k → 0: g_k → −1;  p_k → 1: g_k → 0",
     "Both limits within the bounds, and the order between them.",
     "grad.large-when-wrong"},
    {"grad.step-raises-true",
     "A step against the gradient raises the true class's logit, and so its probability.",
     "p_k(z − η(p − y)) ≥ p_k(z),  η > 0",
     "The step that the kernel's gradient makes never lowers the certified p_k beyond what the "
     "gradient's bound allows.",
     "grad.step-raises-true"},
    {"grad.no-saturation",
     "Squared error's gradient carries the derivative of sigmoid or softmax and vanishes where "
     "they "
     "saturate; cross-entropy's does not.",
     "CE: p − y;  MSE: 2(p − y) p (1 − p)",
     "Both gradients over the range of saturation: on the wrong side cross-entropy's stays near "
     "−1, "
     "squared error's goes to 0.",
     "grad.no-saturation"},
    {"grad.ce-vs-mse-size",
     "Cross-entropy's gradient is usually larger and clearer than squared error's, above all when "
     "the prediction is wrong.",
     "sigmoid: |∇CE| ≥ 2 |∇MSE|;  softmax: ‖∇CE‖₂ ≥ ‖∇MSE‖₂",
     "At least twice for sigmoid, everywhere; for softmax in the 2-norm. Component by component it "
     "fails for softmax, and a witness is shown.",
     "grad.ce-vs-mse-size"},
    {"grad.no-underflow",
     "The gradient contains no derivative of softmax or sigmoid, so no small numbers are "
     "multiplied "
     "and nothing underflows.",
     "(−1/p_c) · p_c (p_j − δ) against p_j − δ",
     "Where the chain-rule route gives NaN or 0 in f32, the kernel's gradient is within its bound.",
     "grad.no-underflow"},
    {"grad.linear-cost",
     "The gradient needs one subtraction a class: its cost is O(C), fit for many classes.",
     "operations(C) = a + b·C",
     "Counted by running the kernel's own code on a number type that counts.",
     "", study_linear_cost},
    {"train.faster-than-mse",
     "Experiments show that cross-entropy converges 3 to 5 times faster than squared error.",
     "steps(MSE) / steps(CE) = 3 … 5",
     "Real data, tuned rates, many seeds: steps to the same accuracy and their ratio with its "
     "interval. The measured ratio is the answer, whatever it is.",
     "", study_faster_than_mse},
};

}  // namespace

std::span<const LedgerEntry> ledger_of_gradients() { return kEntries; }

}  // namespace xent
