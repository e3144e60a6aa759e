// SPDX-License-Identifier: Apache-2.0
// A softmax regression on three clouds of points; loss and gradient are xentcheck's.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "xentcheck/kernels.hpp"

int main() {
  constexpr int kRows = 300, kInputs = 3, kClasses = 3, kSteps = 100;
  constexpr float kCentre[kClasses][2] = {{0, 2}, {2, -1}, {-2, -1}};
  std::mt19937 random;
  std::vector<float> x(kRows * kInputs, 1.0f), w(kInputs * kClasses), z(kRows * kClasses), loss(1);
  std::vector<std::int64_t> y(kRows);
  for (int r = 0; r < kRows; ++r) {
    y[r] = r % kClasses;
    for (int i = 0; i < 2; ++i) x[r * kInputs + i] = kCentre[y[r]][i] + random() * 0x1p-31f - 1;
  }
  for (int step = 0; step <= kSteps; ++step) {
    std::fill(z.begin(), z.end(), 0.0f);
    int right = 0;
    for (int r = 0; r < kRows; ++r) {
      float* const row = &z[r * kClasses];
      for (int k = 0; k < kInputs * kClasses; ++k) {
        row[k % kClasses] += x[r * kInputs + k / kClasses] * w[k];
      }
      right += std::max_element(row, row + kClasses) - row == y[r];
    }
    xentcheck::cross_entropy(z, y, kClasses, loss, z, {.reduction = xentcheck::Reduction::mean});
    if (step % 20 == 0) std::printf("step %3d  loss %.8f  right %d\n", step, loss[0], right);
    for (int k = 0; k < kInputs * kClasses; ++k) {  // z holds the gradient now
      for (int r = 0; r < kRows; ++r) {
        w[k] -= x[r * kInputs + k / kClasses] * z[r * kClasses + k % kClasses];
      }
    }
  }
}
