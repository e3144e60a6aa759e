/* SPDX-License-Identifier: Apache-2.0 */
/* One element before the start, and one past the end, of each tensor. */
#include <pthread.h>

#include "tests/zoo/zoo.h"

static volatile float sink;
static volatile int64_t sink64;

#define READS(name, type, pointer, at, to)                                      \
  static void name(const xentcheck_problem* p, const xentcheck_tensors* x) {    \
    const volatile type* const tensor = (const volatile type*)x->pointer;       \
    (void)p;                                                                    \
    if (tensor) to = tensor[at];                                                \
  }
#define WRITES(name, type, pointer, at)                                         \
  static void name(const xentcheck_problem* p, const xentcheck_tensors* x) {    \
    volatile type* const tensor = (volatile type*)x->pointer;                   \
    (void)p;                                                                    \
    if (tensor) tensor[at] = 1;                                                 \
  }

READS(reads_before_logits, float, input, -1, sink)
READS(reads_past_logits, float, input, p->n* p->v, sink)
READS(reads_before_targets, int64_t, target, -1, sink64)
READS(reads_past_targets, int64_t, target, p->n, sink64)
READS(reads_before_loss, float, loss, -1, sink)
READS(reads_past_loss, float, loss, p->n, sink)
READS(reads_before_grad, float, grad, -1, sink)
READS(reads_past_grad, float, grad, p->n* p->v, sink)
READS(reads_before_weights, float, weight, -1, sink)
READS(reads_past_weights, float, weight, p->v, sink)
READS(reads_before_upstream, float, upstream, -1, sink)
READS(reads_past_upstream, float, upstream, p->n, sink)
READS(reads_past_workspace, char, workspace, 256, sink)
WRITES(writes_before_logits, float, input, -1)
WRITES(writes_past_logits, float, input, p->n* p->v)
WRITES(writes_before_targets, int64_t, target, -1)
WRITES(writes_past_targets, int64_t, target, p->n)
WRITES(writes_before_loss, float, loss, -1)
WRITES(writes_past_loss, float, loss, p->n)
WRITES(writes_before_grad, float, grad, -1)
WRITES(writes_past_grad, float, grad, p->n* p->v)
WRITES(writes_before_weights, float, weight, -1)
WRITES(writes_past_weights, float, weight, p->v)
WRITES(writes_before_upstream, float, upstream, -1)
WRITES(writes_past_upstream, float, upstream, p->n)
WRITES(writes_past_workspace, char, workspace, 256)

static void writes_logits(const xentcheck_problem* p, const xentcheck_tensors* x) {
  if (p->n > 0) ((float*)x->input)[p->n * p->v - 1] += 1;
}
static void writes_target(const xentcheck_problem* p, const xentcheck_tensors* x) {
  if (p->n > 0) ((int64_t*)x->target)[0] = 0;
}

/* Eight threads at once. */
static float* shared;
static void* write_shared(void* unused) {
  shared[0] += 1;
  return unused;
}
static void threads_write_logits(const xentcheck_problem* p, const xentcheck_tensors* x) {
  pthread_t threads[8];
  if (p->n == 0) return;
  shared = (float*)x->input;
  for (int i = 0; i < 8; ++i) pthread_create(&threads[i], NULL, write_shared, NULL);
  for (int i = 0; i < 8; ++i) pthread_join(threads[i], NULL);
}

static void* read_past(void* end) {
  sink = *(volatile float*)end;
  return NULL;
}
static void threads_read_past(const xentcheck_problem* p, const xentcheck_tensors* x) {
  pthread_t threads[8];
  float* const end = (float*)x->input + p->n * p->v;
  for (int i = 0; i < 8; ++i) pthread_create(&threads[i], NULL, read_past, end);
  for (int i = 0; i < 8; ++i) pthread_join(threads[i], NULL);
}

/* Faults in ways that name no address. */
static void loads_aligned(const xentcheck_problem* p, const xentcheck_tensors* x) {
  (void)p, (void)x;
#if defined(__x86_64__)
  const char* const odd = (const char*)x->input + 4;
  __asm__ volatile("movaps (%0), %%xmm0" : : "r"(((uintptr_t)odd & 15) != 0 ? odd : odd + 4)
                   : "xmm0");
#endif
}

const animal misreaders[] = {
    {"reads-before-logits", reads_before_logits, 0, 0},
    {"reads-past-logits", reads_past_logits, 0, 0},
    {"reads-before-targets", reads_before_targets, 0, 0},
    {"reads-past-targets", reads_past_targets, 0, 0},
    {"reads-before-loss", reads_before_loss, 0, 0},
    {"reads-past-loss", reads_past_loss, 0, 0},
    {"reads-before-grad", reads_before_grad, 0, 0},
    {"reads-past-grad", reads_past_grad, 0, 0},
    {"reads-past-workspace", reads_past_workspace, 0, 256},
    {"writes-before-logits", writes_before_logits, 0, 0},
    {"writes-past-logits", writes_past_logits, 0, 0},
    {"writes-before-targets", writes_before_targets, 0, 0},
    {"writes-past-targets", writes_past_targets, 0, 0},
    {"writes-before-loss", writes_before_loss, 0, 0},
    {"writes-past-loss", writes_past_loss, 0, 0},
    {"writes-before-grad", writes_before_grad, 0, 0},
    {"writes-past-grad", writes_past_grad, 0, 0},
    {"writes-past-workspace", writes_past_workspace, 0, 256},
    {"reads-before-weights", reads_before_weights, 0, 0},
    {"reads-past-weights", reads_past_weights, 0, 0},
    {"reads-before-upstream", reads_before_upstream, 0, 0},
    {"reads-past-upstream", reads_past_upstream, 0, 0},
    {"writes-before-weights", writes_before_weights, 0, 0},
    {"writes-past-weights", writes_past_weights, 0, 0},
    {"writes-before-upstream", writes_before_upstream, 0, 0},
    {"writes-past-upstream", writes_past_upstream, 0, 0},
    {"threads-write-logits", 0, threads_write_logits, 0},
    {"threads-read-past", threads_read_past, 0, 0},
    {"loads-aligned", loads_aligned, 0, 0},
    {"writes-logits", 0, writes_logits, 0},
    {"writes-target", 0, writes_target, 0},
    {0, 0, 0, 0}};
