// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/error_budget.h"
#include "core/problem.h"
#include "tests/oracle_cases.h"

namespace xent::oracle_tests {

/// Roles of operations; each has a sign in which its errors go.
enum class Part : unsigned {
  sub_focus, sub_rest, exp_focus, exp_rest, add_focus, add_rest, mul, log_one, log_two, quotient,
  last, scale, reciprocal, order_of_scaling, sub_below, count
};

/// A kernel that errs as much as its budget allows. Soft: each operation is moved by the whole
/// unit roundoff (what a float provably keeps, such as 1 + tiny = 1, is kept). Otherwise additions,
/// products and quotients are rounded to the accumulation format and only exp and log are moved.
/// Doubles carry the numbers: accumulation is f32 or narrower. exp(0) is 1 unless exp_of_zero_errs:
/// then it is the float that is farthest from 1 within the budget. With Shift::target logits above
/// and below the target's err apart.
class SimulatedKernel {
 public:
  SimulatedKernel(const ErrorBudget& budget, bool soft, std::uint64_t signs,
                  bool exp_of_zero_errs = false);

  double loss(const Row& z, std::int64_t y) const;
  double lse(const Row& z) const;
  /// Gradient at class j; upstream 1 and one row of a sum unless said.
  double gradient(const Row& z, std::int64_t y, std::int64_t j) const;
  double scaled(double gradient, const Problem&, double upstream) const;
  double information(Op, const Row& p, const Row& q) const;
  double reduced(const std::vector<double>& losses, Reduction) const;

 private:
  struct Sums {
    double m, s, t;
  };
  struct Lane {
    double m, s, t;
  };
  double sign(Part) const;
  double rounded(double exact, Part) const;
  double add(double x, double y, Part) const;
  double times(double x, double factor) const;
  double exp_of(double d, Part) const;
  double log_of(double x, Part) const;
  double log1p_of(double x) const;
  double below_normal(double exact, double error, Part) const;
  double sum(std::vector<double> terms, SumOrder, Part) const;
  double sum_run(const double* terms, std::size_t n, Part) const;
  double sum_blocks(const std::vector<double>& terms, std::int64_t block, Part) const;
  double sum_pairwise(const double* terms, std::size_t n, Part) const;
  double sum_compensated(const std::vector<double>& terms, Part) const;
  double sum_tree(std::vector<double> terms, Part) const;
  Sums sums(const Row& z, std::int64_t y) const;
  Sums online_sums(const Row& z, std::int64_t y) const;
  void take(Lane&, double z_j, bool is_target) const;
  Lane merged(const Lane&, const Lane&) const;
  double probability(const Row& z, std::int64_t j, const Sums&) const;
  /// S of Shift::target, or none where the maximum is subtracted.
  std::optional<double> others(const Row& z, std::int64_t y) const;
  double quotient(double x, double divisor) const;
  double divergence_term(double p, double q) const;

  ErrorBudget budget_;
  bool soft_;
  bool exp_of_zero_errs_;
  std::uint64_t signs_;
  Format format_;
  double u_, least_normal_, least_;
};

}  // namespace xent::oracle_tests
