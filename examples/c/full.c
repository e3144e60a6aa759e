/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel that takes options and undertakes more than it must: promises, an error budget from
 * which its bounds follow, its own exponential, scratch memory. cc as for template.c. */
#include <math.h>
#include <stdio.h>

#include "xentcheck/kernel.h"

/* Runs of 64, then the run totals: a term passes through 63 + n / 64 additions at most. */
enum { BLOCK = 64 };
typedef struct {
  float run, total;
} blocked_sum;

static void add(blocked_sum* sum, int64_t j, float x) {
  sum->run += x;
  if (j % BLOCK != BLOCK - 1) return;
  sum->total += sum->run;
  sum->run = 0;
}

static float value(const blocked_sum* sum) { return sum->total + sum->run; }

static int refuse(xentcheck_message* m, const char* why) {
  snprintf(m->text, m->size, "%s", why);
  return XENTCHECK_UNSUPPORTED;
}

static int supports(const xentcheck_problem* p, xentcheck_message* m) {
  if (p->op != XENTCHECK_OP_CE) return refuse(m, "cross-entropy of logits only");
  if (p->dir == XENTCHECK_DIR_HVP) return refuse(m, "no second derivatives");
  if (p->targets != XENTCHECK_TARGETS_INDEX) return refuse(m, "class indices only");
  if (p->layout == XENTCHECK_LAYOUT_BCT || p->shift) return refuse(m, "rows as they come only");
  if (p->dtype != XENTCHECK_DTYPE_F32 || p->output != XENTCHECK_DTYPE_F32 ||
      p->accumulate == XENTCHECK_DTYPE_F64) {
    return refuse(m, "float only");
  }
  if (p->smoothing != 0 || p->z_loss != 0) return refuse(m, "neither smoothing nor z-loss");
  if (p->softcap != 0 || p->scale != 1) return refuse(m, "logits as they come only");
  if (p->unit != XENTCHECK_UNIT_NATS) return refuse(m, "nats only");
  if (p->reduction == XENTCHECK_REDUCTION_MEAN &&
      p->denominator == XENTCHECK_DENOMINATOR_SEQUENCE) {
    return refuse(m, "no means of sequences");
  }
  return XENTCHECK_OK;
}

/* glibc's manual gives 1 ulp for expf and logf, 2 for log1pf; 1 ulp is 2 u at most. */
static int budget(const xentcheck_problem* p, xentcheck_budget* b) {
  (void)p;
  b->exp_rel = 2;
  b->log_rel = 4;
  b->sum = b->rows = XENTCHECK_SUM_BLOCKED;
  b->lanes = 1;
  b->block = BLOCK;
  b->loss = XENTCHECK_LOSS_ACCURATE;
  b->grad = XENTCHECK_GRAD_QUOTIENT;
  b->target = XENTCHECK_TARGET_ACCURATE;
  b->accumulate = b->output = XENTCHECK_DTYPE_F32;
  return XENTCHECK_OK;
}

/* There is nothing to plan: what launch needs is in the problem. */
static int prepare(const xentcheck_problem* p, int32_t threads, void** state,
                   xentcheck_message* m) {
  (void)threads, (void)m;
  *state = (void*)(uintptr_t)p;
  return XENTCHECK_OK;
}

static size_t workspace_bytes(void* state) {
  return (size_t)((const xentcheck_problem*)state)->v * sizeof(float);
}

static int ignored(const xentcheck_problem* p, int64_t label) {
  return p->has_ignore_index && label == p->ignore_index;
}

/* 0 times infinity is 0. */
static float product(float a, float x) { return a == 0 && x == x ? 0 : a * x; }

/* What a mean divides by. */
static float denominator(const xentcheck_problem* p, const xentcheck_tensors* x) {
  const int64_t* labels = (const int64_t*)x->target;
  const float* weight = (const float*)x->weight;
  blocked_sum sum = {0, 0};
  if (p->reduction != XENTCHECK_REDUCTION_MEAN) return 1;
  if (p->denominator == XENTCHECK_DENOMINATOR_ROWS) return (float)p->n;
  if (p->denominator == XENTCHECK_DENOMINATOR_NUMBER) return (float)p->denominator_value;
  for (int64_t r = 0; r < p->n; ++r) {
    add(&sum, r, ignored(p, labels[r]) ? 0 : weight ? weight[labels[r]] : 1);
  }
  return value(&sum);
}

/* e_j = exp(z_j - m) and t = sum of all but the target's. */
typedef struct {
  float m, t, s;
} row_sums;

static row_sums sums(const float* z, int64_t v, int64_t y, float* e) {
  row_sums row = {z[0], 0, 0};
  blocked_sum t = {0, 0};
  for (int64_t j = 1; j < v; ++j) row.m = z[j] > row.m ? z[j] : row.m;
  for (int64_t j = 0; j < v; ++j) {
    e[j] = expf(z[j] - row.m);
    add(&t, j, j == y ? 0 : e[j]);
  }
  row.t = value(&t);
  row.s = row.t + e[y];
  return row;
}

/* log1p(t / e_y) where the target is a maximum, so that confident rows keep their digits. */
static float row_loss(const row_sums* row, float z_y) {
  return z_y == row->m ? log1pf(row->t) : (row->m - z_y) + logf(row->s);
}

static void row_gradient(const row_sums* row, const float* e, int64_t v, int64_t y, float weight,
                         float upstream, float divisor, float* grad) {
  for (int64_t j = 0; j < v; ++j) {
    const float g = j == y ? -(row->t / row->s) : e[j] / row->s;
    grad[j] = product(upstream, g * weight) / divisor;
  }
}

static float upstream_of(const xentcheck_problem* p, const xentcheck_tensors* x, int64_t r) {
  if (p->upstream == XENTCHECK_UPSTREAM_ONE) return 1;
  return ((const float*)x->upstream)[p->upstream == XENTCHECK_UPSTREAM_ROW ? r : 0];
}

static int launch(void* state, const xentcheck_problem* p, const xentcheck_tensors* x,
                  void* stream, xentcheck_message* m) {
  const float divisor = denominator(p, x);
  blocked_sum total = {0, 0};
  float* e = (float*)x->workspace;
  (void)state, (void)stream, (void)m;
  for (int64_t r = 0; r < p->n; ++r) {
    const int64_t y = ((const int64_t*)x->target)[r];
    const float* z = (const float*)x->input + r * p->stride;
    float* grad = x->grad ? (float*)x->grad + r * p->stride : NULL;
    float loss = 0;
    if (!ignored(p, y)) {
      const float weight = x->weight ? ((const float*)x->weight)[y] : 1;
      const row_sums row = sums(z, p->v, y, e);
      loss = product(weight, row_loss(&row, z[y]));
      if (grad) row_gradient(&row, e, p->v, y, weight, upstream_of(p, x, r), divisor, grad);
    } else {
      for (int64_t j = 0; grad && j < p->v; ++j) grad[j] = 0;
    }
    add(&total, r, loss);
    if (x->loss && p->reduction == XENTCHECK_REDUCTION_NONE) ((float*)x->loss)[r] = loss;
  }
  if (x->loss && p->reduction != XENTCHECK_REDUCTION_NONE) {
    *(float*)x->loss = value(&total) / divisor;
  }
  return XENTCHECK_OK;
}

static void exponential(const float* x, float* y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = expf(x[i]);
}

static const xentcheck_kernel full = {
    .struct_size = sizeof(xentcheck_kernel),
    .name = "two-pass",
    .summary = "two passes, blocked sums, accurate target forms",
    .accuracy = XENTCHECK_DECLARED,
    .promises = XENTCHECK_REPEATABLE | XENTCHECK_BATCH_INVARIANT | XENTCHECK_ALIGNMENT_INVARIANT |
                XENTCHECK_THREAD_INVARIANT | XENTCHECK_SHIFT_EXACT | XENTCHECK_SIGN_EXACT |
                XENTCHECK_IN_PLACE,
    .supports = supports,
    .budget = budget,
    .prepare = prepare,
    .workspace_bytes = workspace_bytes,
    .launch = launch,
    .exponential = exponential,
};

XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(uint32_t major, uint32_t minor) {
  static const xentcheck_kernel* const kernels[] = {&full};
  static const xentcheck_library library = {
      .struct_size = sizeof(xentcheck_library),
      .abi_major = XENTCHECK_ABI_MAJOR,
      .abi_minor = XENTCHECK_ABI_MINOR,
      .version = "1.0",
      .count = 1,
      .kernels = kernels,
  };
  (void)minor;
  return major == XENTCHECK_ABI_MAJOR ? &library : NULL;
}
