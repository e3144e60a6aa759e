// SPDX-License-Identifier: Apache-2.0
#include "core/promises.h"

#include <utility>

namespace xent {

std::vector<std::string> promise_names(const Promises& promises) {
  const std::pair<bool, const char*> all[] = {
      {promises.repeatable, "repeatable"},
      {promises.batch_invariant, "batch-invariant"},
      {promises.alignment_invariant, "alignment-invariant"},
      {promises.thread_invariant, "thread-invariant"},
      {promises.shift_exact, "shift-exact"},
      {promises.sign_exact, "sign-exact"},
      {promises.in_place, "in-place"},
  };
  std::vector<std::string> names;
  for (const auto& [made, text] : all) {
    if (made) names.emplace_back(text);
  }
  return names;
}

std::string_view name(AccuracyClass accuracy) {
  switch (accuracy) {
    case AccuracyClass::standard: return "standard";
    case AccuracyClass::relative: return "relative";
    case AccuracyClass::declared: return "declared";
  }
  return "unknown";
}

}  // namespace xent
