// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "core/test_case.h"
#include "properties/random.h"

// Shared by the files of the domains; not for others.
namespace xent {

/// What a domain knows when it fills one row. A row is the same whatever the number of rows.
struct RowPlan {
  const Problem& problem;
  Format format;       ///< of the input's type
  std::int64_t row;
  std::int64_t turn;   ///< grows by 1 from row to row from a seed-dependent start >= 0
  Random seed;         ///< choices that all rows share
  Random choice;       ///< the row's own choices
  Random element;      ///< one draw for each class
};

/// The target is left to the common mixture of argmax, random, first and last class.
inline constexpr std::int64_t kAnyClass = -1;

/// Fills z (V elements, rounded to the input's type afterwards) and returns the target class or
/// kAnyClass.
using LogitRow = std::int64_t (*)(const RowPlan&, std::span<double> z);

std::int64_t gaussian_row(const RowPlan&, std::span<double> z);
std::int64_t confident_row(const RowPlan&, std::span<double> z);
std::int64_t wrong_row(const RowPlan&, std::span<double> z);
std::int64_t offset_row(const RowPlan&, std::span<double> z);
std::int64_t ties_row(const RowPlan&, std::span<double> z);
std::int64_t masked_row(const RowPlan&, std::span<double> z);
std::int64_t masked_target_row(const RowPlan&, std::span<double> z);
std::int64_t dyadic_row(const RowPlan&, std::span<double> z);
std::int64_t grid_row(const RowPlan&, std::span<double> z);

std::int64_t extreme_row(const RowPlan&, std::span<double> z);
std::int64_t subnormal_row(const RowPlan&, std::span<double> z);
std::int64_t integer_mass_row(const RowPlan&, std::span<double> z);
std::int64_t spikes_row(const RowPlan&, std::span<double> z);
std::int64_t index_bit_row(const RowPlan&, std::span<double> z);

std::int64_t iris_row(const RowPlan&, std::span<double> z);
std::int64_t worked_example_row(const RowPlan&, std::span<double> z);

/// Fills q and p (V elements each) of one row. For entropy, which takes one distribution, p is the
/// input.
using ProbabilityRow = void (*)(const RowPlan&, std::span<double> q, std::span<double> p);

void simplex_row(const RowPlan&, std::span<double> q, std::span<double> p);
void dyadic_simplex_row(const RowPlan&, std::span<double> q, std::span<double> p);
void one_hot_row(const RowPlan&, std::span<double> q, std::span<double> p);
void near_equal_row(const RowPlan&, std::span<double> q, std::span<double> p);
void uniform_row(const RowPlan&, std::span<double> q, std::span<double> p);
void tiny_row(const RowPlan&, std::span<double> q, std::span<double> p);
void disjoint_zero_row(const RowPlan&, std::span<double> q, std::span<double> p);

void unnormalised_row(const RowPlan&, std::span<double> q, std::span<double> p);
void proportional_row(const RowPlan&, std::span<double> q, std::span<double> p);

// Logits or log-probabilities, and a vector target.
void soft_row(const RowPlan&, std::span<double> z, std::span<double> y);
void soft_dyadic_row(const RowPlan&, std::span<double> z, std::span<double> y);
void soft_one_hot_row(const RowPlan&, std::span<double> z, std::span<double> y);
void soft_unnormalised_row(const RowPlan&, std::span<double> z, std::span<double> y);
void soft_masked_row(const RowPlan&, std::span<double> z, std::span<double> y);
void soft_matched_row(const RowPlan&, std::span<double> z, std::span<double> y);
void log_probabilities_row(const RowPlan&, std::span<double> x, std::span<double> y);
void log_grid_row(const RowPlan&, std::span<double> x, std::span<double> y);
void log_masked_row(const RowPlan&, std::span<double> x, std::span<double> y);
void log_extreme_row(const RowPlan&, std::span<double> x, std::span<double> y);

// Binary: logits (saturated, infinite) or probabilities (chances), and labels in [0, 1].
void binary_hard_row(const RowPlan&, std::span<double> x, std::span<double> y);
void binary_soft_row(const RowPlan&, std::span<double> x, std::span<double> y);
void binary_saturated_row(const RowPlan&, std::span<double> x, std::span<double> y);
void binary_infinite_row(const RowPlan&, std::span<double> x, std::span<double> y);
void chances_row(const RowPlan&, std::span<double> x, std::span<double> y);
void chances_edge_row(const RowPlan&, std::span<double> x, std::span<double> y);
void chances_zero_row(const RowPlan&, std::span<double> x, std::span<double> y);

// Of options.
std::int64_t capped_row(const RowPlan&, std::span<double> z);
std::int64_t special_row(const RowPlan&, std::span<double> z);

/// The vector target of a row of logits: by division, dyadic, one-hot, not normalised or sparse,
/// by row in turn; most of its mass on class `aim` unless that is kAnyClass.
void soft_target(const RowPlan&, std::int64_t aim, std::span<double> y);
/// Labels of a binary row: hard, soft, near 0 and 1, or all equal, by row in turn.
void binary_labels(const RowPlan&, std::span<double> y);

/// Positive weights, some rows even and some peaked, divided by their sum; at least the least
/// normal number.
void fill_positive(const RowPlan&, std::uint64_t stream, std::span<double> p);
/// Zeroes about one class in `of`, but never the `kept` one.
void drop_some(const RowPlan&, std::uint64_t stream, std::int64_t of, std::int64_t kept,
               std::span<double> p);
/// Multiples of 2^-bits that sum to exactly 1: `least` of them for each class that is not zero in
/// `p`, the rest in proportion to p, the remainder to the class `last`.
void fill_dyadic(std::span<double> p, int bits, std::int64_t least, std::int64_t last);

/// Bits m of the denominator 2^m of dyadic-simplex for V classes.
int dyadic_bits(std::int64_t v);

/// Log x of a positive normal number to a few units in the last place, from + - * / alone.
double log_of(double x);

/// 2^e exactly, -1074 <= e <= 1023; 0 below.
double power_of_two(int e);
/// floor(log2 |x|) for a normal double.
int exponent_of(double x);
/// Distance of neighbouring numbers of the format at x.
double spacing(double x, const Format&);
/// The greatest finite number of a format.
double largest(const Format&);

}  // namespace xent
