// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "include/xentcheck/kernel.h"

namespace xent::process {

/// A plugin as the host uses it: structs of this version, with zeros where its author knew less.
struct Plugin {
  std::string version;
  std::vector<xentcheck_kernel> kernels;
};

/// What is wrong with a library, as one line.
struct Refusal {
  std::string text;
};

/// Checks and copies. Throws Refusal: another major version, no kernels, a struct of impossible
/// size, a kernel without name or launch, two of one name.
Plugin read_library(const xentcheck_library*);

/// Loads the file and asks it for its library. Throws Refusal: not a library for this machine,
/// missing symbols.
const xentcheck_library* load_library(const char* file);

/// The lines of the hello (protocol.h).
std::string describe(const Plugin&);

}  // namespace xent::process
