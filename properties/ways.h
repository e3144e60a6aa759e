// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/enclosure.h"
#include "core/kernel.h"
#include "core/test_case.h"

namespace xent {

/// Other words for what a kernel does not take as a theorem states it; bits.
enum Way : unsigned {
  kDirection = 1,   ///< losses and gradients from one call, or from two
  kLossAlone = 2,   ///< losses without gradients, of a kernel that has none
  kRows = 4,        ///< a row's loss as the sum or mean of one row
  kSum = 8,         ///< sums and means by the mean times what that divides by, or sequence by
                    ///< sequence
  kOneHot = 16,     ///< class indices as probabilities with a 1
  kMixture = 32,    ///< a loss of probabilities as the mixture of those of its classes
  kOperation = 64,  ///< entropies, divergence, binary losses and lse by cross-entropy of logits
  kUnit = 128,      ///< bits by nats
  kOwnMean = 256,   ///< sums and means that are not the kernel's, of its rows
  kLayout = 512,    ///< sequences as rows
  kByOracle = 1024,  ///< what is set beside the kernel's: squared errors, Hessians, perplexities
};
/// Those after which all that is said is the kernel's.
inline constexpr unsigned kEveryWay = 255;

/// factor * output element `at` of a call: of its loss, or of its gradient [n, v].
struct Share {
  std::size_t call = 0;
  std::int64_t at = 0;
  Enclosure factor = Enclosure::exact(1);
};

using Sum = std::vector<Share>;

/// Calls, and what elements of the asked output are as sums of elements of theirs.
struct Route {
  std::vector<TestCase> calls;
  std::vector<Sum> loss;  ///< by element; one without terms is not said. Empty: none is
  std::vector<Sum> grad;
  /// The sums miss what rounded data make of the calls, by an amount that is known of both.
  bool corrected = false;
};

/// The way kByOracle is allowed and leads to the problem.
bool may_be_the_oracles(unsigned ways, const Problem&);

/// The kernel takes the problem, or others that together say the same. Sizes may forbid it still.
bool can_be_asked(const Kernel&, unsigned ways, const Problem&);

/// Calls that the kernel takes in place of one that it does not take; nothing if there are none, or
/// too large ones.
std::optional<Route> route(const Kernel&, unsigned ways, const TestCase&);

}  // namespace xent
