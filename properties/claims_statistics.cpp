// SPDX-License-Identifier: Apache-2.0
#include "properties/claims_tables.h"
#include "properties/experiments/experiments.h"

namespace xent {
namespace {

constexpr LedgerEntry kEntries[] = {
    {"stat.ce-is-nll",
     "The mean cross-entropy over a data set is its negative log-likelihood divided by N.",
     "L_CE(θ) = NLL(θ) / N",
     "The kernel's mean, its sum divided by N and an independently computed negative "
     "log-likelihood "
     "agree within the bounds.",
     "stat.ce-is-nll"},
    {"stat.log-avoids-underflow",
     "The likelihood is a product of many numbers below 1 and underflows; its logarithm is a sum "
     "and does not.",
     "Π pₙ = 0 in floats, Σ log pₙ is not",
     "A witness: the product is 0 in binary64 while the negative log-likelihood is finite and "
     "within its bound.",
     "", study_log_avoids_underflow},
    {"stat.mle",
     "Minimising the cross-entropy is maximising the likelihood: both have the same minimiser.",
     "argmin CE = argmax likelihood",
     "Descending the kernel's gradient recovers the empirical frequencies, and the optimum of "
     "logistic regressions that Newton's method finds by itself.",
     "", study_mle},
    {"stat.consistency",
     "As the data grow, the maximum-likelihood estimate converges to the true parameter.",
     "θ̂_N → θ;  error ~ N^(−1/2)",
     "The error falls like a power of N; the exponent with its interval.",
     "", study_consistency},
    {"stat.efficiency",
     "The estimate is asymptotically normal and reaches the Cramér–Rao bound: the smallest "
     "asymptotic variance.",
     "Cov √N (θ̂ − θ) → (diag p − p pᵀ)⁻¹",
     "Log-odds against a reference class: covariance against the inverse information over N, and a "
     "test of normality. (Among regular estimators only: wrong.all-consistent.)",
     "", study_efficiency},
    {"stat.canonical-link",
     "Softmax and sigmoid are the inverses of the canonical link functions of the categorical and "
     "the Bernoulli distribution; that simplifies maximum likelihood.",
     "score p − y,  Hessian diag p − p pᵀ",
     "Hessian-vector products within the bounds of the Fisher information's.",
     "stat.canonical-link"},
    {"stat.mse-is-gaussian",
     "Mean squared error supposes that the errors are Gaussian.",
     "−log N(y; μ, σ²) = (y − μ)² / (2σ²) + constant",
     "The Gaussian negative log-likelihood and the scaled squared error differ by a constant.",
     "", study_mse_is_gaussian},
};

}  // namespace

std::span<const LedgerEntry> ledger_of_statistics() { return kEntries; }

}  // namespace xent
