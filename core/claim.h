// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xent {

/// What became of a claim. Those of group F are refutations: the documents' sentence must fail.
enum class ClaimVerdict : std::uint8_t {
  proved,        ///< holds: exactly, or by a proof that the evidence names
  tested,        ///< holds on everything that was tried
  refuted,       ///< the documents' sentence fails on the witness, the corrected one holds
  agrees,        ///< measured, and as the documents say
  disagrees,     ///< measured, and not as the documents say
  contradicted,  ///< a product kernel (or the oracle) breaks a true claim: exit 1
  no_evidence,   ///< nothing was judged: exit 1
  skipped,       ///< what it needs is not on this machine, with the reason
};
std::string_view name(ClaimVerdict);  ///< `proved`, ..., `no-evidence`
inline constexpr ClaimVerdict kClaimVerdicts[] = {
    ClaimVerdict::proved,    ClaimVerdict::tested,       ClaimVerdict::refuted,
    ClaimVerdict::agrees,    ClaimVerdict::disagrees,    ClaimVerdict::contradicted,
    ClaimVerdict::no_evidence, ClaimVerdict::skipped};

bool is_failure(ClaimVerdict);  ///< contradicted or no_evidence: the run fails
/// Of one claim judged twice: evidence outranks none, and of evidence the worse counts.
ClaimVerdict graver(ClaimVerdict, ClaimVerdict);

/// A measured number with its interval (low = high = value: exact).
struct Figure {
  std::string label;
  double value = 0;
  double low = 0;
  double high = 0;
  std::string unit;  ///< "nats", "bits", "" for pure numbers
};

struct Series {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
  bool marks = false;  ///< points instead of a line
};

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  bool log_x = false;
  bool log_y = false;
  std::vector<Series> series;
};

/// One entry of the ledger, judged.
struct ClaimRow {
  std::string id;         ///< info.gibbs
  std::string group;      ///< "A" to "F"
  std::string document;   ///< the documents' sentence, in English; "(ours)" where they are silent
  std::string formula;    ///< plain text with Unicode mathematics
  std::string statement;  ///< what is asserted of floats; of group F the corrected sentence
  ClaimVerdict verdict = ClaimVerdict::no_evidence;
  std::string evidence;   ///< one line: what was done
  std::vector<std::string> properties;  ///< ids of the properties that judged kernels on it
  std::vector<std::string> kernels;     ///< that were judged
  std::int64_t cases = 0;
  std::int64_t checks = 0;
  double error_over_bound = 0;  ///< the worst of its properties; 0: none
  std::vector<Figure> figures;
  std::vector<Plot> plots;
  std::string witness;    ///< of a refutation or a contradiction: the smallest input, readable
  std::string reason;     ///< of no_evidence, skipped, contradicted
};

}  // namespace xent
