// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "properties/property.h"

namespace xent {

// What the theorems are written with.

/// Runs the kernel. Raising, writing outside the outputs and changing inputs are failures of
/// whatever property runs it, misconduct of run.well-behaved alone. After raising there is no
/// output and false comes back.
bool run_into(Trial&, const TestCase&, Judgement&, RunRecord& out, const BindOptions& = {});

/// The same data with another direction and reduction (upstream one); what then has no meaning, a
/// denominator or a perplexity, is left out.
TestCase with(const TestCase&, Dir, Reduction);

/// The same data with another op and without targets if it takes none; fwd, no reduction.
TestCase with_op(const TestCase&, Op);

/// |a - b| <= bound, or the same bits where `bitwise`; NaN never holds unless bitwise.
void check_close(Judgement&, double a, double b, double bound, bool bitwise,
                 const std::string& what);

/// Sum of values in double-double; the error is below 2^-100 of the sum of magnitudes.
double accurate_sum(const std::vector<double>&);

/// Loss, then gradient, as far as present.
void judge_output(Judgement&, Reference&, const ErrorBudget&, const Output&);

/// The kernel's outputs on the trial's own case against the exact answer.
Judgement judge_outputs(Trial&);

const std::vector<Substitute>& every_substitute();

std::string at(const char* name, std::int64_t row);
std::string at(const char* name, std::int64_t row, std::int64_t j);

}  // namespace xent
