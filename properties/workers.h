// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

namespace xent {

/// Calls one(i) for each i below `count`, on `jobs` threads. Threads that find nothing left to
/// begin go to the judge's rows of those that still work. `one` must not throw.
void share_work(int jobs, std::size_t count, const std::function<void(std::size_t)>& one);

}  // namespace xent
