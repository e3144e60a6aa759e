// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "properties/findings.h"

namespace xent {

/// A finding `accuracy.*` with its smallest witness.
struct LostDigits {
  Finding finding;  ///< without the witness's file and replay line
  std::size_t kernel;
  std::string property;
  TestCase witness;
};

/// Where products and peers keep to their budget, but not to that of class `relative` or, if they
/// declare more, `standard`: one for each kernel, place and output, from the smallest case of each
/// domain made smaller. Notes on what could not be judged again go to `notes`.
std::vector<LostDigits> lost_digits(const Judged&, const VerifyOptions&,
                                    std::vector<std::string>& notes);

/// Findings are made of these.
bool has_findings(const Kernel&);

}  // namespace xent
