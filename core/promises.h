// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xent {

/// How a kernel is judged. standard: it declares nothing; relative: the class of the accurate
/// target forms; declared: by its own error budget.
enum class AccuracyClass : std::uint8_t { standard, relative, declared };

/// What a kernel undertakes beyond running. Without a promise the same property is judged within
/// the error bounds; with it, bit by bit.
struct Promises {
  AccuracyClass accuracy = AccuracyClass::standard;
  bool repeatable = false;           ///< same bytes, same address modulo 4096: same bits
  bool batch_invariant = false;      ///< a row's result depends on no other row, nor on N
  bool alignment_invariant = false;  ///< nor on the address
  bool thread_invariant = false;     ///< nor on the number of threads
  bool shift_exact = false;          ///< exact shifts of the logits leave the loss bits alone
  bool sign_exact = false;           ///< signs and |gradient| <= 1 hold exactly
  bool in_place = false;             ///< the gradient may overwrite the logits
};

/// Names of the promises made, in the order above: `repeatable`, `batch-invariant`, ...
std::vector<std::string> promise_names(const Promises&);
std::string_view name(AccuracyClass);

}  // namespace xent
