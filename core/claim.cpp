// SPDX-License-Identifier: Apache-2.0
#include "core/claim.h"

#include <cstddef>
#include <iterator>

namespace xent {

std::string_view name(ClaimVerdict v) {
  switch (v) {
    case ClaimVerdict::proved: return "proved";
    case ClaimVerdict::tested: return "tested";
    case ClaimVerdict::refuted: return "refuted";
    case ClaimVerdict::agrees: return "agrees";
    case ClaimVerdict::disagrees: return "disagrees";
    case ClaimVerdict::contradicted: return "contradicted";
    case ClaimVerdict::no_evidence: return "no-evidence";
    case ClaimVerdict::skipped: return "skipped";
  }
  return "";
}

bool is_failure(ClaimVerdict v) {
  return v == ClaimVerdict::contradicted || v == ClaimVerdict::no_evidence;
}

ClaimVerdict graver(ClaimVerdict a, ClaimVerdict b) {
  // What was seen outranks what was not; of two sights the worse.
  constexpr ClaimVerdict order[] = {
      ClaimVerdict::skipped, ClaimVerdict::no_evidence, ClaimVerdict::proved,
      ClaimVerdict::refuted, ClaimVerdict::agrees,      ClaimVerdict::tested,
      ClaimVerdict::disagrees, ClaimVerdict::contradicted};
  for (std::size_t i = std::size(order); i-- > 0;) {
    if (order[i] == a || order[i] == b) return order[i];
  }
  return a;
}

}  // namespace xent
