// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/error_budget.h"
#include "core/kernel.h"
#include "core/results.h"
#include "core/verdict.h"
#include "oracle/reference.h"

namespace xent {

/// Errors of many outputs, as histograms of 64 bins an octave: percentiles are the upper edge of
/// their bin (within 1.1 %), everything else is exact.
class ErrorSamples {
 public:
  void add(double over_bound, double ulp, double absolute, double conditioned);
  /// A wrong output without a finite error: infinitely beyond its bound, in no other figure.
  void add_unbounded();
  void append(const ErrorSamples&);
  ErrorProfile profile() const;
  std::int64_t size() const { return size_; }
  double error_over_bound() const { return max_over_bound_; }

 private:
  using Histogram = std::map<int, std::int64_t>;
  double quantile(const Histogram&, double q) const;

  std::int64_t size_ = 0;
  Histogram over_bound_, ulp_;
  double max_over_bound_ = 0, sum_over_bound_ = 0;
  double worst_ulp_ = 0, sum_ulp_ = 0, sum_abs_ulp_ = 0;
  double max_abs_ = 0, max_conditioned_ = 0;
};

/// What came of comparing some outputs with enclosures.
struct Judgement {
  Verdict verdict = Verdict::skip;  ///< skip until something was judged
  std::int64_t checks = 0;
  std::string message;  ///< of the first output that is not a pass: got, expected, bound
  std::map<std::string, std::int64_t> excluded;  ///< outputs not judged, by question
  ErrorSamples errors;

  void merge(const Judgement&);
  /// Records one check that is not a comparison with an enclosure.
  void check(bool holds, const std::string& message_if_not);
};

/// Every element of an output against the exact answer, within the bound that follows from the
/// budget. NaN where a number is expected fails; an infinity is right where the exact value, give
/// or take the bound, passes the format's overflow threshold. An undecided element asks for the
/// next level and is inconclusive after the last.
Judgement judge_loss(Reference&, const ErrorBudget&, const Tensor& loss);
Judgement judge_grad(Reference&, const ErrorBudget&, const Tensor& grad);

/// One value against an enclosure that can be asked for more precision.
/// `what` starts the message: "loss[3]".
Judgement judge_value(double value, DType format, double bound, const std::string& what,
                      const std::function<Enclosure(int level)>& exact);

}  // namespace xent
