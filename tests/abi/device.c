/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that want their tensors on a CUDA device, for the driver of fake_cuda.c. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "include/xentcheck/kernel.h"

int fake_cuda_owns(const void*, size_t);
int fake_cuda_is_stream(const void*);
int fake_cuda_break(void);

static int complain(xentcheck_message* m, const char* text) {
  snprintf(m->text, m->size, "%s", text);
  return XENTCHECK_FAILED;
}

static int on_device(const xentcheck_problem* p, const xentcheck_tensors* x) {
  const size_t rows = (size_t)p->n, matrix = rows * (size_t)p->v * sizeof(float);
  return fake_cuda_owns(x->input, matrix) && fake_cuda_owns(x->target, rows * sizeof(int64_t)) &&
         (x->loss == NULL || fake_cuda_owns(x->loss, rows * sizeof(float))) &&
         (x->grad == NULL || fake_cuda_owns(x->grad, matrix)) &&
         fake_cuda_owns(x->workspace, 100);
}

static int rows(void* state, const xentcheck_problem* p, const xentcheck_tensors* x, void* stream,
                xentcheck_message* m) {
  const float* z = (const float*)x->input;
  const int64_t* const y = (const int64_t*)x->target;
  (void)state;
  if (!fake_cuda_is_stream(stream)) return complain(m, "not the device's stream");
  if (!on_device(p, x)) return complain(m, "a tensor is not on the device");
  memset(x->workspace, 0, 100);
  for (int64_t r = 0; r < p->n; ++r, z += p->v) {
    float most = z[0], sum = 0;
    const float target = z[y[r]];
    for (int64_t j = 1; j < p->v; ++j) most = z[j] > most ? z[j] : most;
    for (int64_t j = 0; j < p->v; ++j) sum += expf(z[j] - most);
    if (x->loss != NULL) ((float*)x->loss)[r] = logf(sum) - (target - most);
    for (int64_t j = 0; x->grad != NULL && j < p->v; ++j) {
      ((float*)x->grad)[r * p->v + j] = expf(z[j] - most) / sum - (float)(j == y[r]);
    }
  }
  return XENTCHECK_OK;
}

/* A write of 4 bytes, so many from the end of grad. */
static int past_grad(const xentcheck_problem* p, const xentcheck_tensors* x, int64_t elements) {
  ((float*)x->grad)[p->n * p->v + elements] = 1;
  return XENTCHECK_OK;
}
#define VICE(name, does)                                                                     \
  static int name(void* s, const xentcheck_problem* p, const xentcheck_tensors* x, void* stream, \
                  xentcheck_message* m) {                                                    \
    const int code = rows(s, p, x, stream, m);                                               \
    return code != XENTCHECK_OK ? code : (does);                                             \
  }
VICE(past, past_grad(p, x, 0))
VICE(far_past, past_grad(p, x, 2048))
VICE(before, past_grad(p, x, -p->n * p->v - 1))
VICE(scribbles, (((float*)x->input)[1] = 7, XENTCHECK_OK))
VICE(breaks, (fake_cuda_break(), complain(m, "an illegal access")))

static size_t workspace_bytes(void* state) {
  (void)state;
  return 100;
}
static int supports(const xentcheck_problem* p, xentcheck_message* m) {
  if (p->v == 11) {
    complain(m, "takes no rows of eleven");
    return XENTCHECK_UNSUPPORTED;
  }
  if (xentcheck_is_simple(p)) return XENTCHECK_OK;
  complain(m, "takes plain float rows with class indices only");
  return XENTCHECK_UNSUPPORTED;
}

#define KERNEL(id, text, promised, function) \
  static const xentcheck_kernel id = {       \
      .struct_size = sizeof(xentcheck_kernel), \
      .name = text,                          \
      .device = XENTCHECK_DEVICE_CUDA,       \
      .promises = promised,                  \
      .supports = supports,                  \
      .workspace_bytes = workspace_bytes,    \
      .launch = function,                    \
  }
KERNEL(kernel_rows, "rows", XENTCHECK_IN_PLACE, rows);
KERNEL(kernel_twin, "twin", XENTCHECK_IN_PLACE, rows);
KERNEL(kernel_past, "past", XENTCHECK_IN_PLACE, past);
KERNEL(kernel_far_past, "far-past", XENTCHECK_IN_PLACE, far_past);
KERNEL(kernel_before, "before", XENTCHECK_IN_PLACE, before);
KERNEL(kernel_scribbles, "scribbles", 0, scribbles);
KERNEL(kernel_breaks, "breaks", XENTCHECK_IN_PLACE, breaks);

XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(uint32_t major, uint32_t minor) {
  static const xentcheck_kernel* const kernels[] = {
      &kernel_rows,   &kernel_twin,      &kernel_past,  &kernel_far_past,
      &kernel_before, &kernel_scribbles, &kernel_breaks};
  static const xentcheck_library library = {
      sizeof(xentcheck_library), XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR, NULL, 7, kernels};
  (void)minor;
  return major == XENTCHECK_ABI_MAJOR ? &library : NULL;
}
