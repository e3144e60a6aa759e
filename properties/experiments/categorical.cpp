// SPDX-License-Identifier: Apache-2.0
#include "properties/experiments/categorical.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace xent {
namespace {

/// Quadratic convergence from z = 0 takes half as many.
constexpr int kSteps = 16;

/// sum_c f_c (row of gradients for target c).
std::vector<double> weighted_gradient(const Subject& s, const std::vector<double>& logits,
                                      const std::vector<double>& f, std::int64_t classes) {
  const std::vector<double> all = numbers(answer(s, every_class_case(s, logits, classes)).grad);
  const auto v = static_cast<std::size_t>(classes);
  std::vector<double> g(f.size(), 0.0);
  for (std::size_t i = 0; i < f.size(); ++i) {
    const std::size_t row = i / v;
    for (std::size_t j = 0; j < v; ++j) g[row * v + j] += f[i] * all[i * v + j];
  }
  return g;
}

double square(const double* x, std::size_t n) {
  double sum = 0;
  for (std::size_t j = 0; j < n; ++j) sum += x[j] * x[j];
  return sum;
}

double to_type(double x, DType d) {
  std::array<std::byte, sizeof(double)> bytes{};
  store(bytes.data(), d, x);
  return load(bytes.data(), d);
}

/// One step, at most 1 in any logit; the logits keep the mean 0.
void newton_step(double* z, const double* g, std::int64_t v, DType dtype) {
  const std::vector<double> p = softmax(z, v);
  std::vector<double> step(p.size());
  double largest = 1, sum = 0;
  for (std::size_t j = 0; j < p.size(); ++j) {
    step[j] = g[j] / p[j];
    sum += step[j];
    largest = std::max(largest, std::fabs(step[j]));
  }
  for (std::size_t j = 0; j < p.size(); ++j) {
    z[j] = to_type(z[j] - (step[j] - sum / static_cast<double>(v)) / largest, dtype);
  }
}

}  // namespace

std::vector<double> Categorical::frequencies(const Random& random, std::int64_t draws) const {
  std::array<std::size_t, 16> class_of{};
  std::size_t at = 0;
  for (std::size_t c = 0; c < sixteenths.size(); ++c) {
    for (int k = 0; k < sixteenths[c]; ++k) class_of[at++] = c;
  }
  std::array<std::int64_t, 16> seen{};
  for (std::int64_t i = 0; i < draws / 16; ++i) {
    std::uint64_t word = random.bits(static_cast<std::uint64_t>(i));
    for (int k = 0; k < 16; ++k, word >>= 4) ++seen[word & 15];
  }
  std::vector<double> f(sixteenths.size(), 0.0);
  for (std::size_t k = 0; k < 16; ++k) f[class_of[k]] += static_cast<double>(seen[k]);
  for (double& x : f) x /= static_cast<double>(draws);
  return f;
}

TestCase every_class_case(const Subject& s, const std::vector<double>& logits,
                          std::int64_t classes) {
  const auto v = static_cast<std::size_t>(classes);
  std::vector<double> rows;
  std::vector<std::int64_t> targets;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(i - i % v);
    rows.insert(rows.end(), row, row + classes);
    targets.push_back(static_cast<std::int64_t>(i % v));
  }
  const auto n = static_cast<std::int64_t>(logits.size());
  return index_case(problem_for(s, "op=ce dir=fwdbwd", n, classes), rows, targets);
}

Fit fit_logits(const Subject& s, const std::vector<double>& f, std::int64_t classes) {
  const auto v = static_cast<std::size_t>(classes);
  std::vector<double> z(f.size(), 0.0);
  Fit best{z, std::vector<double>(f.size(), 1.0)};
  for (int step = 0; step < kSteps; ++step) {
    const std::vector<double> g = weighted_gradient(s, z, f, classes);
    for (std::size_t at = 0; at < f.size(); at += v) {
      if (square(&g[at], v) < square(&best.gradient[at], v)) {
        std::copy_n(&z[at], v, &best.logits[at]);
        std::copy_n(&g[at], v, &best.gradient[at]);
      }
      newton_step(&z[at], &g[at], classes, s.dtype);
    }
  }
  return best;
}

}  // namespace xent
