// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "reports/reports.h"

namespace xent {
namespace {

namespace fs = std::filesystem;

struct CloseFile {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

std::error_code last_error() { return {errno, std::generic_category()}; }

[[noreturn]] void reject(const fs::path& path, const std::error_code& why) {
  throw UsageError(fmt::format("cannot write {}: {}; choose a place that can be written",
                               path.string(), why.message()));
}

std::error_code write_bytes(const fs::path& path, std::string_view text) {
  errno = 0;
  File file(std::fopen(path.c_str(), "wb"));
  if (!file) return last_error();
  if (std::fwrite(text.data(), 1, text.size(), file.get()) != text.size()) return last_error();
  if (std::fclose(file.release()) != 0) return last_error();
  return {};
}

/// A name beside `path` that nobody else uses, so that the rename stays on one file system.
fs::path neighbour(const fs::path& path) {
  std::random_device random;
  fs::path out = path;
  out += fmt::format(".{:08x}{:08x}.part", random(), random());
  return out;
}

/// What a rename must replace: the file behind a link, not the link.
fs::path behind_links(const fs::path& path) {
  std::error_code failed;
  const fs::path real = fs::canonical(path, failed);
  return failed ? path : real;
}

void replace_file(const fs::path& path, std::string_view text) {
  const fs::path target = behind_links(path);
  const fs::path part = neighbour(target);
  std::error_code failed = write_bytes(part, text);
  if (!failed) fs::rename(part, target, failed);
  if (failed) {
    std::error_code ignored;
    fs::remove(part, ignored);
    reject(path, failed);
  }
}

}  // namespace

Results load_results(const fs::path& path) {
  std::error_code unseen;
  if (fs::is_directory(path, unseen)) {
    throw UsageError(fmt::format("cannot read {}: it is a folder; name the results.json in it",
                                 path.string()));
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || in.bad()) {
    throw UsageError(fmt::format("cannot read {}: {}", path.string(), last_error().message()));
  }
  try {
    return from_json(text.str());
  } catch (const UsageError& e) {
    throw UsageError(fmt::format("{}: {}", path.string(), e.what()));
  }
}

void write_file(const fs::path& path, std::string_view text) {
  std::error_code failed;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), failed);
  if (failed) reject(path, failed);
  std::error_code unseen;
  if (fs::is_directory(path, unseen)) {
    reject(path, std::make_error_code(std::errc::is_a_directory));
  }
  if (fs::exists(path, unseen) && !fs::is_regular_file(path, unseen)) {
    failed = write_bytes(path, text);
    if (failed) reject(path, failed);
  } else {
    replace_file(path, text);
  }
}

}  // namespace xent
