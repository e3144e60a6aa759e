// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "properties/experiments/dataset.h"
#include "properties/experiments/laboratory.h"

namespace xent {

/// logits = X W^T with weights W [outputs, d]; the objective is
///   (1/n) sum_r loss(logits_r, y_r) + (lambda / 2) |W|^2.
/// One output: loss is the binary loss of class 1, else softmax cross-entropy (or what `op` says).
struct LinearModel {
  const Dataset& data;  ///< features as they are used, bias included
  std::int64_t outputs;
  double lambda = 0;

  std::int64_t size() const { return outputs * data.d; }
  std::vector<double> logits(const std::vector<double>& w) const;
  /// What a kernel is asked at these weights; the problem's n and v are set here.
  TestCase test_case(Problem, const std::vector<double>& w) const;
  /// Gradient of the objective, given the rows' gradients in the logits [n, outputs].
  std::vector<double> gradient(const std::vector<double>& of_logits,
                               const std::vector<double>& w) const;
  /// Hessian of the objective in binary64, [size, size].
  std::vector<double> hessian(const std::vector<double>& w) const;
  /// Rows' gradients in the logits in binary64, independent of any kernel.
  std::vector<double> own_gradient(const std::vector<double>& w) const;

  const double* row(std::int64_t r) const { return &data.x[static_cast<std::size_t>(r * data.d)]; }
};

double norm(const std::vector<double>&);

/// Solves a x = b for a symmetric positive definite [n, n] by Cholesky; nothing if it is not.
std::optional<std::vector<double>> solve_positive(std::vector<double> a, std::vector<double> b);

/// Least eigenvalue of a symmetric matrix [n, n], by Jacobi's rotations.
double least_eigenvalue(std::vector<double> a, std::size_t n);

}  // namespace xent
