// SPDX-License-Identifier: Apache-2.0
// How far random rows are from the numbers, much below the bounds that any row keeps.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "core/problem.h"
#include "impl/registry.h"

namespace xent {
namespace {

constexpr std::int64_t kRows = 8;
constexpr double kUnit = 0x1p-24;
/// Roundings of the sum that show, of the 29 that a term of 262144 passes at most.
constexpr double kSum = 12;

/// A row below its target's logit: S, and what softmax makes of it.
struct Exact {
  long double s = 0;
  double gap = -INFINITY;  ///< of the best other class to the target, negative if that leads
  Exact(const float* z, std::int64_t v, std::int64_t y) {
    for (std::int64_t j = 0; j < v; ++j) {
      if (j == y) continue;
      s += std::exp(static_cast<long double>(z[j]) - z[y]);
      gap = std::max(gap, static_cast<double>(z[j]) - z[y]);
    }
  }
  long double gradient(const float* z, std::int64_t j, std::int64_t y) const {
    if (j == y) return -s / (1 + s);
    return std::exp(static_cast<long double>(z[j]) - z[y]) / (1 + s);
  }
};

class Accuracy : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 3);
    const std::int64_t v = GetParam();
    for (std::int64_t i = 0; i < kRows * v; ++i) z_.push_back(bf16(normal(random)));
    for (std::int64_t r = 0; r < kRows; ++r) {
      y_.push_back(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(v)));
      if (r % 2 == 0) continue;  // a confident row
      const auto at = static_cast<std::size_t>(r * v + y_.back());
      z_[at] = bf16(25 + 2 * static_cast<float>(r));
    }
  }
  /// The upper half of x.
  static float bf16(float x) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0xffff0000u);
  }
  const float* row(std::int64_t r) const { return z_.data() + r * GetParam(); }

  /// Calls each highway/auto; judge(kernel's name).
  template <class Judge>
  void run(const std::string& dtype, const void* input, void* grad, Judge judge) {
    const Problem p = parse_problem("op=ce n=" + std::to_string(kRows) + " v=" +
                                    std::to_string(GetParam()) + " dtype=" + dtype +
                                    " dir=fwdbwd reduction=none");
    for (const Kernel& k : select(builtin_kernels(), "highway/auto/*")) {
      if (!k.direct.takes(p)) continue;
      CallMemory m;
      m.input = input, m.target = y_.data(), m.loss = loss_, m.grad = grad;
      k.direct.call(p, m, 1);
      judge(k.name);
    }
  }

  std::vector<float> z_;
  std::vector<std::int64_t> y_;
  float loss_[kRows] = {};
};

TEST_P(Accuracy, OfBinary32) {
  const std::int64_t v = GetParam();
  std::vector<float> g(z_.size());
  int kernels = 0;
  run("f32", z_.data(), g.data(), [&](const std::string& name) {
    ++kernels;
    for (std::int64_t r = 0; r < kRows; ++r) {
      const float* const z = row(r);
      const std::int64_t y = y_[static_cast<std::size_t>(r)];
      const Exact exact(z, v, y);
      const long double loss = std::log1p(exact.s);
      const double error = static_cast<double>(std::fabs(loss_[r] - loss));
      if (exact.s > 1.0L / 9) {  // p_y < 0.9
        EXPECT_LE(error, 1.5 * std::ldexp(1.0, std::ilogb(loss) - 23)) << name << " row " << r;
      } else {
        EXPECT_LE(error, (6 - exact.gap) * kUnit * static_cast<double>(loss)) << name << " " << r;
      }
      for (std::int64_t j = 0; j < v; ++j) {
        const double exactly = static_cast<double>(exact.gradient(z, j, y));
        if (std::fabs(exactly) < 0x1p-120) continue;  // a subnormal has fewer digits
        const double distance = std::fabs(static_cast<double>(z[j]) - z[y]);
        const float got = g[static_cast<std::size_t>(r * v + j)];
        const double wrong = std::fabs(static_cast<double>(got) - exactly);
        ASSERT_LE(wrong, (6 + 1.5 * distance + kSum) * kUnit * std::fabs(exactly))
            << name << " row " << r << " class " << j;
      }
    }
  });
  EXPECT_GT(kernels, 0);
}

TEST_P(Accuracy, OfGradientsInBfloat16) {
  const std::int64_t v = GetParam();
  std::vector<std::uint16_t> half, g(z_.size());
  for (const float x : z_) {
    half.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16));
  }
  run("bf16", half.data(), g.data(), [&](const std::string& name) {
    for (std::int64_t r = 0; r < kRows; ++r) {
      const std::int64_t y = y_[static_cast<std::size_t>(r)];
      const Exact exact(row(r), v, y);
      for (std::int64_t j = 0; j < v; ++j) {
        const double exactly = static_cast<double>(exact.gradient(row(r), j, y));
        if (std::fabs(exactly) < 0x1p-120) continue;
        const auto bits = static_cast<std::uint32_t>(g[static_cast<std::size_t>(r * v + j)]) << 16;
        const double wrong = std::fabs(static_cast<double>(std::bit_cast<float>(bits)) - exactly);
        ASSERT_LE(wrong, 0.51 * std::ldexp(1.0, std::ilogb(exactly) - 7))
            << name << " row " << r << " class " << j;
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Classes, Accuracy, testing::Values(10, 1000, 50257, 262144));

}  // namespace
}  // namespace xent
