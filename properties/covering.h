// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

namespace xent {

/// One choice of each axis, by number.
using CoveringRow = std::vector<int>;
using ValidRow = std::function<bool(const CoveringRow&)>;

/// A covering array with constraints: the `start` rows that are valid, then rows until every
/// combination of choices from any `strength` axes that some valid row holds is in one of them.
/// A combination counts as impossible unless a valid row holds it whose other axes are all at their
/// first choice but for two of them. Greedy and deterministic; every row is valid.
std::vector<CoveringRow> covering(const std::vector<int>& sizes, int strength,
                              const ValidRow& valid, const std::vector<CoveringRow>& start = {});

}  // namespace xent
