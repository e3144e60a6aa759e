// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "core/kernel.h"

namespace xent {

/// A kernel that is not built in, and what brings it.
struct Stranger {
  Kernel kernel;
  std::string own_name;        ///< what it would be called were it alone
  std::string option;          ///< ` --library ./libmy_ce.so`
  std::filesystem::path file;  ///< absolute
  bool wanted = false;         ///< by the GLOB behind the file's name, if there is one
};

/// Every kernel of the files that --library and --python name, in that order; two of the same name,
/// or of a built-in one's, get the folder of their file in front. Throws UsageError: a file that
/// cannot serve, a full name behind the file that it does not have (with the nearest ones).
std::vector<Stranger> strangers(const Options&);

/// A stranger's name, also with more folders of its file in front or fewer: what it is called
/// depends on who is there beside it.
bool answers_to(const Stranger&, std::string_view name);

}  // namespace xent
