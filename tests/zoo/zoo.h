/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XENTCHECK_TESTS_ZOO_H
#define XENTCHECK_TESTS_ZOO_H

#include "xentcheck/kernel.h"

/* What an animal does besides a right cross-entropy, before or after it. */
typedef void vice(const xentcheck_problem*, const xentcheck_tensors*);

typedef struct animal {
  const char* name;
  vice* before;
  vice* after;
  size_t workspace;
} animal;

/* Ended by an animal without a name. */
extern const animal misreaders[];  /* zoo_memory.c */
extern const animal breakers[];    /* zoo_process.c */
extern const animal cheats[];      /* zoo_answers.c */
extern const animal innocents[];   /* zoo_innocent.c */

/* Losses and gradients of contiguous float rows, class indices; class weights and an upstream
 * gradient where they are given. */
void cross_entropy(const xentcheck_problem*, const xentcheck_tensors*);

#endif
