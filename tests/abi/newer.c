/* SPDX-License-Identifier: Apache-2.0 */
/* A library of a newer minor version: its structs go on, with fields that nobody here knows. */

#include <string.h>

#include "include/xentcheck/kernel.h"

struct newer_kernel {
  xentcheck_kernel known;
  int (*more)(void);
  char room[256];
};
struct newer_library {
  xentcheck_library known;
  double more[8];
};

/* Fields beyond what the judge knows have their default: its struct_size says what it wrote. */
static int launch(void* state, const xentcheck_problem* p, const xentcheck_tensors* x, void* stream,
                  xentcheck_message* m) {
  (void)state, (void)stream, (void)m;
  if (p->struct_size != sizeof *p || x->struct_size != sizeof *x) return XENTCHECK_FAILED;
  if (strstr(p->text, "op=ce") == NULL || strcmp(p->dialect, "math") != 0) return XENTCHECK_FAILED;
  for (int64_t r = 0; r < p->n && x->loss != NULL; ++r) ((float*)x->loss)[r] = 5;
  for (int64_t i = 0; i < p->n * p->v && x->grad != NULL; ++i) ((float*)x->grad)[i] = 6;
  return XENTCHECK_OK;
}

static int more(void) { return 1; }

XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(uint32_t major, uint32_t minor) {
  static const struct newer_kernel kernel = {
      .known = {.struct_size = sizeof kernel, .name = "long", .launch = launch},
      .more = more,
  };
  static const xentcheck_kernel* const kernels[] = {&kernel.known};
  static const struct newer_library library = {
      .known = {sizeof library, XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR + 7, "9.9", 1, kernels}};
  return major == XENTCHECK_ABI_MAJOR && minor == XENTCHECK_ABI_MINOR ? &library.known : NULL;
}
