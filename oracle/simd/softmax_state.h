// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "oracle/simd/rows.h"

namespace xent {

/// z = f(x): x, scale x, or cap tanh(scale x / cap).
enum class LogitMap : std::uint8_t { identity, scaled, capped };

/// Shapes of the derivative in z_j.
enum class Derivative : std::uint8_t {
  linear,   ///< c e_j but for the scored class; also of softmax_j itself
  masses,   ///< c e_j - a_j but for the maximum: target mass on many classes
  squares,  ///< 2 p_j (D_j - sum p_k D_k), D = p - y
};

/// Upper bounds of sums over classes of a size b, of b |d| and of a third number.
struct ThreeSums {
  double size = 0, gap = 0, third = 0;
};

/// What one row keeps, in either tier. Notation of RowFacts.
struct SoftmaxState {
  SimdTask task;
  LogitMap map = LogitMap::identity;
  Derivative shape = Derivative::linear;

  // Of the scan.
  std::int64_t top = -1;        ///< first class whose z is m
  double x_top = 0, x_far = 0;  ///< its input, and that of the least live z

  // Of the exponentials: one element a class, absent ones 0.
  double* e = nullptr;
  double* e_lo = nullptr;   ///< pairs
  double* e_rad = nullptr;  ///< capped; else a function of e and the gap
  double* gap = nullptr;    ///< capped: upper bounds; else a function of x
  double live = 0, ties = 0;
  bool absent = false;      ///< some class is
  Enclosure below;          ///< sum of the e_j with z_j < m, without the scored class
  Enclosure e_scored;
  double gaps = 0, logits = 0;  ///< of doubles: sum e_j |d_j|, e_j |z_j| without the scored class

  // Scalars of the row.
  bool scored_top = false;  ///< z_y = m
  Enclosure z_top, z_scored, rest, s, t, log_s, lse;
  Enclosure inverse;        ///< 1 / s
  Enclosure loss;           ///< in the problem's unit
  Enclosure by_lse;         ///< 2 zloss lse
  Enclosure total;          ///< A
  Enclosure coefficient;    ///< linear, masses: c
  Enclosure special;        ///< dL/dz of the class that the shape excepts
  Enclosure factor;         ///< of every element: task.factor, times scale unless capped
  Enclosure mean;           ///< squares: sum p_k (D_k - D_top); hvp: q - v_top
  Enclosure at_top;         ///< squares: D_top
  // Of doubles, upper bounds but for the two that are to nearest.
  double greatest_gap = 0, greatest = 0;  ///< max |d_j|, max |z_j|
  double gap_scored = 0;
  double nearest_top = 0, nearest_scored = 0;  ///< z, of the maximum and of the scored class
  ThreeSums mass;           ///< of target mass, third |z|; squares: of labels
  ThreeSums direction;      ///< e_k |v_k|; third: sum |v_k|
};

}  // namespace xent
