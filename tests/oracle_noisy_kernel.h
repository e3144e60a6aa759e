// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/error_budget.h"
#include "core/test_case.h"

namespace xent::oracle_tests {

/// Arithmetic that errs as much as a budget allows: every result is moved by the whole unit
/// roundoff of binary32, every function by its whole error; what a float keeps (products with
/// powers of two) stays exact, what it absorbs is absorbed. Doubles carry the numbers. The signs
/// are one for each kind of operation (they add up) or random.
class Noise {
 public:
  Noise(const ErrorBudget& budget, std::uint64_t signs, bool random)
      : b_(budget), state_(signs | 1), signs_(signs), random_(random) {}

  double constant(double x) {
    return static_cast<double>(static_cast<float>(x)) == x ? x : moved(x, u(), 0);
  }
  double add(double x, double y) {
    if (std::fabs(y) < u() / 2 * std::fabs(x)) return x;
    if (std::fabs(x) < u() / 2 * std::fabs(y)) return y;
    return moved(x + y, u(), 1);
  }
  double sub(double x, double y) { return y == 0 ? x : moved(x - y, u(), 2); }
  double mul(double x, double y) {
    if (x == 0 || y == 0) return 0;
    return power_of_two(x) || power_of_two(y) ? x * y : moved(x * y, u(), 3);
  }
  double div(double x, double y) { return power_of_two(y) ? x / y : moved(x / y, u(), 4); }
  double exp(double x);
  double log(double x);
  double log1p(double x);
  double tanh(double x);

 private:
  /// A little less than the whole: the doubles have roundings of their own.
  double u() const { return 0x1p-24 * (1 - 0x1p-20); }
  static bool power_of_two(double x) {
    int exponent = 0;
    return std::fabs(std::frexp(x, &exponent)) == 0.5;
  }
  double sign(unsigned role);
  double moved(double exact, double e, unsigned role) { return exact * (1 + sign(role) * e); }

  const ErrorBudget& b_;
  std::uint64_t state_;
  std::uint64_t signs_;
  bool random_;
};

/// Every operation of core/OPTIONS.md in one of the forms of a budget, in noisy arithmetic. The
/// budget names its forms (no `any`), sums are sequential.
class NoisyKernel {
 public:
  NoisyKernel(const TestCase& c, const ErrorBudget& b, Noise& n) : c_(c), b_(b), n_(n) {}
  double row_loss(std::int64_t row);  ///< in the problem's unit, not reduced
  double loss();                      ///< reduced
  double grad(std::int64_t row, std::int64_t j);

 private:
  struct Softmax {
    std::vector<double> z, e, a, t;  ///< logits, exponentials, masses, tanh of softcap
    double m = 0, s = 0, rest = 0, below = 0, lse = 0, mass = 0;
    std::int64_t y = -1;
    bool by_target = false;  ///< m is the target's logit, s is 1 + rest
  };
  Softmax softmax(std::int64_t row);
  void subtract_target(Softmax&);
  double probability(const Softmax&, std::int64_t j);
  double softmax_loss(std::int64_t row);
  double logit_gradient(const Softmax&, std::int64_t j);
  double softmax_gradient(std::int64_t row, std::int64_t j);
  double hessian_product(const Softmax&, std::int64_t row, std::int64_t j);
  double squared(std::int64_t row, std::int64_t j, bool gradient);
  double binary(std::int64_t row, std::int64_t j, bool gradient);
  double sigmoid(double x);
  double residual(double x, double y);
  double nll(std::int64_t row, std::int64_t j, bool gradient);
  std::vector<double> masses(std::int64_t row);
  double label(std::int64_t row, std::int64_t j) const;
  double in_unit(double x);
  double divisor(std::int64_t row);

  const TestCase& c_;
  const ErrorBudget& b_;
  Noise& n_;
};

}  // namespace xent::oracle_tests
