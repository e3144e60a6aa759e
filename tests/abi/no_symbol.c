/* SPDX-License-Identifier: Apache-2.0 */
/* A shared library, but of something else. */

int cross_entropy(void);
int cross_entropy(void) { return 0; }
