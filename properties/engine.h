// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "core/results.h"
#include "properties/plan.h"

namespace xent {

struct Progress {
  std::int64_t done = 0;
  std::int64_t total = 0;
  std::int64_t failures = 0;
  std::string_view stage;  ///< "judging", "shrinking"
};

struct VerifyOptions {
  std::string profile = "smoke";
  Selection selection;
  std::optional<std::int64_t> cases;  ///< for each property, instead of the profile's
  std::uint64_t seed = 0;
  double budget_seconds = 0;  ///< wall clock; recipes not begun by then are left out and noted
  int jobs = 1;               ///< threads, of cases and of rows; results do not depend on it
  std::int64_t shard = 0;     ///< of `shards`
  std::int64_t shards = 1;
  bool shrink = true;               ///< look for the smallest failing cases
  /// Only who breaks what: a kernel that has failed a property is not judged by it again, and no
  /// power is measured.
  bool until_failure = false;
  std::optional<TestCase> tensors;  ///< judge this case instead of generated ones
  /// Rows of it that stand for all, except for accuracy.
  std::optional<TestCase> tensors_part;
  std::filesystem::path out;        ///< cases are saved under it; empty: not saved
  std::string program = "xentcheck";  ///< what replay lines begin with
  /// And end with: ` --promise LIST`, ` --library FILE`; empty: nothing.
  std::function<std::string(const Kernel&)> replay_options;
  std::function<void(const Progress&)> progress;  ///< called from one thread at a time
  const std::atomic<bool>* stop = nullptr;  ///< once true, no further case is begun
};

/// Judges every kernel by every property. Fills kernels (with the class attained), properties,
/// verdicts, accuracy, findings and notes of a Results.
void verify(const std::vector<Kernel>&, const std::vector<Property>&, const VerifyOptions&,
            Results&);
/// By the properties of the table that options.selection names.
void verify(const std::vector<Kernel>&, const VerifyOptions&, Results&);

/// The kernels as the report names them, without verdicts.
KernelInfo describe(const Kernel&);

}  // namespace xent
