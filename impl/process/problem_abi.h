// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/error_budget.h"
#include "core/problem.h"
#include "core/promises.h"
#include "include/xentcheck/kernel.h"
#include "impl/process/protocol.h"

namespace xent::process {

/// A problem as the C ABI has it. `text` holds what its pointers mean: they are offsets into it.
struct AbiProblem {
  Ask ask;
  std::string text;
};
AbiProblem to_abi(const Problem&, int threads);

/// Throws UsageError that names the field of a number that no budget may have.
ErrorBudget from_abi(const xentcheck_budget&);

/// Fills what this version knows.
void to_abi(const ErrorBudget&, xentcheck_budget*);
/// Bits; without the accuracy class.
std::uint64_t to_abi(const Promises&);

}  // namespace xent::process
