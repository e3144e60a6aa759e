/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XENTCHECK_KERNELS_H
#define XENTCHECK_KERNELS_H

/* xentcheck's own cross-entropy kernels, to be called: softmax cross-entropy of logits with class
 * indices, forward, backward or both, by the fastest code that this processor has. CMake:
 * find_package(xentcheck) and the target xentcheck::kernels. C11 or C++11; kernels.hpp has the same
 * for C++20.
 *
 *   xentcheck_ce_options o = XENTCHECK_CE_OPTIONS;
 *   o.reduction = XENTCHECK_CE_MEAN;
 *   if (xentcheck_ce(logits, targets, n, v, &loss, grad, &o) != XENTCHECK_CE_OK)
 *     puts(xentcheck_ce_error());
 *
 * Row r has z = logits[r * stride ...], class y = targets[r], p_j = exp(z_j - lse), lse = log sum
 * exp(z). Its loss is sum_j a_j (lse - z_j) + z_loss lse^2, with a_j = w_j ((1 - smoothing) [j = y]
 * + smoothing / v). What is promised of the results, bit by bit and in ulps, is what
 * `xentcheck verify --kernel NAME` checks, with the name that xentcheck_ce_kernel gives: among
 * others, they do not depend on threads, addresses or other rows. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of logits and gradient; weights, upstream and losses are always float. */
enum { XENTCHECK_CE_F32 = 0, XENTCHECK_CE_BF16 = 1, XENTCHECK_CE_F16 = 2 };

/* MEAN divides by the number of rows that are not ignored, with class weights by the sum of their
 * targets' weights; of no row it is NaN. */
enum { XENTCHECK_CE_NONE = 0, XENTCHECK_CE_SUM = 1, XENTCHECK_CE_MEAN = 2 };

/* Begin with XENTCHECK_CE_OPTIONS. Fields are only ever appended. */
typedef struct xentcheck_ce_options {
  size_t struct_size;
  int32_t dtype;
  int32_t reduction;
  int64_t stride;            /* elements from row to row, of logits and gradient; 0: v */
  int32_t has_ignore_index;  /* else ignore_index means nothing */
  int32_t upstream_per_row;  /* upstream has n numbers; reduction NONE only */
  int64_t ignore_index;      /* rows of this target: loss 0, gradient 0, not counted in a mean */
  const float* weight;       /* [v] class weights, or NULL: 1 */
  const float* upstream;     /* [1] or [n] factors of the gradient, or NULL: 1 */
  double smoothing;          /* in [0, 1] */
  double z_loss;
  int32_t threads;           /* to use at most, >= 1; they are kept between calls */
} xentcheck_ce_options;

#define XENTCHECK_CE_OPTIONS                                                             \
  {                                                                                      \
    sizeof(xentcheck_ce_options), XENTCHECK_CE_F32, XENTCHECK_CE_NONE, 0, 0, 0, 0, NULL, \
        NULL, 0, 0, 1                                                                    \
  }

/* Whatever is not OK has written nothing but perhaps parts of loss and grad. */
enum {
  XENTCHECK_CE_OK = 0,
  XENTCHECK_CE_WRONG_ARGUMENT = 1, /* names it */
  XENTCHECK_CE_OUT_OF_MEMORY = 2,
  XENTCHECK_CE_FAILED = 3
};

/* logits [n, v], n >= 0, v >= 1; targets [n] in [0, v), or ignore_index: every one is checked.
 * loss [n], or [1] with a reduction; NULL: the gradient alone. grad [n, v]; NULL: the loss alone;
 * logits itself: the gradient overwrites them. Other overlaps are not allowed. Pointers are aligned
 * to their elements. options NULL: XENTCHECK_CE_OPTIONS. From any number of threads at once; one
 * call at a time has more than its own. The process's first call looks for instruction sets with
 * Highway's global dispatch: a program that uses Highway on other threads makes it before. */
int xentcheck_ce(const void* logits, const int64_t* targets, int64_t n, int64_t v, float* loss,
                 void* grad, const xentcheck_ce_options* options);

/* What was wrong with this thread's last call that was not OK, one line; "" before there was one.
 * Lives until this thread's next call. */
const char* xentcheck_ce_error(void);

/* The kernel that such a call would take, "highway/auto/avx3"; NULL, and an error, where there is
 * none. */
const char* xentcheck_ce_kernel(int64_t n, int64_t v, int with_loss, int with_grad,
                                const xentcheck_ce_options* options);

#ifdef __cplusplus
}
#endif

#endif
