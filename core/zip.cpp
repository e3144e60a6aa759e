// SPDX-License-Identifier: Apache-2.0
#include "core/zip.h"

#include <fmt/core.h>

#include <array>
#include <limits>

#include "core/error.h"
#include "core/text.h"

namespace xent {
namespace {

// Signatures and sizes of the three records: APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16.
constexpr std::uint64_t kLocal = 0x04034b50;
constexpr std::uint64_t kCentral = 0x02014b50;
constexpr std::uint64_t kEnd = 0x06054b50;
constexpr std::size_t kLocalSize = 30;
constexpr std::size_t kCentralSize = 46;
constexpr std::size_t kEndSize = 22;
constexpr std::uint64_t kMost32 = 0xffffffffu;
constexpr std::uint64_t kMost16 = 0xffffu;

// table[k][b]: what byte b contributes when k more bytes follow it.
constexpr std::size_t kAtOnce = 8;
using CrcTable = std::array<std::array<std::uint32_t, 256>, kAtOnce>;
constexpr CrcTable make_crc_table() {
  CrcTable table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    table[0][i] = c;
  }
  for (std::size_t k = 1; k < kAtOnce; ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t before = table[k - 1][i];
      table[k][i] = table[0][before & 0xff] ^ (before >> 8);
    }
  }
  return table;
}
constexpr CrcTable kCrcTable = make_crc_table();

[[noreturn]] void damaged(std::string_view why) {
  throw UsageError(one_line(fmt::format("zip archive: {}: truncated or damaged", why)));
}

// A part of the archive, with the bounds tested.
std::string_view part(std::string_view archive, std::uint64_t at, std::uint64_t size,
                      std::string_view what) {
  if (at > archive.size() || size > archive.size() - at) damaged(fmt::format("{} cut off", what));
  return archive.substr(at, size);
}

std::uint64_t number(std::string_view record, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(record[at + i]);
  }
  return value;
}

void put(std::string& to, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i, value >>= 8) to += static_cast<char>(value & 0xff);
}

struct Directory {
  std::uint64_t entries;
  std::uint64_t at;
  std::uint64_t end;
};

// The end record is the last thing in the archive but for a comment of at most 65535 bytes.
Directory find_directory(std::string_view archive) {
  const std::size_t least = kEndSize;
  for (std::size_t back = least; back <= archive.size() && back <= least + kMost16; ++back) {
    const std::string_view record = archive.substr(archive.size() - back);
    if (number(record, 0, 4) != kEnd || number(record, 20, 2) != back - least) continue;
    const std::uint64_t entries = number(record, 10, 2);
    const std::uint64_t size = number(record, 12, 4);
    const std::uint64_t at = number(record, 16, 4);
    if (entries == kMost16 || size == kMost32 || at == kMost32) {
      throw UsageError("zip archive: 4 GiB or more; save fewer rows");
    }
    const bool one_disk = number(record, 4, 4) == 0 && number(record, 8, 2) == entries;
    if (!one_disk || at + size != archive.size() - back) damaged("bad directory position");
    return {entries, at, at + size};
  }
  throw UsageError("not a zip archive, or a truncated one");
}

struct CentralEntry {
  std::string name;
  std::uint64_t crc;
  std::uint64_t size;
  std::uint64_t local;
  std::uint64_t record_size;
};

CentralEntry read_central(std::string_view archive, std::uint64_t at) {
  const std::string_view record = part(archive, at, kCentralSize, "directory");
  if (number(record, 0, 4) != kCentral) damaged("bad directory entry");
  const std::uint64_t name_size = number(record, 28, 2);
  const std::uint64_t extra = number(record, 30, 2) + number(record, 32, 2);
  CentralEntry entry;
  entry.name = part(archive, at + kCentralSize, name_size, "directory");
  entry.crc = number(record, 16, 4);
  entry.size = number(record, 24, 4);
  entry.local = number(record, 42, 4);
  entry.record_size = kCentralSize + name_size + extra;
  if ((number(record, 8, 2) & 1) != 0) {
    throw UsageError(one_line(fmt::format("zip archive: member {} is encrypted", entry.name)));
  }
  if (const std::uint64_t method = number(record, 10, 2); method != 0) {
    throw UsageError(one_line(fmt::format("zip archive: member {} is compressed (method {}), as by "
                                          "np.savez_compressed: save with np.savez",
                                          entry.name, method)));
  }
  if (number(record, 20, 4) != entry.size || entry.size == kMost32 || entry.local == kMost32) {
    damaged(fmt::format("member {} has no plain size", entry.name));
  }
  return entry;
}

ZipMember read_member(std::string_view archive, const CentralEntry& entry) {
  const std::string_view header = part(archive, entry.local, kLocalSize, "member " + entry.name);
  const std::uint64_t name_size = number(header, 26, 2);
  const std::uint64_t name_at = entry.local + kLocalSize;
  const bool same = number(header, 0, 4) == kLocal &&
                    part(archive, name_at, name_size, "member " + entry.name) == entry.name;
  if (!same) damaged(fmt::format("member {} is not where the directory says", entry.name));
  const std::uint64_t data_at = name_at + name_size + number(header, 28, 2);
  const std::string_view data = part(archive, data_at, entry.size, "member " + entry.name);
  if (crc32(data) != entry.crc) damaged(fmt::format("member {} has a wrong checksum", entry.name));
  return {entry.name, data};
}

// Fields common to local and central headers, from "version needed" to "length of extra field".
void put_common(std::string& to, const ZipMember& member) {
  constexpr std::uint64_t kVersion = 20;
  constexpr std::uint64_t kFirstOfJanuary1980 = 0x21;
  put(to, kVersion, 2);
  put(to, 0, 6);  // flags, method "stored", time
  put(to, kFirstOfJanuary1980, 2);
  put(to, crc32(member.bytes), 4);
  put(to, member.bytes.size(), 4);
  put(to, member.bytes.size(), 4);
  put(to, member.name.size(), 2);
  put(to, 0, 2);
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t c = 0xffffffffu;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
  };
  for (; bytes.size() >= kAtOnce; bytes.remove_prefix(kAtOnce)) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      const std::uint32_t state = i < 4 ? c >> (8 * i) : 0;
      next ^= kCrcTable[kAtOnce - 1 - i][(state ^ byte(i)) & 0xff];
    }
    c = next;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) c = kCrcTable[0][(c ^ byte(i)) & 0xff] ^ (c >> 8);
  return c ^ 0xffffffffu;
}

std::vector<ZipMember> read_zip(std::string_view archive) {
  const Directory directory = find_directory(archive);
  std::vector<ZipMember> members;
  std::uint64_t at = directory.at;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    const CentralEntry entry = read_central(archive.substr(0, directory.end), at);
    members.push_back(read_member(archive, entry));
    at += entry.record_size;
  }
  if (at != directory.end) damaged("directory of the wrong length");
  return members;
}

std::string write_zip(const std::vector<ZipMember>& members) {
  std::string archive;
  std::string directory;
  for (const ZipMember& member : members) {
    put(directory, kCentral, 4);
    put(directory, 20, 2);  // made by version 2.0
    put_common(directory, member);
    put(directory, 0, 10);  // comment, disk, attributes
    put(directory, archive.size(), 4);
    directory += member.name;
    put(archive, kLocal, 4);
    put_common(archive, member);
    archive += member.name;
    archive += member.bytes;
    if (archive.size() + directory.size() >= kMost32 - kEndSize) {
      throw UsageError("zip archive: 4 GiB or more; save fewer rows");
    }
  }
  const std::size_t directory_at = archive.size();
  archive += directory;
  put(archive, kEnd, 4);
  put(archive, 0, 4);
  put(archive, members.size(), 2);
  put(archive, members.size(), 2);
  put(archive, directory.size(), 4);
  put(archive, directory_at, 4);
  put(archive, 0, 2);
  return archive;
}

}  // namespace xent
