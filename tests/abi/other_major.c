/* SPDX-License-Identifier: Apache-2.0 */
/* A library of another major version; with REFUSES it says so itself. */

#include "include/xentcheck/kernel.h"

XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(uint32_t major, uint32_t minor) {
  static const xentcheck_library library = {
      sizeof(xentcheck_library), XENTCHECK_ABI_MAJOR + 1, 0, "1", 0, NULL};
  (void)major, (void)minor;
  return REFUSES ? NULL : &library;
}
