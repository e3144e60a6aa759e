// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

// What the proofs assume of the machine, found out at run time. Both are empty if it holds, else
// say what does not.
namespace xent {

/// The calling thread rounds to nearest and keeps subnormal numbers. A few nanoseconds.
std::string arithmetic_modes_wrong();

/// Each compiled instruction set that the processor has multiplies and adds with one rounding,
/// separates operations, and gives the stored bits of exp and log. To be asked in good modes.
std::string primitives_wrong();

}  // namespace xent
