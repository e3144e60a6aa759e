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

/// Bits m of the denominator 2^m of dyadic-simplex for V classes.
int dyadic_bits(std::int64_t v);

/// 2^e exactly, -1074 <= e <= 1023; 0 below.
double power_of_two(int e);
/// floor(log2 |x|) for a normal double.
int exponent_of(double x);
/// Distance of neighbouring numbers of the format at x.
double spacing(double x, const Format&);
/// The greatest finite number of a format.
double largest(const Format&);

}  // namespace xent
