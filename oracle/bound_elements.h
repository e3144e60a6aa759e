// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "oracle/bound_row.h"
#include "oracle/simd/rows.h"

// Bounds of many gradient elements of a row at once. Plain multiplications and additions on
// vectors: the same bits on every instruction set. Not for others than bound*.
namespace xent {

/// Magnitudes and errors of consecutive elements, in nats, before upstream and reduction.
struct RoundedBlock {
  alignas(64) double size[Elements::kMost];
  alignas(64) double error[Elements::kMost];
};

/// L7 in one form of p_j, and what goes with the form.
struct FormOfElements {
  GradForm grad = GradForm::quotient;
  bool minus_target = false;  ///< L40: the target's logit is subtracted; then
  double distance = 0, slack = 0, farthest = 0, of_quotient = 0;  ///< as TargetShift says
  double absolute = 0;
  double factor = 1;  ///< 1 + 4 tau, or no bound
  bool naive = false, accurate = false;  ///< forms of the target; both: the larger error
  double accurate_error = 0;
  Rounded mean;  ///< hvp: sum p_k v_k; mse-softmax: sum p_k (p_k - y_k)
};

/// Everything that the bounds of a row of logits depend on besides p_j, its gap and one number of
/// the class.
struct RowOfElements {
  enum class Shape : std::uint8_t {
    probability,  ///< p_j
    index,        ///< w_y p_j, of the target w_y (p_y - 1)
    mass,         ///< A p_j - a_j; the number is b_j
    hessian,      ///< (H v)_j; the number is |v_j|
    squared,      ///< 2 p_j (p_j - y_j - sum); the number is y_j with vector targets
  };
  Shape shape = Shape::probability;
  std::int64_t y = -1;         ///< the class that is a target of its own
  double u = 0, omega = 0;
  double exp_rel = 0, exp_slope = 0, sigma = 0;  ///< a, 1 + b
  double dead_gap = 0, log_sum = 0, lse = 0, log_error = 0;
  double extra_gap = 0;        ///< of every class, besides the given; then times
  double gap_factor = 1;
  double moved = 0;            ///< relative, of p_j: L14
  double target_size = 0;
  bool weighted = false;       ///< index: by the row's own weight, `total`
  Rounded total;               ///< A, or w_y
  double mass_gamma = 0, mass_underflow = 0;
  double z_loss = 0;
  Rounded lse_number, z_times_lse, z_twice;  ///< with zloss
  bool chained = false;
  Rounded chain;               ///< f'(x_j); hvp: scale
  bool vector_targets = false;
  FormOfElements form[4];
  int forms = 0;
};

/// What all elements of a row that counts have in common. No forms: no bound.
RowOfElements row_of_elements(Reference&, const Ground&, std::int64_t row);

/// The forms of p_j that the budget leaves open; those of the target in one, or each for itself.
/// At most 4; returns how many. `mean` is not set.
int open_forms(const RowOfLogits&, bool targets_apart, FormOfElements* out);
/// L18: sum p_k (p_k - y_k) in one form.
Rounded mean_difference(const RowOfLogits&, const FormOfElements&);

/// elements.probability and .gap, and `number` (read where the shape has one), to magnitudes and
/// errors; `number` is readable to the next multiple of 8.
void row_elements(const RowOfElements&, std::int64_t first, std::int64_t count, const Elements&,
                  const double* number, RoundedBlock&);

/// Of operations whose classes do not interact.
void class_elements(Reference&, const ErrorBudget&, std::int64_t row, std::int64_t first,
                    std::int64_t count, RoundedBlock&);

/// L10: what comes after the row, and how bounds are handed out.
struct OutputScaling {
  double upstream = 1, share = 1;  ///< |g|; unit over divisor, outward
  double gamma = 0;                ///< of the roundings; 0: none
  double omega = 0;                ///< absolute, of all scalings
  bool narrows = false;            ///< the output is rounded once more
  double least_normal = 0, half_ulp = 0;  ///< of the output: 2^emin, 2^-p
};

/// The finished bounds of `count` elements; `bound` is writable to the next multiple of 8.
void scaled_bounds(const OutputScaling&, const RoundedBlock&, std::int64_t count, double* bound);

}  // namespace xent
