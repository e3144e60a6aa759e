// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace xent::limits {

inline constexpr std::string_view kArithmetic = "vector FMA";

/// Executes about so many fused multiply-adds of whole vectors of binary32, of the widest that
/// Highway runs here, none of which waits for another; nothing is read from memory. Returns how
/// many it was.
std::int64_t multiply_add(std::int64_t count);

}  // namespace xent::limits
