// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "impl/process/protocol.h"

namespace xent::process {

/// Reserves the addresses that tensors will have. Nothing of it can be touched.
std::uint64_t reserve_region();

/// Maps pages of the file, or takes them away; false if the system or the range refuses.
bool map(const Range&, int fd);
/// Changes the access of mapped pages.
bool protect(const Range&);
/// The pages that hold the address, with the access they have; nothing if there are none.
std::optional<Range> mapped_at(std::uint64_t address);

/// The read-only pages (inputs) that hold the address; nothing if there are none. Safe in signal
/// handlers.
std::optional<Range> input_at(std::uint64_t address);
}  // namespace xent::process
