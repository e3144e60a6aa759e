/* SPDX-License-Identifier: Apache-2.0 */
/* A library of kernels that are right and do something else as well. */
#include "tests/zoo/zoo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { kMost = 80 };

void cross_entropy(const xentcheck_problem* p, const xentcheck_tensors* x) {
  const float* row = x->input;
  const int64_t* label = x->target;
  float* loss = x->loss;
  float* grad = x->grad;
  const float* weight = x->weight;
  const float* upstream = x->upstream;
  for (int64_t r = 0; r < p->n; ++r, row += p->v) {
    const float w = weight ? weight[label[r]] : 1;
    const float g = upstream ? upstream[p->upstream == XENTCHECK_UPSTREAM_ROW ? r : 0] * w : w;
    float m = row[0], s = 0;
    for (int64_t j = 1; j < p->v; ++j) m = fmaxf(m, row[j]);
    for (int64_t j = 0; j < p->v; ++j) s += expf(row[j] - m);
    if (loss) loss[r] = w == 0 ? 0 : w * (m + logf(s) - row[label[r]]);
    for (int64_t j = 0; grad && j < p->v; ++j) {
      grad[r * p->v + j] = g * (expf(row[j] - m) / s - (j == label[r]));
    }
  }
}

static int supports(const xentcheck_problem* p, xentcheck_message* m) {
  xentcheck_problem simple = *p;
  simple.weights = 0;
  simple.upstream = XENTCHECK_UPSTREAM_ONE;
  if (xentcheck_is_simple(&simple)) return XENTCHECK_OK;
  snprintf(m->text, m->size, "takes float rows with class indices");
  return XENTCHECK_UNSUPPORTED;
}

/* The state is the animal: `prepare` cannot know which kernel is asked, so each has its own. */
#define ANIMALS(X)                                                                                 \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)      \
  X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32)  \
  X(33) X(34) X(35) X(36) X(37) X(38) X(39) X(40) X(41) X(42) X(43) X(44) X(45) X(46) X(47) X(48)  \
  X(49) X(50) X(51) X(52) X(53) X(54) X(55) X(56) X(57) X(58) X(59) X(60) X(61) X(62) X(63) X(64)  \
  X(65) X(66) X(67) X(68) X(69) X(70) X(71) X(72) X(73) X(74) X(75) X(76) X(77) X(78) X(79)

static const animal* all[kMost];

static int launch(const animal* a, const xentcheck_problem* p, const xentcheck_tensors* x) {
  if (a->before) a->before(p, x);
  cross_entropy(p, x);
  if (a->after) a->after(p, x);
  return XENTCHECK_OK;
}

#define LAUNCH(i)                                                                           \
  static int launch_##i(void* state, const xentcheck_problem* p, const xentcheck_tensors* x, \
                        void* stream, xentcheck_message* m) {                                \
    (void)state, (void)stream, (void)m;                                                      \
    return launch(all[i], p, x);                                                             \
  }                                                                                          \
  static size_t workspace_##i(void* state) {                                                 \
    (void)state;                                                                             \
    return all[i]->workspace;                                                                \
  }
ANIMALS(LAUNCH)

typedef int launch_function(void*, const xentcheck_problem*, const xentcheck_tensors*, void*,
                            xentcheck_message*);
typedef size_t workspace_function(void*);
#define LAUNCH_NAME(i) launch_##i,
#define WORKSPACE_NAME(i) workspace_##i,
static launch_function* const launches[] = {ANIMALS(LAUNCH_NAME)};
static workspace_function* const workspaces[] = {ANIMALS(WORKSPACE_NAME)};

XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(uint32_t major, uint32_t minor) {
  static xentcheck_kernel kernels[kMost];
  static const xentcheck_kernel* pointers[kMost];
  static xentcheck_library library = {sizeof library, XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR,
                                      NULL, 0, pointers};
  const animal* const groups[] = {misreaders, breakers, cheats, innocents};
  size_t count = 0;
  (void)minor;
  for (size_t g = 0; g < sizeof groups / sizeof groups[0]; ++g) {
    for (const animal* a = groups[g]; a->name != NULL && count < kMost; ++a, ++count) {
      xentcheck_kernel* const k = &kernels[count];
      all[count] = a;
      k->struct_size = sizeof *k;
      k->name = a->name;
      k->supports = supports;
      k->launch = launches[count];
      k->workspace_bytes = workspaces[count];
      pointers[count] = k;
    }
  }
  library.count = count;
  return major == XENTCHECK_ABI_MAJOR ? &library : NULL;
}
