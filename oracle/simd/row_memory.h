// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace xent {

/// Memory of one row, 64-byte aligned. A thread keeps some of what it gives back for its next rows:
/// fresh pages would cost more than what is computed into them.
void* take_row_memory(std::size_t bytes);
void give_row_memory(void*) noexcept;
std::size_t row_memory_size(const void*);

}  // namespace xent
