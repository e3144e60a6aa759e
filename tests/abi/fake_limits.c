/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of bench/limits/cuda.cu for the driver of fake_cuda.c. */
#include <stdint.h>
#include <string.h>

#define ENTRY __attribute__((visibility("default"))) int

int fake_cuda_owns(const void*, size_t);
int fake_cuda_is_stream(const void*);

ENTRY xentcheck_limit_patterns(void) { return 2; }
ENTRY xentcheck_limit_read(int pattern, const void* from, void* sink, size_t bytes, void* stream) {
  return pattern < 2 && fake_cuda_owns(from, bytes) && fake_cuda_owns(sink, 16) &&
                 fake_cuda_is_stream(stream)
             ? 0
             : 1;
}
ENTRY xentcheck_limit_change(int pattern, const void* from, void* to, size_t bytes, void* stream) {
  if (pattern > 1 || !fake_cuda_owns(from, bytes) || !fake_cuda_owns(to, bytes)) return 1;
  memmove(to, from, bytes);
  return fake_cuda_is_stream(stream) ? 0 : 1;
}
ENTRY xentcheck_limit_launch(void* stream) { return fake_cuda_is_stream(stream) ? 0 : 1; }
ENTRY xentcheck_limit_fill(void* to, size_t count, int type, uint64_t seed, void* stream) {
  if (type != 0 || !fake_cuda_owns(to, count * sizeof(float))) return 1;
  for (size_t i = 0; i < count; ++i) ((float*)to)[i] = (float)((seed + i) % 7);
  return fake_cuda_is_stream(stream) ? 0 : 1;
}
