/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries whose kernels cannot be offered: KIND is what is wrong. */

#include <stdio.h>

#include "include/xentcheck/kernel.h"

#define NO_LAUNCH 1
#define TWO_OF_A_NAME 2
#define NO_BUDGET 3
#define NO_DIALECT 4
#define TOO_MANY 5

enum { kMany = 4000 };

static int launch(void* state, const xentcheck_problem* p, const xentcheck_tensors* x, void* stream,
                  xentcheck_message* m) {
  (void)state, (void)p, (void)x, (void)stream, (void)m;
  return XENTCHECK_OK;
}

XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(uint32_t major, uint32_t minor) {
  static const xentcheck_kernel kernel = {
      .struct_size = sizeof kernel,
      .name = "bad",
      .dialect = KIND == NO_DIALECT ? "pytroch" : NULL,
      .accuracy = KIND == NO_BUDGET ? XENTCHECK_DECLARED : XENTCHECK_STANDARD,
      .launch = KIND == NO_LAUNCH ? NULL : launch,
  };
  static xentcheck_kernel copies[kMany];
  static char names[kMany][16];
  static const xentcheck_kernel* kernels[kMany];
  static const xentcheck_library library = {
      sizeof library, XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR, NULL,
      KIND == TOO_MANY ? kMany : KIND == TWO_OF_A_NAME ? 2 : 1, kernels};
  (void)major, (void)minor;
  for (int i = 0; i < kMany; ++i) {
    copies[i] = kernel;
    snprintf(names[i], sizeof names[i], "bad%d", i);
    if (KIND == TOO_MANY) copies[i].name = names[i];
    kernels[i] = &copies[i];
  }
  return &library;
}
