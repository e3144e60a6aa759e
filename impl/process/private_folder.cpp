// SPDX-License-Identifier: Apache-2.0
#include "impl/process/private_folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace xent::process {
namespace {

namespace fs = std::filesystem;

const std::string kPrefix = "xentcheck-", kUnique = "XXXXXX";
constexpr const char* kMark = ".made-by-xentcheck";

Descriptor open_folder(const fs::path& path) {
  return Descriptor(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool is_there(const Descriptor& folder) {
  struct stat s {};
  return fstat(folder.get(), &s) == 0 && s.st_nlink > 0;
}

bool is_ours(const Descriptor& folder) {
  struct stat s {};
  return fstat(folder.get(), &s) == 0 && s.st_uid == geteuid() &&
         faccessat(folder.get(), kMark, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool has_our_name(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.size() == kPrefix.size() + kUnique.size() && name.starts_with(kPrefix);
}

fs::path make_folder() {
  std::string name = (fs::temp_directory_path() / (kPrefix + kUnique)).string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot make " + name);
  }
  return name;
}

void remove_tree(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

}  // namespace

PrivateFolder::PrivateFolder() {
  [[maybe_unused]] static const bool once = (remove_abandoned(fs::temp_directory_path()), true);
  path_ = make_folder();
  lock_ = open_folder(path_);
  // Where files cannot be locked nobody removes it either. The mark comes after the lock: without
  // it the folder is nobody's to remove.
  flock(lock_.get(), LOCK_EX | LOCK_NB);
  const Descriptor mark(openat(lock_.get(), kMark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

PrivateFolder::~PrivateFolder() { remove_tree(path_); }

void remove_abandoned(const fs::path& folder) {
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (!has_our_name(at->path())) continue;
    const Descriptor one = open_folder(at->path());
    if (one && is_ours(one) && flock(one.get(), LOCK_EX | LOCK_NB) == 0 && is_there(one)) {
      remove_tree(at->path());
    }
  }
}

}  // namespace xent::process
