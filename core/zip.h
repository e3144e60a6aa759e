// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xent {

/// A member of a zip archive; `bytes` point into the archive's text.
struct ZipMember {
  std::string name;
  std::string_view bytes;
};

/// Members of an archive of stored (not compressed, not encrypted) files under 4 GiB, checksums
/// tested. UsageError in one line, with the member's name where there is one.
std::vector<ZipMember> read_zip(std::string_view archive);

/// An archive of stored files. UsageError at 4 GiB.
std::string write_zip(const std::vector<ZipMember>&);

/// The checksum of zip and PNG (polynomial 0xedb88320, reflected).
std::uint32_t crc32(std::string_view);

}  // namespace xent
