// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "core/results.h"
#include "properties/engine.h"
#include "properties/entry.h"
#include "properties/jobs.h"

namespace xent {

/// All that came of a plan: entries[job][kernel], none of a job that was cut off.
struct Judged {
  const std::vector<Kernel>& kernels;
  const Plan& plan;
  const std::vector<std::vector<Entry>>& entries;
};

/// The entries of a kernel on one property that were judged, with their jobs, in the plan's order.
struct JudgedEntry {
  const Property* property;
  const Job* job;
  const Entry* entry;
};
std::vector<JudgedEntry> entries_of(const Judged&, std::size_t kernel, std::size_t property);

/// Of losses for loss.accurate, of gradients for grad.accurate; null where they are mixed, or none.
const ErrorSamples* errors_of(const JudgedEntry&);

/// Cross-entropy of class indices without options, whatever the layout of the rows.
bool is_plain_ce(const Problem&);

/// The best class that each kernel attained and the promises it kept without making them, into
/// results.kernels (of judged.kernels, in order); the errors of its losses and gradients, into
/// results.accuracy.
void add_accuracy(const Judged&, Results&);

/// Of products and peers, one finding for each kernel and id: what runs remarked, digits that a
/// better class would keep, and systematic rounding, each with its smallest witness, saved as
/// out/findings/K.case. An id `process.*` is a fact of a kernel's process and has no witness.
void add_findings(const Judged&, const VerifyOptions&, Results&);

}  // namespace xent
