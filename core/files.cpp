// SPDX-License-Identifier: Apache-2.0
#include "core/files.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <system_error>

#include "core/error.h"

namespace xent {
namespace {

[[noreturn]] void cannot(std::string_view deed, const std::filesystem::path& path, int error) {
  const std::string why = std::generic_category().message(error == 0 ? EIO : error);
  throw UsageError(fmt::format("cannot {} {}: {}", deed, path.string(), why));
}

}  // namespace

std::string read_bytes(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) cannot("read", path, EISDIR);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) cannot("read", path, errno);
  // A pipe has no size: grow by halves then.
  const std::uintmax_t size = std::filesystem::file_size(path, ignored);
  std::string bytes(ignored ? 0 : size + 1, '\0');
  std::size_t held = 0;
  while (true) {
    if (held == bytes.size()) bytes.resize(std::max<std::size_t>(4096, held + held / 2));
    file.read(bytes.data() + held, static_cast<std::streamsize>(bytes.size() - held));
    held += static_cast<std::size_t>(file.gcount());
    if (!file) break;
  }
  if (file.bad()) cannot("read", path, errno);
  bytes.resize(held);
  return bytes;
}

void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) cannot("write", path, errno);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) cannot("write", path, errno);
}

}  // namespace xent
