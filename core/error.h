// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace xent {

/// Wrong use: the message is one line that says what is wrong and what to do. Exit code 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace xent
