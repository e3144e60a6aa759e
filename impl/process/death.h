// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "impl/process/addresses.h"
#include "impl/process/protocol.h"

namespace xent::process {

/// A kernel's process has ended, or had to be ended. what(): "crash: read 4 bytes past the end of
/// logits (SIGSEGV)", "hang: no answer after 20 s of CPU".
struct Death : std::runtime_error {
  using std::runtime_error::runtime_error;
  bool hang = false;
  /// Where it wrote, if an earlier call, or this one before wait, was allowed to; else empty.
  std::string late;
  Phase phase = Phase::idle;
};

/// Why the judge ended a process: too busy, waiting for ever, too large, its socket closed; own: it
/// ended by itself.
enum class Ending : std::uint8_t { own, busy, idle, memory, silent };

/// What is known of an end.
struct Remains {
  int status = 0;  ///< of waitpid
  Ending ending = Ending::own;
  std::string limit;       ///< that was overrun: "20 s of CPU"
  std::string last_words;  ///< last line that it printed
};

/// Puts it in words; `control` is the page of the process that ended.
Death death_of(const Remains&, const Control& control, const Addresses&);

}  // namespace xent::process
