// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace xent {

/// Wrong use: the message is one line that says what is wrong and what to do. Exit code 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The kernel is not run any more, after too many crashes or hangs: what it was not asked is
/// skipped with this reason.
struct GivenUp : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace xent
