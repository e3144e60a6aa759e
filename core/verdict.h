// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace xent {

/// pass: certainly within; fail: certainly not; inconclusive: the oracle's precision ran out;
/// skip: nothing was judged, with a reason; error: our own fault.
enum class Verdict : std::uint8_t { pass, fail, inconclusive, skip, error };

std::string_view name(Verdict);

/// Of two verdicts the graver: error > fail > inconclusive > pass > skip.
Verdict graver(Verdict, Verdict);

/// Exit codes of the program, and their order when several apply: 3 > 1 > 4 > 5 > 0.
enum class Exit : int {
  ok = 0,
  failed = 1,
  usage = 2,
  internal = 3,
  inconclusive = 4,
  nothing = 5,
};

}  // namespace xent
