// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "core/test_case.h"

namespace xent {

/// core/OPTIONS.md, read aloud in long double: nothing is shifted, shared or rearranged. For
/// moderate numbers; its error is some hundred roundings of 2^-64.
struct Formulas {
  std::vector<long double> loss;  ///< [N] or [1]
  std::vector<long double> grad;  ///< [N, V], with hvp H v
};

Formulas formulas(const TestCase&);

}  // namespace xent
