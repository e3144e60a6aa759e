/* SPDX-License-Identifier: Apache-2.0 */
/* A function as it was before anybody heard of xentcheck. */
#include <math.h>
#include <stdint.h>

/* One pass: m is the running maximum and s = sum exp(x_j - m), rescaled whenever m grows. */
static void sums(const float* x, int64_t v, float* m, float* s) {
  *m = -INFINITY;
  *s = 0;
  for (int64_t j = 0; j < v; ++j) {
    if (x[j] > *m) {
      *s = *s * expf(*m - x[j]) + 1;
      *m = x[j];
    } else {
      *s += x[j] == -INFINITY ? 0 : expf(x[j] - *m);
    }
  }
}

/* Losses [n] and gradients [n, v] of rows of logits [n, v]; either may be NULL. Returns 0. */
int my_ce(const float* logits, const int64_t* labels, int64_t n, int64_t v, float* loss,
          float* grad) {
  for (int64_t r = 0; r < n; ++r) {
    const float* x = logits + r * v;
    float m, s;
    sums(x, v, &m, &s);
    if (loss) loss[r] = (m - x[labels[r]]) + logf(s);
    for (int64_t j = 0; grad && j < v; ++j) {
      grad[r * v + j] = expf(x[j] - m) / s - (j == labels[r] ? 1.0f : 0.0f);
    }
  }
  return 0;
}
