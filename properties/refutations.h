// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "properties/claims.h"

namespace xent {

// Group F: the documents' sentence fails on a witness, shrunk as far as it goes and certified by
// enclosures; the corrected sentence holds wherever it was tried.
ClaimEvidence refute_ce_is_extra_bits(const ClaimContext&);
ClaimEvidence refute_mse_softmax_gradient(const ClaimContext&);
ClaimEvidence refute_sign(const ClaimContext&);
ClaimEvidence refute_sum_vs_mean(const ClaimContext&);
ClaimEvidence refute_larger_difference(const ClaimContext&);
ClaimEvidence refute_underestimate_absolute(const ClaimContext&);
ClaimEvidence refute_local_optima(const ClaimContext&);
ClaimEvidence refute_deep_nets(const ClaimContext&);
ClaimEvidence refute_prevents_overfitting(const ClaimContext&);
ClaimEvidence refute_mse_has_no_basis(const ClaimContext&);
ClaimEvidence refute_all_consistent(const ClaimContext&);
ClaimEvidence refute_first_token(const ClaimContext&);
ClaimEvidence refute_joint_too_complex(const ClaimContext&);
ClaimEvidence refute_bert_is_mle(const ClaimContext&);
ClaimEvidence refute_softmax_then_log(const ClaimContext&);
ClaimEvidence refute_index_only(const ClaimContext&);

}  // namespace xent
