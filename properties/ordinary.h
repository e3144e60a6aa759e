// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "properties/property.h"

namespace xent {

/// The property with its check on ordinary rows only, or whole sequences of them; the others are
/// counted as `extreme-data`. Ordinary are the numbers that theorems about several calls speak of:
/// logits without NaN, infinite only as a mask or a saturated binary logit; probabilities and
/// weights not negative; labels of binary losses in [0, 1]; sizes whose products stay far from
/// overflow. Logits may be of any size where the property's domains have extreme ones, and anything
/// where it is tried on all domains and in ignored rows.
Property of_ordinary_rows(Property);

}  // namespace xent
