// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "oracle/simd/softmax_state.h"

namespace xent {

/// Upper bound of |x|; 0 for an exact 0.
double size_up(const Enclosure&);

/// Facts of a row in tier doubles; `condition` = sum |dL/dz_j| |z_j| in nats. False where numbers
/// next to the end of the exponents would make bounds needlessly loose: then nothing is filled.
bool fill_softmax_facts(const SoftmaxState&, double condition, RowFacts&);

/// The condition of a linear shape.
double linear_condition(const SoftmaxState&);

}  // namespace xent
