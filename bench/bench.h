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
/// machine's read bandwidth (forward) or in-place read-write bandwidth (gradients) on buffers of
/// the same footprint: for each problem one interleaved run of Google Benchmark, after which its
/// memory is given back. Every kernel gets the same case, domain gaussian (simplex where the
/// operation takes probabilities), and is bound once; one with an origin gets that and others of
/// consecutive seeds, tells its times itself, and its outputs are judged at the end.
BenchResult bench(const std::vector<Kernel>&, const VerdictOf&, const BenchOptions&);

/// Least bytes that a correct kernel must move: each input read once, each output written once.
double minimum_bytes(const Problem&);

}  // namespace xent
