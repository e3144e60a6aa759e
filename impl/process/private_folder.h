// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "impl/process/descriptor.h"

namespace xent::process {

/// A host's folder for temporary files, below the judge's own. It is locked (flock) while it lives,
/// so that whoever comes later sees whether the judge was killed before it could tidy up. The first
/// one of a process removes what such judges have left.
class PrivateFolder {
 public:
  PrivateFolder();  ///< throws std::system_error
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  Descriptor lock_;
};

/// Removes the folders below `folder` that a PrivateFolder of this user has made and that nobody
/// has locked; none that lacks the file which it puts there.
void remove_abandoned(const std::filesystem::path& folder);

}  // namespace xent::process
