// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/kernel.h"
#include "oracle/reference.h"
#include "properties/claims.h"

namespace xent {

// What the studies are written with.

/// A kernel does not answer, or not as the claim demands: the message says how.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A kernel and the type it is studied in: f64 where it takes that, else f32.
struct Subject {
  const Kernel& kernel;
  DType dtype;
};

/// The kernels of the context that take all of these problems (in the grammar, without a type).
std::vector<Subject> subjects(const ClaimContext&, const std::vector<std::string>& problems);

/// Runs the part of a study that needs a kernel on every subject. Broken makes the evidence
/// contradicted, with the kernel's name in the reason; no subject at all makes it no_evidence.
/// Otherwise the verdict is `otherwise`.
void study_each(const ClaimContext&, const std::vector<std::string>& problems,
                ClaimVerdict otherwise, ClaimEvidence&,
                const std::function<void(const Subject&)>& part);

/// Counts a check; throws Broken if it does not hold.
void demand(ClaimEvidence&, bool holds, const std::string& message_if_not);

/// Runs the kernel. Throws Broken when it raises, writes outside or changes its inputs.
Output answer(const Subject&, const TestCase&);

/// The output's loss and gradient as judge.h has it; throws Broken unless all pass.
void demand_right(ClaimEvidence&, const Subject&, Reference&, const Output&);

/// A problem of the subject's type, from the grammar; n rows and v classes.
Problem problem_for(const Subject&, std::string_view text, std::int64_t n, std::int64_t v);

/// Rows of logits [n, v] with class indices [n] or vectors [n, v]; rounds to the problem's type.
TestCase index_case(const Problem&, const std::vector<double>& logits,
                    const std::vector<std::int64_t>& classes);
TestCase vector_case(const Problem&, const std::vector<double>& logits,
                     const std::vector<double>& targets);

std::vector<double> numbers(const Tensor&);

/// softmax in binary64, for step sizes and reference optima.
std::vector<double> softmax(const double* z, std::int64_t v);

/// k u / (1 - k u): the relative error of k roundings to binary64 (Higham 2002, lemma 3.1).
double rounding(std::int64_t k);

bool is_smoke(const ClaimContext&);

/// "3 kernels" or "1 kernel".
std::string kernels_in_words(std::size_t count);

/// A figure that is exact.
Figure exact_figure(std::string label, double value, std::string unit = {});

}  // namespace xent
