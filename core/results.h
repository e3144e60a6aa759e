// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/claim.h"
#include "core/verdict.h"

namespace xent {

/// Errors of many outputs against their enclosures. Percentiles are over the judged outputs.
struct ErrorProfile {
  std::int64_t outputs = 0;       ///< judged with a number as the expected value
  double error_over_bound = 0;      ///< |error| / bound
  double p999_over_bound = 0;
  double mean_over_bound = 0;
  double ulp = 0;           ///< signed, of the largest |error| in ulps of the exact value
  double p999_ulp = 0;            ///< of |ulp|
  double mean_ulp = 0;            ///< of |ulp|
  double bias_ulp = 0;            ///< mean of the signed ulps
  double max_abs = 0;             ///< nats for losses
  double max_conditioned = 0;     ///< |error| / (u * condition), see oracle/README.md
};

/// The smallest case found on which a kernel breaks a property.
struct Counterexample {
  std::string file;     ///< relative to the results' folder
  std::string replay;   ///< a line that can be pasted
  std::string problem;  ///< of the shrunk case
  std::string data;     ///< the tensors, one readable line each
  std::string message;  ///< what is wrong on it: got, expected, bound
  std::int64_t shrink_steps = 0;
};

/// One kernel judged by one property.
struct VerdictRow {
  std::string kernel;
  std::string property;
  Verdict verdict = Verdict::skip;
  std::string reason;    ///< of a skip or error, or of vacuity
  std::string problem;   ///< of the worst case: the failing one, else that of error_over_bound
  std::int64_t cases = 0;    ///< judged
  std::int64_t checks = 0;   ///< comparisons made
  std::int64_t skipped = 0;  ///< cases that the kernel does not support
  std::map<std::string, std::int64_t> skip_reasons;
  std::map<std::string, std::int64_t> excluded;  ///< rows not judged, by the question's name
  /// Share of the judged cases on which the property rejects each trivial answer.
  std::map<std::string, double> rejected;
  std::optional<double> power;  ///< least of `rejected` over those the property must reject
  double floor = 0;             ///< power below this is vacuous
  bool vacuous = false;
  bool expected_to_fail = false;  ///< examples of failure and mutants
  ErrorProfile worst;
  std::optional<Counterexample> counterexample;
};

/// A fact worth knowing that breaks no promise: one for each kernel and id.
struct Finding {
  std::string kernel;
  std::string id;       ///< dotted kebab case
  std::string message;
  /// The smallest case on which it was seen, in lines: the problem, then its data or the domain and
  /// the seed that make them. Empty: of no case.
  std::string witness;
  std::string file = {};    ///< of the witness, relative to the results' folder; empty: not saved
  std::string replay = {};  ///< a line that can be pasted; empty: not saved
  std::int64_t cases = 0;   ///< on which it was seen
};

/// Errors of a kernel's losses or gradients in one format.
struct AccuracyRow {
  std::string kernel;
  std::string output;  ///< "loss", "grad"
  std::string dtype;   ///< of the output
  /// "op=ce": without options; "op=ce, options": with some, where none was judged without; "all":
  /// of every operation, where neither was.
  std::string problems;
  std::int64_t cases = 0;
  ErrorProfile errors;
};

struct KernelInfo {
  std::string name;
  std::string role;
  std::string summary;
  std::string budget;  ///< one line
  std::string accuracy_class;
  /// Best accuracy class attained in this run: relative, standard, declared (its own budget alone,
  /// which is wider), none; empty: accuracy was not judged.
  std::string best_class;
  std::vector<std::string> promises;
  std::string unavailable;  ///< why it cannot run here; empty: it can
  std::vector<std::string> kept = {};  ///< promises not made that it kept wherever they were tried
  std::string origin = {};  ///< library or Python file with its version; empty: built in
};

struct PropertyInfo {
  std::string id;
  std::string title;      ///< its sentence
  std::string statement;  ///< what is asserted of floats
};

/// A maximum over many arguments: certainly within [low, high], and where it was found.
struct KnownMaximum {
  std::string what;
  double low = 0;
  double high = 0;
  std::string unit;
  std::string argument;  ///< hexadecimal floats
  std::string result;
};

/// A kernel's own exponential on binary32 arguments, against its declared (a + b |d|) u.
struct ExponentialRow {
  std::string kernel;
  Verdict verdict = Verdict::skip;
  std::string arguments;  ///< "-inf to 0"
  std::int64_t inputs = 0;
  std::int64_t every = 1;  ///< 1: every argument, so the maxima are certified; n: each n-th only
  double declared_rel = 0;  ///< a
  double declared_arg = 0;  ///< b
  std::vector<KnownMaximum> maxima;  ///< the first is what `a` must cover
  std::vector<std::string> facts;    ///< "exp(0) = 1", "monotone", ...
};

/// One kernel on one problem. Times in seconds for a whole call.
struct Timing {
  std::string kernel;
  std::string problem;
  Verdict verdict = Verdict::skip;  ///< of the kernel on this operation; fail: timed on request
  std::int64_t samples = 0;
  double median = 0;
  double low = 0;   ///< 25th percentile
  double high = 0;  ///< 75th percentile
  double minimum_bytes = 0;       ///< least traffic: each input read once, each output written once
  double bytes_per_second = 0;    ///< minimum_bytes / median
  double limit_bytes_per_second = 0;  ///< measured in the same run on the same footprint
  std::string limit;              ///< which: "read", "copy", "read-write in place"
  double logits_per_second = 0;
  std::string placement = {};  ///< of the gradient: "out of place", "in place"; empty: it has none
  std::int64_t threads = 1;    ///< that the kernel, and the limit, may use
  /// "warm": the same data at the same place in each call of a repetition, called before the clock
  /// starts; "changing": other data or another place in each long call.
  std::string cache = {};
  std::string path = {};  ///< that a kernel which chooses took
  /// Time of the vector operations that the kernel declares, at the measured rate of independent
  /// fused multiply-adds; 0: it declares none.
  double arithmetic_seconds = 0;
};

struct Limit {
  std::string name;  ///< "read", "copy", "read-write in place", "vector FMA"
  std::int64_t footprint_bytes = 0;
  double bytes_per_second = 0;
  std::int64_t samples = 0;
  std::int64_t threads = 1;
  std::string pattern = {};          ///< the fastest: "8 streams 64 KiB apart, prefetch 512 B"
  double operations_per_second = 0;  ///< of a limit of arithmetic: vectors
};

struct Environment {
  std::string version;   ///< of xentcheck
  std::string compiler;
  std::string build;     ///< Release, ...
  std::string cpu;
  std::string isa;       ///< instruction sets that Highway can run here
  std::string system;    ///< kernel and distribution
  int cores = 0;
  std::string started;   ///< ISO 8601, UTC
};

/// The one model of a run. Every report reads only this.
struct Results {
  int schema = 1;
  /// True: examples of failure and mutants count as expected to fail (the main job); false: they
  /// are judged like any other.
  bool expectations = true;
  bool strict = false;  ///< findings count as failures
  Environment environment;
  std::string command;
  std::string seed;  ///< hexadecimal
  std::string profile;
  double seconds = 0;
  std::vector<KernelInfo> kernels;
  std::vector<PropertyInfo> properties;
  std::vector<VerdictRow> verdicts;
  std::vector<AccuracyRow> accuracy;
  std::vector<ClaimRow> claims;  ///< of `claims` only, in the ledger's order
  std::vector<ExponentialRow> exponentials;  ///< of `certify-exp` only
  std::vector<Finding> findings;
  std::vector<Timing> timings;
  std::vector<Limit> limits;
  std::vector<std::string> notes;  ///< "64 of 512 rows judged, worst gap first"
};

/// Exit code of a run: failures, vacuity, claims contradicted or without evidence and, with
/// expectations, kernels expected to fail that were judged and did not are 1; with `strict`
/// (of the call or of the results) findings too. Precedence 3 > 1 > 4 > 5 > 0.
Exit exit_code(const Results&, bool strict);

/// Joins shards of one run: same schema, seed, profile and expectations. Throws UsageError
/// otherwise. Rows of the same kernel and property become one; of percentiles the largest is kept,
/// and the joint power is the mean by cases, which is a lower bound. Of a claim judged twice the
/// graver row is kept, with the counts of both; of a finding the first witness, with the cases of
/// both.
Results merge(std::vector<Results>);

}  // namespace xent
