// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "properties/plan.h"

namespace xent {

/// The command line, parsed and checked for form.
struct Options {
  std::string command;
  std::string program;  ///< how to call it from here: relative where it was called by its path
  std::string line;     ///< as typed, for reports
  // WHAT
  std::vector<std::string> kernels;
  std::vector<std::string> libraries;  ///< FILE.so[:GLOB]
  std::vector<std::string> pythons;    ///< FILE.py:FUNCTION
  std::string interpreter;             ///< of them; empty: the first that has numpy
  bool peers = false;                  ///< time the peers that were built, too
  std::string shapes;      ///< a preset of problems to time; empty: --problem, or the usual ones
  bool in_place = false;   ///< time gradients over the logits, too
  // HOW
  Selection selection;
  std::string promise;
  std::string tensors;
  std::string profile = "smoke";
  double budget_seconds = 0;
  std::optional<std::int64_t> cases;
  std::uint64_t seed = 0x5eed;
  std::int64_t shard = 0;
  std::int64_t shards = 1;
  int jobs = 1;
  int threads = 1;             ///< of a kernel, where a property asks for no other number
  double deadline = 20;        ///< of a call in a process of its own, seconds of its processor
  double memory = 8;           ///< of such a process, GiB beyond the tensors; 0: no limit
  bool include_failing = false;
  bool strict = false;
  bool keep_going = false;
  std::filesystem::path out;  ///< empty: not given
  bool markdown = false, html = false, junit = false;
  // claims
  std::vector<std::string> claims;  ///< ids or globs; empty: all
  std::filesystem::path data, text;  ///< of the experiments; empty: what the program brings
  std::int64_t every = 1;  ///< of certify-exp: each N-th argument
  // list, report, replay
  std::string what;  ///< of list
  std::string glob;  ///< of list
  std::vector<std::string> files;
};

/// Parses; `--help` and `--version` print and give an exit code instead. Throws UsageError.
std::optional<int> parse(int argc, char** argv, Options&);

}  // namespace xent
