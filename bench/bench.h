// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "core/results.h"

namespace xent {

struct BenchOptions {
  std::vector<Problem> problems;
  std::uint64_t seed = 0;
  double min_seconds = 0.05;  ///< of one repetition
  int repetitions = 7;        ///< interleaved at random over kernels and limits
  int threads = 1;            ///< of kernels and of limits
  bool in_place = false;      ///< gradients over the logits, too, where that is promised
  bool include_failing = false;
  std::function<void(const std::string&)> progress;  ///< may be empty
};

/// What a kernel wrote while the clock ran, where that is wrong: a failure, whatever it answered
/// before.
struct WrongOutput {
  std::string kernel;
  std::string problem;
  std::string message;  ///< "loss[0] = ..."
};

struct BenchResult {
  std::vector<Timing> timings;
  std::vector<Limit> limits;
  std::vector<WrongOutput> wrong;
  std::vector<std::string> notes;  ///< what was left out and why
};

/// Verdict of a kernel on a problem's operation, type and direction.
using VerdictOf = std::function<Verdict(const Kernel&, const Problem&)>;

/// Times what passed (with include_failing, and of peers: what failed too, marked), beside the
/// machine's limits on the same memory: reading (forward), copying (gradients out of place),
/// reading and writing in place (gradients over the logits), and vector arithmetic for kernels that
/// declare theirs. For each problem one interleaved run of Google Benchmark, after which its memory
/// is given back. Every kernel gets the same case, domain gaussian (simplex where the operation
/// takes probabilities), and is bound once; one with an origin tells its times itself, and its
/// outputs are judged at the end. If one of these is no peer, they all get others of consecutive
/// seeds as well, at places that change.
BenchResult bench(const std::vector<Kernel>&, const VerdictOf&, const BenchOptions&);

/// Least bytes that a correct kernel must move: each input read once, each output written once.
double minimum_bytes(const Problem&);

}  // namespace xent
