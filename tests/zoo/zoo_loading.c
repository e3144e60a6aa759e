/* SPDX-License-Identifier: Apache-2.0 */
/* A right kernel in a library that does too much when it is loaded. */
#include <math.h>
#include <stdio.h>

#include "xentcheck/kernel.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

__attribute__((constructor)) static void too_much(void) {
  FILE* const f = fopen("zoo-was-here", "w");
  if (f) fclose(f);
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040); /* as with -ffast-math */
#endif
}

static int right(const float* row, const int64_t* label, int64_t n, int64_t v, float* loss,
                 float* grad) {
  for (int64_t r = 0; r < n; ++r, row += v) {
    float m = row[0], s = 0;
    for (int64_t j = 1; j < v; ++j) m = fmaxf(m, row[j]);
    for (int64_t j = 0; j < v; ++j) s += expf(row[j] - m);
    if (loss) loss[r] = m + logf(s) - row[label[r]];
    for (int64_t j = 0; grad && j < v; ++j) {
      grad[r * v + j] = expf(row[j] - m) / s - (j == label[r]);
    }
  }
  return 0;
}
XENTCHECK_EXPORT_SIMPLE(right)
