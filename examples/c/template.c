/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel that xentcheck can judge, all of it; needs nothing but the header:
 *
 *   cc -O2 -shared -fPIC -I FOLDER_OF_THE_HEADER template.c -lm -o libtemplate.so
 *   xentcheck verify --library ./libtemplate.so
 */
#include <math.h>

#include "xentcheck/kernel.h"

/* logits [n, v], labels [n] -> losses [n] and gradients [n, v]; NULL where not asked for. */
static int cross_entropy(const float* logits, const int64_t* labels, int64_t n, int64_t v,
                         float* loss, float* grad) {
  for (int64_t r = 0; r < n; ++r) {
    const float* x = logits + r * v;
    const int64_t y = labels[r];
    float m = x[0];
    for (int64_t j = 1; j < v; ++j) m = x[j] > m ? x[j] : m;
    float s = 0;
    for (int64_t j = 0; j < v; ++j) s += expf(x[j] - m);
    if (loss) loss[r] = logf(s) - (x[y] - m);
    for (int64_t j = 0; grad && j < v; ++j) {
      grad[r * v + j] = expf(x[j] - m) / s - (j == y ? 1.0f : 0.0f);
    }
  }
  return 0;
}

XENTCHECK_EXPORT_SIMPLE(cross_entropy)
