// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "properties/claims.h"

namespace xent {

// The studies of the ledger that measure: seeded, with intervals. Acceptance of anything
// statistical is at 10^-6. Each runs on the kernels of the context, in f64 where they take it, else
// in f32. Contradicted names the first kernel that broke the claim; skipped and no_evidence have
// their reason. Throws UsageError when context.data or context.text cannot be read as what it is.
ClaimEvidence study_log_avoids_underflow(const ClaimContext&);  ///< stat.log-avoids-underflow
ClaimEvidence study_mle(const ClaimContext&);                   ///< stat.mle
ClaimEvidence study_consistency(const ClaimContext&);           ///< stat.consistency
ClaimEvidence study_efficiency(const ClaimContext&);            ///< stat.efficiency
ClaimEvidence study_mse_is_gaussian(const ClaimContext&);       ///< stat.mse-is-gaussian
ClaimEvidence study_linear_cost(const ClaimContext&);           ///< grad.linear-cost
ClaimEvidence study_faster_than_mse(const ClaimContext&);       ///< train.faster-than-mse
ClaimEvidence study_chain_rule(const ClaimContext&);            ///< lm.chain-rule
ClaimEvidence study_text_model(const ClaimContext&);            ///< lm.perplexity, on a real text

}  // namespace xent
