/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the judge's side of a process need: a kernel of plain rows in any layout, and
 * one that does wrong where the number of classes says so. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "include/xentcheck/kernel.h"

static int refuse(xentcheck_message* m, int code, const char* why) {
  snprintf(m->text, m->size, "%s", why);
  return code;
}

static int supports(const xentcheck_problem* p, xentcheck_message* m) {
  const int plain = p->op == XENTCHECK_OP_CE && p->dtype == XENTCHECK_DTYPE_F32 &&
                    p->output == XENTCHECK_DTYPE_F32 && p->accumulate != XENTCHECK_DTYPE_F64 &&
                    p->dir != XENTCHECK_DIR_HVP && p->targets == XENTCHECK_TARGETS_INDEX &&
                    p->reduction == XENTCHECK_REDUCTION_NONE && !p->has_ignore_index &&
                    p->upstream == XENTCHECK_UPSTREAM_ONE && p->unit == XENTCHECK_UNIT_NATS;
  const int bare = !p->shift && !p->weights && p->smoothing == 0 && p->z_loss == 0 &&
                   p->softcap == 0 && p->scale == 1;
  return plain && bare ? XENTCHECK_OK : refuse(m, XENTCHECK_UNSUPPORTED, "plain rows only");
}

/* Elements from the start of a tensor to class 0 of row r, and from class to class. */
static int64_t row_start(const xentcheck_problem* p, int64_t r) {
  return p->layout == XENTCHECK_LAYOUT_BCT ? r / p->t * p->v * p->t + r % p->t : r * p->stride;
}
static int64_t class_step(const xentcheck_problem* p) {
  return p->layout == XENTCHECK_LAYOUT_BCT ? p->t : 1;
}

static void row(const xentcheck_problem* p, const xentcheck_tensors* x, int64_t r) {
  const int64_t d = class_step(p);
  const float* z = (const float*)x->input + row_start(p, r);
  const int64_t y = ((const int64_t*)x->target)[r];
  float* e = x->workspace;
  float m = z[0], s = 0;
  for (int64_t j = 1; j < p->v; ++j) m = fmaxf(m, z[j * d]);
  for (int64_t j = 0; j < p->v; ++j) s += e[j] = expf(z[j * d] - m);
  if (x->loss != NULL) ((float*)x->loss)[r] = (m - z[y * d]) + logf(s);
  if (x->grad == NULL) return;
  float* g = (float*)x->grad + row_start(p, r);
  for (int64_t j = 0; j < p->v; ++j) g[j * d] = e[j] / s - (j == y ? 1.0f : 0.0f);
}

/* The state is the problem's copy that lives until release. */
static int prepare(const xentcheck_problem* p, int32_t threads, void** state,
                   xentcheck_message* m) {
  (void)threads;
  *state = (void*)(uintptr_t)p;
  return p->v == 15 ? refuse(m, XENTCHECK_UNAVAILABLE, "no fifteen on this machine") : 0;
}

static size_t workspace_bytes(void* state) {
  return (size_t)((const xentcheck_problem*)state)->v * sizeof(float);
}

static int launch(void* state, const xentcheck_problem* p, const xentcheck_tensors* x, void* stream,
                  xentcheck_message* m) {
  (void)state, (void)stream, (void)m;
  for (int64_t r = 0; r < p->n; ++r) row(p, x, r);
  return XENTCHECK_OK;
}

static int deep(volatile char* x) {
  volatile char here[4096];
  here[0] = x[0];
  return here[0] != 0 ? 1 : deep(here) + here[0];
}

static volatile float sink;

static int wrong(void* state, const xentcheck_problem* p, const xentcheck_tensors* x, void* stream,
                 xentcheck_message* m) {
  const float* z = x->input;
  float* g = x->grad;
  volatile char c = 0;
  switch (p->v) {
    case 5: sink = z[p->n * p->stride]; break;
    case 6: sink = z[-1]; break;
    case 7: abort();
    case 8: *(volatile int*)(uintptr_t)c = 1; break;
    case 9: sink = (float)deep(&c); break;
    case 10: exit(3);
    case 11: ((float*)(uintptr_t)z)[1] += 1; break;
    case 12: return refuse(m, XENTCHECK_FAILED, "no luck");
    case 13: return 7;
    case 14: for (volatile int i = 0;; ++i) continue;
    case 16: g[p->v] = 1; break;
    case 17: g[p->n * p->stride] = 1; break;
    case 19: pause(); break;
    case 20: return refuse(m, XENTCHECK_UNSUPPORTED, "not today");
    case 18: puts("last words"); fflush(stdout); abort();
    default: break;
  }
  return launch(state, p, x, stream, m);
}

static void exponential(const float* x, float* y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = expf(x[i]);
}

static int budget(const xentcheck_problem* p, xentcheck_budget* b) {
  b->lanes = p->v == 2 ? 0 : 4;
  b->sum = XENTCHECK_SUM_LANES;
  b->shift = p->v == 3 ? XENTCHECK_SHIFT_TARGET : XENTCHECK_SHIFT_MAXIMUM;
  if (p->v == 4) b->shift_limit = 1;
  return XENTCHECK_OK;
}

/* Answers at each address only once. */
static int lazy(void* state, const xentcheck_problem* p, const xentcheck_tensors* x, void* stream,
                xentcheck_message* m) {
  static const void* known[256];
  static int count;
  for (int i = 0; i < count; ++i) {
    if (known[i] == x->grad) return XENTCHECK_OK;
  }
  if (count < 256) known[count++] = x->grad;
  return launch(state, p, x, stream, m);
}

/* Writes how often it was called. */
static int count(void* state, const xentcheck_problem* p, const xentcheck_tensors* x, void* stream,
                 xentcheck_message* m) {
  static int calls;
  (void)state, (void)stream, (void)m;
  ++calls;
  for (int64_t i = 0; i < p->n * p->v; ++i) ((float*)x->grad)[i] = (float)calls;
  return XENTCHECK_OK;
}

static const xentcheck_kernel rows = {
    .struct_size = sizeof(xentcheck_kernel),
    .name = "rows",
    .summary = "plain rows",
    .promises = XENTCHECK_IN_PLACE | XENTCHECK_REPEATABLE,
    .supports = supports,
    .prepare = prepare,
    .workspace_bytes = workspace_bytes,
    .launch = launch,
    .exponential = exponential,
};
static const xentcheck_kernel fragile = {
    .struct_size = sizeof(xentcheck_kernel),
    .name = "fragile",
    .dialect = "math",
    .accuracy = XENTCHECK_DECLARED,
    .supports = supports,
    .budget = budget,
    .prepare = prepare,
    .workspace_bytes = workspace_bytes,
    .launch = wrong,
};

static const xentcheck_kernel once = {
    .struct_size = sizeof(xentcheck_kernel),
    .name = "once",
    .supports = supports,
    .prepare = prepare,
    .workspace_bytes = workspace_bytes,
    .launch = lazy,
};
static const xentcheck_kernel counting = {
    .struct_size = sizeof(xentcheck_kernel),
    .name = "counting",
    .launch = count,
};

XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(uint32_t major, uint32_t minor) {
  static const xentcheck_kernel* const kernels[] = {&rows, &fragile, &once, &counting};
  static const xentcheck_library library = {
      sizeof(xentcheck_library), XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR, "2.5", 4, kernels};
  (void)minor;
  return major == XENTCHECK_ABI_MAJOR ? &library : NULL;
}
