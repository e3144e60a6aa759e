// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/results.h"
#include "reports/speed.h"

namespace xent::report {

/// What a reader is shown of a verdict row. `expected` is the failure of a kernel that is expected
/// to fail; `vacuous` takes the place of pass, inconclusive and skip.
enum class Mark : std::uint8_t { pass, fail, expected, vacuous, inconclusive, skip, error };
inline constexpr std::array kMarks = {Mark::pass,         Mark::fail, Mark::expected, Mark::vacuous,
                                      Mark::inconclusive, Mark::skip, Mark::error};

struct MarkText {
  std::string_view symbol;
  std::string_view word;     ///< one word, also the CSS class
  std::string_view meaning;  ///< for the legend
};
MarkText text(Mark);
Mark mark(const Results&, const VerdictRow&);
/// The row decides the run by itself. Of a kernel expected to fail, only all rows together do.
bool counts(const Results&, const VerdictRow&);

/// The words beside a speed: a failed kernel's time is never shown without them.
struct SpeedText {
  std::string_view symbol;
  std::string_view word;
  std::string_view style;  ///< CSS class: that of the mark
};
SpeedText speed_text(Verdict);

/// A run at a glance; points into the Results it was made of.
struct Overview {
  Exit exit = Exit::nothing;
  std::string word;                    ///< passed, failed, ...
  std::string_view symbol;
  std::vector<std::string> sentences;  ///< why: most important first
  std::vector<std::string> kernels;    ///< judged by their verdicts, in the order of Results
  std::vector<std::string> expected;   ///< expected to fail
  std::vector<std::string> properties;
  std::map<std::pair<std::string, std::string>, const VerdictRow*> rows;  ///< kernel, property
  std::map<Mark, std::int64_t> marks;
  std::int64_t cases = 0;
  std::int64_t checks = 0;
  std::int64_t judged = 0;  ///< kernels of which some property judged some case

  const VerdictRow* at(const std::string& kernel, const std::string& property) const;
};
Overview overview(const Results&);

/// "168 pass, 3 expected to fail, 12 skip": the marks that occur.
std::string count_text(const Overview&);

const KernelInfo* find_kernel(const Results&, std::string_view name);
const PropertyInfo* find_property(const Results&, std::string_view id);

/// An expected-to-fail kernel was judged and broke nothing.
bool failed_to_fail(const Overview&, const std::string& kernel);

/// Rows with judged outputs, by property in the order of the overview. `main` are the accuracy
/// properties proper (id ends in ".accurate").
struct AccuracyGroup {
  std::string property;
  bool main = false;
  std::vector<const VerdictRow*> rows;
};
std::vector<AccuracyGroup> accuracy_groups(const Overview&);

/// The errors by output and format of the kernels, in the order of the overview.
std::vector<const AccuracyRow*> profile_rows(const Results&, const Overview&);
/// "largest -1.62 ulp, p99.9 1.18, mean 0.261, bias +0.0042; error/bound 0.412; 182 cases".
std::string profile_text(const AccuracyRow&);
/// "op=ce without options", "op=ce with options", "whatever was judged".
std::string problems_text(const AccuracyRow&);
/// "built in", or the library and its version.
std::string origin_text(const KernelInfo&);
/// "repeatable; kept without promise: shift-exact".
std::string promises_text(const KernelInfo&);
/// "digits are lost ... (in 34 cases)".
std::string finding_text(const Finding&);

/// The least power of a property over the kernels (those expected to fail only if there is no
/// other), and the least share of cases on which each trivial answer was rejected.
struct PowerRow {
  std::string property;
  std::int64_t cases = 0;
  std::optional<double> power;
  std::string weakest;  ///< kernel of the least power; empty where all are alike
  double floor = 0;
  bool vacuous = false;
  std::map<std::string, double> rejected;
};
std::vector<PowerRow> power_rows(const Overview&);

/// What was not judged and why. `what` is a skip's reason or the question of an excluded row.
struct NotJudged {
  std::string what;
  std::int64_t count = 0;
  std::vector<std::string> kernels;
};
std::vector<NotJudged> skip_reasons(const Results&);
std::vector<NotJudged> excluded_rows(const Results&);

/// "1.4936971 u", or "at least 1.4936971 u" of a sample; "4 u + 2.5 u |d|".
std::string maximum_text(const ExponentialRow&, const KnownMaximum&);
std::string declared_text(const ExponentialRow&);

/// "13 of 15 kernels": those judged, of those asked for.
std::string kernel_count(const Overview&, std::string_view separator);
/// The first few names and how many more.
std::string some(const std::vector<std::string>& names);

/// Why a row is not a pass, in one line.
std::string explanation(const VerdictRow&);
/// Why a row was not judged: its reason, else those of its cases.
std::string skip_text(const VerdictRow&);
/// The shrunk case: problem, tensors, what is wrong, and last the replay line; lines of text.
std::string counterexample_text(const Counterexample&);

}  // namespace xent::report
