// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/claim.h"
#include "core/kernel.h"
#include "core/results.h"
#include "properties/engine.h"

namespace xent {

/// What an experiment or a refutation may use.
struct ClaimContext {
  const std::vector<Kernel>& kernels;  ///< under test; a study uses those that support its problems
  std::string profile;                 ///< smoke, ci, nightly: how much to spend
  std::uint64_t seed = 0;
  std::filesystem::path data;  ///< --data: CSV of numbers, class in the last column; empty: Iris
  std::filesystem::path text;  ///< --text; empty: the GPL-3 text of a Debian machine
};

/// What it found. Fields as in ClaimRow.
struct ClaimEvidence {
  ClaimVerdict verdict = ClaimVerdict::no_evidence;
  std::string evidence;
  std::int64_t cases = 0;
  std::int64_t checks = 0;
  std::vector<Figure> figures;
  std::vector<Plot> plots;
  std::string witness;
  std::string reason;
  std::vector<std::string> kernels = {};  ///< that were run
};

using Study = ClaimEvidence (*)(const ClaimContext&);

/// An entry of the ledger: what the documents say, and what stands for it here.
struct Claim {
  std::string_view id;
  std::string_view group;      ///< "A" to "F"
  std::string_view document;   ///< the documents' sentence in English, or "(ours)"
  std::string_view formula;
  std::string_view statement;
  std::vector<std::string> properties;  ///< that judge kernels on it
  Study study = nullptr;                ///< experiment, refutation, or exact argument
};

const std::vector<Claim>& ledger();

/// The claims whose id matches a glob (none: all), in the ledger's order. A full id that does not
/// exist is a UsageError with the nearest ones.
std::vector<const Claim*> selected_claims(const std::vector<std::string>& globs);

/// Judges every claim whose id matches a glob (none: all): its properties on the kernels, then its
/// study. Fills results.claims, and all that verify fills for the properties.
void judge_claims(const std::vector<Kernel>&, const std::vector<std::string>& globs,
                  const VerifyOptions&, const ClaimContext&, Results&);

}  // namespace xent
