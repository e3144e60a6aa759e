// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace xent {

/// The whole file. UsageError names a path that cannot be read or written, and why.
std::string read_bytes(const std::filesystem::path&);
void write_bytes(const std::filesystem::path&, std::string_view bytes);

}  // namespace xent
