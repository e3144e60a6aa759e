// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include "oracle/judge.h"

// One output against its enclosure; not for others than judge*.
namespace xent {

struct JudgedElement {
  double value;
  DType format;
  double bound;
  double condition;
  Enclosure first;  ///< the exact answer at `level`
  int level = 0;
};

/// `first` decides, or what it says is all that there is to know.
Verdict verdict_on(double value, const Enclosure& exact, double bound, DType format);

/// Counts the verdict; `complaint` is of use if it is no pass.
void record(Judgement&, const JudgedElement&, const Enclosure& truth, Verdict,
            const std::string& complaint);

std::string complaint_about(const std::string& what, const JudgedElement&, const Enclosure& truth);

/// `what` and `exact` are called only when needed: most elements pass at the first level without a
/// word.
template <class What, class Exact>
void judge_element(Judgement& all, const JudgedElement& e, const What& what, const Exact& exact) {
  if (e.bound == std::numeric_limits<double>::infinity() && !std::isnan(e.value)) {
    ++all.excluded["no-bound"];
    return;
  }
  Enclosure truth = e.first;
  Verdict verdict = verdict_on(e.value, truth, e.bound, e.format);
  for (int level = e.level + 1; verdict == Verdict::inconclusive && level < Reference::kLevels;
       ++level) {
    truth = exact(level);
    verdict = verdict_on(e.value, truth, e.bound, e.format);
  }
  const bool says = verdict != Verdict::pass && graver(all.verdict, verdict) != all.verdict;
  record(all, e, truth, verdict, says ? complaint_about(what(), e, truth) : std::string());
}

}  // namespace xent
