// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "core/error_budget.h"
#include "core/kernel.h"
#include "core/verdict.h"
#include "oracle/error_samples.h"
#include "oracle/reference.h"

namespace xent {

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
/// next level and is inconclusive after the last. Rows are judged by several threads at once, with
/// the same result for any number of them.
///
/// Of a large case the gradient first: Reference then keeps what the losses need.
Judgement judge_loss(Reference&, const ErrorBudget&, const Tensor& loss);
Judgement judge_grad(Reference&, const ErrorBudget&, const Tensor& grad);

/// While one lives, judge_loss and judge_grad of its thread go no further than to a row that fails:
/// the verdict is what it would be, message, counts and errors are not.
class VerdictAlone {
 public:
  VerdictAlone();
  ~VerdictAlone();
  VerdictAlone(const VerdictAlone&) = delete;
  VerdictAlone& operator=(const VerdictAlone&) = delete;

 private:
  bool before_;
};

/// How many threads judge_loss and judge_grad start from now on, in any thread; 1 until it is said.
void set_judge_threads(int);

/// One value against an enclosure that can be asked for more precision.
/// `what` starts the message: "loss[3]".
Judgement judge_value(double value, DType format, double bound, const std::string& what,
                      const std::function<Enclosure(int level)>& exact);

}  // namespace xent
