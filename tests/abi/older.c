/* SPDX-License-Identifier: Apache-2.0 */
/* A library of an older minor version: its structs end early, and rubbish follows them. */

#include <stdlib.h>

#include "include/xentcheck/kernel.h"

static int launch(void* state, const xentcheck_problem* p, const xentcheck_tensors* x, void* stream,
                  xentcheck_message* m) {
  (void)state, (void)stream, (void)m;
  for (int64_t r = 0; r < p->n && x->loss != NULL; ++r) ((float*)x->loss)[r] = 3;
  for (int64_t i = 0; i < p->n * p->v && x->grad != NULL; ++i) ((float*)x->grad)[i] = 4;
  return XENTCHECK_OK;
}

static int wait(void* state, void* stream, xentcheck_message* m) {
  (void)state, (void)stream, (void)m;
  abort();
}
static void release(void* state) {
  (void)state;
  abort();
}
static void exponential(const float* x, float* y, size_t count) {
  (void)x, (void)y, (void)count;
  abort();
}

XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(uint32_t major, uint32_t minor) {
  static const xentcheck_kernel kernel = {
      .struct_size = offsetof(xentcheck_kernel, wait),
      .name = "short",
      .launch = launch,
      .wait = wait,
      .release = release,
      .exponential = exponential,
  };
  static const xentcheck_kernel* const kernels[] = {&kernel};
  static const xentcheck_library library = {
      offsetof(xentcheck_library, kernels) + sizeof(library.kernels), XENTCHECK_ABI_MAJOR, 0, NULL,
      1, kernels};
  (void)minor;
  return major == XENTCHECK_ABI_MAJOR ? &library : NULL;
}
