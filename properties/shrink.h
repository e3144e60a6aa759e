// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/test_case.h"

namespace xent {

/// True while the case still shows the fault.
using Fails = std::function<bool(const TestCase&)>;

struct Shrunk {
  TestCase test_case;
  std::int64_t steps = 0;     ///< accepted moves
  std::int64_t attempts = 0;  ///< cases tried
};

/// Greedy tensor-aware descent: drop rows, drop classes, options off, simpler logits (0, integers,
/// fewer bits, smaller magnitude), simpler targets and upstream, until no move keeps the fault or
/// `max_attempts` cases, or two million logits (four times those of the argument, if that is more),
/// were tried. The result fails whenever the argument does.
Shrunk shrink(const TestCase&, const Fails&, std::int64_t max_attempts = 4000);

/// The problem with one option at its default (fwdbwd becomes fwd, and bwd), one entry for each
/// option that is not; op, shape, dtype and dialect stay.
std::vector<Problem> simpler_options(const Problem&);

}  // namespace xent
