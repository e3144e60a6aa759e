// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "core/kernel.h"
#include "core/test_case.h"

namespace xent {

/// A built-in kernel by its full name.
const Kernel& kernel_named(const std::string& name);

/// scalar/safe, scalar/online, scalar/naive.
const std::vector<std::string>& scalar_kernels();

/// Random numbers of moderate size wherever the problem wants them, the same for each text; every
/// third row is ignored if it can be. Vector targets hold zeros and ones too, but for kl, where
/// 0 log 0 is what scalar/naive fails at.
TestCase moderate_case(const std::string& text);

}  // namespace xent
