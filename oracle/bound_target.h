// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "oracle/bound_row.h"

// L38 to L41: the target's logit as reference. Not for others than bound*.
namespace xent {

/// Of f_j = z_j - z_y, S = sum over j != y of exp(f_j), under a budget with Shift::target; in units
/// of u where RowBound's are.
class TargetShift {
 public:
  explicit TargetShift(const RowOfLogits&);

  /// A kernel may subtract z_y from this row's logits; it may subtract the maximum.
  bool possible() const { return possible_; }
  bool certain() const { return certain_; }

  /// |f_j| is at most |gap_j - distance()| + slack(), and as good as farthest().
  double distance() const { return distance_; }
  double slack() const { return slack_; }
  double farthest() const { return farthest_; }
  /// L38: relative error of S, besides the absolute one of L4.
  double sigma() const { return sigma_; }
  /// L40: of 1 + S and of the quotient, or of a rounded reciprocal and a product.
  double of_quotient() const;
  /// What exponentials below the normal range cost p_j.
  double absolute() const;
  /// 1 + 4 tau, or no bound.
  double factor() const { return factor_; }

  /// L39: of log1p(S), which is at most `loss`, where `rest` is rounded at last.
  double loss_error(double loss, double rest) const;
  /// L41: of -S / (1 + S).
  double target_error() const;

 private:
  double mean_distance() const;
  double largest_tau() const;
  bool has_plain_factor() const;
  void decide();
  double rigorous(double bracket, double absolute) const;

  const RowOfLogits& s_;
  bool possible_ = false, certain_ = false;
  double distance_ = 0, slack_ = 0, farthest_ = 0;
  double sigma_ = 0, factor_ = 1;
  double share_ = 0, own_ = 0;  ///< S / (1 + S), 1 / (1 + S)
};

}  // namespace xent
