/* SPDX-License-Identifier: Apache-2.0 */
/* Right the first time, and then no more. */
#include <string.h>

#include "tests/zoo/zoo.h"

enum { kKept = 4096 };

static struct {
  const void* input;
  int64_t n, v;
  float loss[kKept], grad[kKept];
} cached, previous;

static size_t bytes(int64_t count) {
  return (size_t)(count < kKept ? count : kKept) * sizeof(float);
}

/* The answer of the first call with these pointers and shapes. */
static void caches_by_pointer(const xentcheck_problem* p, const xentcheck_tensors* x) {
  if (cached.input == x->input && cached.n == p->n && cached.v == p->v) {
    if (x->loss) memcpy(x->loss, cached.loss, bytes(p->n));
    if (x->grad) memcpy(x->grad, cached.grad, bytes(p->n * p->v));
    return;
  }
  cached.input = x->input;
  cached.n = p->n;
  cached.v = p->v;
  if (x->loss) memcpy(cached.loss, x->loss, bytes(p->n));
  if (x->grad) memcpy(cached.grad, x->grad, bytes(p->n * p->v));
}

/* The answer of the call before, where it has as many elements. */
static void answers_late(const xentcheck_problem* p, const xentcheck_tensors* x) {
  float now[kKept];
  const int same = previous.n == p->n && previous.v == p->v;
  previous.n = p->n;
  previous.v = p->v;
  if (x->loss) {
    memcpy(now, x->loss, bytes(p->n));
    if (same) memcpy(x->loss, previous.loss, bytes(p->n));
    memcpy(previous.loss, now, bytes(p->n));
  }
  if (x->grad) {
    memcpy(now, x->grad, bytes(p->n * p->v));
    if (same) memcpy(x->grad, previous.grad, bytes(p->n * p->v));
    memcpy(previous.grad, now, bytes(p->n * p->v));
  }
}

/* The last element of the gradient stays as it came. */
static float unwritten;
static float* last_of_grad(const xentcheck_problem* p, const xentcheck_tensors* x) {
  return x->grad && p->n > 0 ? (float*)x->grad + p->n * p->v - 1 : &unwritten;
}
static void keeps_last(const xentcheck_problem* p, const xentcheck_tensors* x) {
  memmove(&unwritten, last_of_grad(p, x), sizeof unwritten);
}
static void leaves_last_out(const xentcheck_problem* p, const xentcheck_tensors* x) {
  memmove(last_of_grad(p, x), &unwritten, sizeof unwritten);
}

const animal cheats[] = {{"caches-by-pointer", 0, caches_by_pointer, 0},
                         {"answers-late", 0, answers_late, 0},
                         {"leaves-last-out", keeps_last, leaves_last_out, 0},
                         {0, 0, 0, 0}};
