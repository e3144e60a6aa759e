// SPDX-License-Identifier: Apache-2.0
#include "properties/experiments/linear_model.h"

#include <algorithm>
#include <cmath>

namespace xent {
namespace {

using Vector = std::vector<double>;

/// Probabilities of a row's outputs: sigmoid of one, softmax of several.
Vector probabilities(const double* z, std::int64_t outputs) {
  if (outputs > 1) return softmax(z, outputs);
  return {1 / (1 + std::exp(-z[0]))};
}

/// Second derivative of a row's loss in logits a and b.
double curvature(const Vector& p, std::size_t a, std::size_t b) {
  if (p.size() == 1) return p[0] * (1 - p[0]);
  return (a == b ? p[a] : 0) - p[a] * p[b];
}

/// Rotates rows and columns i, j so that element (i, j) becomes 0 (Golub, Van Loan 2013, 8.5.2).
void rotate(Vector& a, std::size_t n, std::size_t i, std::size_t j) {
  const double off = a[i * n + j];
  if (off == 0) return;
  const double theta = (a[j * n + j] - a[i * n + i]) / (2 * off);
  const double t = std::copysign(1 / (std::fabs(theta) + std::sqrt(1 + theta * theta)), theta);
  const double c = 1 / std::sqrt(1 + t * t), s = t * c;
  for (std::size_t k = 0; k < n; ++k) {
    const double x = a[k * n + i], y = a[k * n + j];
    a[k * n + i] = c * x - s * y;
    a[k * n + j] = s * x + c * y;
  }
  for (std::size_t k = 0; k < n; ++k) {
    const double x = a[i * n + k], y = a[j * n + k];
    a[i * n + k] = c * x - s * y;
    a[j * n + k] = s * x + c * y;
  }
}

}  // namespace

double norm(const Vector& x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return std::sqrt(sum);
}

Vector LinearModel::logits(const Vector& w) const {
  Vector z(static_cast<std::size_t>(data.n * outputs));
  for (std::int64_t r = 0; r < data.n; ++r) {
    for (std::int64_t c = 0; c < outputs; ++c) {
      double sum = 0;
      for (std::int64_t j = 0; j < data.d; ++j) {
        sum += row(r)[j] * w[static_cast<std::size_t>(c * data.d + j)];
      }
      z[static_cast<std::size_t>(r * outputs + c)] = sum;
    }
  }
  return z;
}

TestCase LinearModel::test_case(Problem p, const Vector& w) const {
  p.n = data.n;
  p.v = outputs;
  if (!has_vector_targets(p)) return index_case(p, logits(w), data.y);
  Vector targets;
  for (const std::int64_t y : data.y) {
    if (outputs == 1) targets.push_back(static_cast<double>(y));
    for (std::int64_t c = 0; outputs > 1 && c < outputs; ++c) targets.push_back(c == y ? 1 : 0);
  }
  return vector_case(p, logits(w), targets);
}

Vector LinearModel::gradient(const Vector& of_logits, const Vector& w) const {
  Vector g(w.size(), 0.0);
  for (std::int64_t r = 0; r < data.n; ++r) {
    for (std::int64_t c = 0; c < outputs; ++c) {
      const double at = of_logits[static_cast<std::size_t>(r * outputs + c)];
      for (std::int64_t j = 0; j < data.d; ++j) {
        g[static_cast<std::size_t>(c * data.d + j)] += at * row(r)[j];
      }
    }
  }
  for (std::size_t i = 0; i < g.size(); ++i) {
    g[i] = g[i] / static_cast<double>(data.n) + lambda * w[i];
  }
  return g;
}

Vector LinearModel::own_gradient(const Vector& w) const {
  Vector g;
  const Vector z = logits(w);
  for (std::int64_t r = 0; r < data.n; ++r) {
    const Vector p = probabilities(&z[static_cast<std::size_t>(r * outputs)], outputs);
    const std::int64_t y = data.y[static_cast<std::size_t>(r)];
    for (std::int64_t c = 0; c < outputs; ++c) {
      const bool is_target = outputs == 1 ? y == 1 : y == c;
      g.push_back(p[static_cast<std::size_t>(c)] - (is_target ? 1 : 0));
    }
  }
  return g;
}

Vector LinearModel::hessian(const Vector& w) const {
  const auto k = static_cast<std::size_t>(size());
  const auto d = static_cast<std::size_t>(data.d);
  const Vector z = logits(w);
  Vector h(k * k, 0.0);
  for (std::int64_t r = 0; r < data.n; ++r) {
    const Vector p = probabilities(&z[static_cast<std::size_t>(r * outputs)], outputs);
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t j = 0; j < k; ++j) {
        const double x = row(r)[i % d] * row(r)[j % d];
        h[i * k + j] += curvature(p, i / d, j / d) * x / static_cast<double>(data.n);
      }
    }
  }
  for (std::size_t i = 0; i < k; ++i) h[i * k + i] += lambda;
  return h;
}

std::optional<Vector> solve_positive(Vector a, Vector b) {
  const std::size_t n = b.size();
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = j; i < n; ++i) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      if (i == j && !(sum > 0)) return std::nullopt;
      a[i * n + j] = i == j ? std::sqrt(sum) : sum / a[j * n + j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
    b[i] /= a[i * n + i];
  }
  return b;
}

double least_eigenvalue(Vector a, std::size_t n) {
  constexpr int kSweeps = 30;  // quadratic convergence takes about 10
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i + 1; j < n; ++j) rotate(a, n, i, j);
    }
  }
  double least = a[0];
  for (std::size_t i = 1; i < n; ++i) least = std::min(least, a[i * n + i]);
  return least;
}

}  // namespace xent
