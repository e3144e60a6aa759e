// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "oracle/bound_row.h"

// L10, L17: what comes after the row. Not for others than bound*.
namespace xent {

/// Factor of the unit, and the roundings it costs: the constant's and the product's.
double unit_factor(const Problem&);
double unit_roundings(const Problem&);

/// Where the output's format is narrower than the accumulation's.
bool narrows(const ErrorBudget&);

/// The bound as it is handed out: with the output's rounding, and that of the bound itself.
/// No bound where the bound's own arithmetic overflows.
double finished(const Rounded&, const ErrorBudget&);

/// L17: roundings in a mean's division: a quotient, or a reciprocal and a product, for each of its
/// divisors, and those in the divisors themselves. Keeps what it counted of a group of rows.
class DivisionRoundings {
 public:
  DivisionRoundings(const TestCase&, const ErrorBudget&);
  double of_row(std::int64_t row);

 private:
  /// Rows [first, last) whose losses are averaged together before anything else.
  struct Group {
    std::int64_t first = 0;
    std::int64_t last = 0;
  };
  Group group_of(std::int64_t row) const;
  double weight_condition() const;

  const TestCase& c_;
  const ErrorBudget& b_;
  double fixed_ = 0;      ///< of every row
  bool weighted_ = false;  ///< the divisor is a sum of weights
  Group group_;
  double of_group_ = 0;
};

/// Lower bound of the magnitude of what a row's loss is divided by.
double lower_divisor(const Reference&, std::int64_t row);

}  // namespace xent
