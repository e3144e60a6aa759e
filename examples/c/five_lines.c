/* SPDX-License-Identifier: Apache-2.0 */
/* Brings a function that is there already, my_ce.c's, to xentcheck. */
#include "xentcheck/kernel.h"

int my_ce(const float* x, const int64_t* labels, int64_t n, int64_t v, float* loss, float* grad);
XENTCHECK_EXPORT_SIMPLE(my_ce)
