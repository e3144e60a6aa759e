// SPDX-License-Identifier: Apache-2.0
#include "core/files.h"

#include <fmt/core.h>

#include <cerrno>
#include <fstream>
#include <iterator>
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
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) cannot("read", path, errno);
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
