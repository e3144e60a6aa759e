// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/dtype.h"
#include "core/problem.h"

namespace xent {

/// The order in which a row is summed; it decides how many roundings a term passes through.
/// pairwise: runs of `block` elements, then the run totals as a tree, in each of `lanes`
/// accumulators, which are added as a tree in the end.
/// blocked: runs of `block` elements, then the run totals one after the other, in each of `lanes`
/// accumulators, which are added as a tree in the end.
/// leaves: of consecutive `lanes` * `block` elements each; a leaf is `lanes` runs of `block`
/// (element j in run j mod lanes), added as a tree; of the leaves' totals, number i mod 32 one
/// after the other, and those 32 sums as a tree.
enum class SumOrder : std::uint8_t {
  any,
  sequential,
  lanes,
  blocked,
  pairwise,
  compensated,
  leaves,
};

/// How the loss is put together from m = max z, s = sum exp(z - m), t = s without the target.
/// Here and below `any` is unknown: the largest of the forms' bounds.
enum class LossForm : std::uint8_t {
  any,
  shifted,   ///< (m - z_y) + log s
  lse,       ///< (m + log s) - z_y
  accurate,  ///< log1p(t / e_y) when y is a maximum, else shifted: relative accuracy
};

enum class GradForm : std::uint8_t {
  any,         ///< quotient or shifted: a kernel that loses digits to offsets must say so
  quotient,    ///< e_j / s, or e_j times a rounded 1 / s
  difference,  ///< exp(z_j - lse)
  shifted,     ///< exp((z_j - m) - log s)
};

enum class TargetForm : std::uint8_t {
  any,
  naive,     ///< p_y - 1: absolute accuracy
  accurate,  ///< -t / s: relative accuracy
};

enum class KlForm : std::uint8_t {
  any,
  difference,  ///< p * (log p - log q)
  quotient,    ///< p * log(p / q)
  accurate,    ///< p * log1p((p - q) / q) where p / q is in [1/2, 2], quotient elsewhere, and
               ///< difference where the quotient overflows or is subnormal
};

/// What is subtracted from every logit before the exponential.
enum class Shift : std::uint8_t {
  maximum,
  /// Of ce with one class as target, without smoothing: the target's logit z_y while
  /// S = sum over j != y of exp(z_j - z_y) is above 0 and below shift_limit as computed. y is
  /// skipped in the sum, the loss is log1p(S), the gradient e_j / (1 + S) or e_j times a rounded
  /// reciprocal, the target's -S / (1 + S). Other rows and operations: the maximum.
  target,
};

/// What a kernel's arithmetic may do, as data; a bound for each output follows from it
/// (oracle/bound.h). Errors are in units of u, the unit roundoff of `accumulate`.
struct ErrorBudget {
  double exp_rel = 1;  ///< a: |exp^(d) / exp(d) - 1| <= (a + b |d|) u
  double exp_arg = 0;  ///< b
  double log_rel = 1;  ///< c: |log^(s) - log s| <= (c |log s| + c0) u; of log1p c alone
  double log_abs = 0;  ///< c0
  double tanh_rel = 4;  ///< relative error of tanh (softcap)
  SumOrder order = SumOrder::any;
  std::int64_t lanes = 1;
  std::int64_t block = 1;
  bool online = false;  ///< running maximum: a rescale at each step in the worst case
  Shift shift = Shift::maximum;
  double shift_limit = 1e37;  ///< >= 2; see Shift::target
  SumOrder rows = SumOrder::any;  ///< order of a sum or mean over rows
  LossForm loss = LossForm::lse;
  GradForm grad = GradForm::quotient;
  TargetForm target = TargetForm::naive;
  KlForm kl = KlForm::difference;
  DType accumulate = DType::f32;
  DType output = DType::f32;
  bool flush_to_zero = false;
  /// The least argument for which exp is not replaced by 0; -infinity: only by underflow.
  double exp_cutoff = -1e300 * 1e300;

  /// What a kernel that declares nothing is held to: f32 accumulation (f64 for f64 inputs) in any
  /// order, any of the forms (log-sum-exp minus logit and the naive target gradient are the worst
  /// of them on confident rows); exp and log as bad as the fast device intrinsics.
  static ErrorBudget standard(const Problem&);
  /// The same arithmetic with the accurate loss and target forms.
  static ErrorBudget relative(const Problem&);
};

/// Additions that a term of an n-term sum passes through at most.
double addition_depth(SumOrder, std::int64_t n, std::int64_t lanes, std::int64_t block);

/// One line for reports: `exp 2u, log 2u, blocked(64), accurate loss, accurate target, f32`.
std::string to_text(const ErrorBudget&);

std::string_view name(SumOrder);
std::string_view name(LossForm);
std::string_view name(Shift);

}  // namespace xent
