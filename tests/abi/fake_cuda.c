/* SPDX-License-Identifier: Apache-2.0 */
/* A libcuda.so.1 without a device: its memory is this process's, far from all tensors. What a host
 * does with a driver can so be tested where there is none. FAKE_CUDA chooses what goes wrong. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY __attribute__((visibility("default"))) int
typedef unsigned long long address;

enum { INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, ILLEGAL_ADDRESS = 700 };
static int stream, context;
static int broken; /* a sticky error */
static struct {
  address first;
  size_t bytes;
} blocks[4096];
static size_t used;

static int wants(const char* what) {
  const char* const chosen = getenv("FAKE_CUDA");
  return chosen != NULL && strcmp(chosen, what) == 0;
}

/* For the kernels of device.c: whether all of it is memory of the device. */
ENTRY fake_cuda_owns(const void* p, size_t bytes) {
  for (size_t i = 0; i < used; ++i) {
    const address a = (address)(uintptr_t)p;
    if (a >= blocks[i].first && a + bytes <= blocks[i].first + blocks[i].bytes) return 1;
  }
  return 0;
}
ENTRY fake_cuda_is_stream(const void* p) { return p == &stream; }
ENTRY fake_cuda_break(void) {
  broken = ILLEGAL_ADDRESS;
  return 0;
}

ENTRY cuInit(unsigned flags) {
  (void)flags;
  return wants("no device") ? NO_DEVICE : 0;
}
ENTRY cuDeviceGetCount(int* count) {
  *count = 1;
  return 0;
}
ENTRY cuDeviceGet(int* device, int index) {
  *device = index;
  return 0;
}
ENTRY cuDevicePrimaryCtxRetain(void** out, int device) {
  (void)device;
  *out = &context;
  return 0;
}
ENTRY cuCtxSetCurrent(void* c) { return c == &context ? 0 : INVALID_VALUE; }
ENTRY cuCtxSynchronize(void) { return broken; }
ENTRY cuMemAlloc_v2(address* out, size_t bytes) {
  void* const p = wants("no memory") || used == 4096 ? NULL : malloc(bytes);
  if (p == NULL) return OUT_OF_MEMORY;
  memset(p, 0x55, bytes);
  *out = (address)(uintptr_t)p;
  blocks[used].first = *out;
  blocks[used++].bytes = bytes;
  return 0;
}
ENTRY cuMemFree_v2(address a) {
  free((void*)(uintptr_t)a);
  return 0;
}
ENTRY cuMemcpyHtoD_v2(address to, const void* from, size_t bytes) {
  memcpy((void*)(uintptr_t)to, from, bytes);
  return broken;
}
ENTRY cuMemcpyDtoH_v2(void* to, address from, size_t bytes) {
  memcpy(to, (const void*)(uintptr_t)from, bytes);
  return broken;
}
ENTRY cuMemsetD32_v2(address to, unsigned word, size_t words) {
  unsigned* const p = (unsigned*)(uintptr_t)to;
  for (size_t i = 0; i < words; ++i) p[i] = word;
  return broken;
}
ENTRY cuStreamCreate(void** out, unsigned flags) {
  *out = &stream;
  return flags == 1 ? 0 : INVALID_VALUE;
}
ENTRY cuGetErrorName(int code, const char** name) {
  *name = code == NO_DEVICE         ? "CUDA_ERROR_NO_DEVICE"
          : code == OUT_OF_MEMORY   ? "CUDA_ERROR_OUT_OF_MEMORY"
          : code == ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                    : NULL;
  return *name == NULL ? INVALID_VALUE : 0;
}

/* What bench/gpu/driver.py asks beyond hosts. A graph does its work while it is captured; an event
 * is a moment of a clock that goes on by a microsecond at each look. */
static float now;

ENTRY cuDeviceGetName(char* text, int size, int device) {
  (void)device;
  strncpy(text, "no device", (size_t)size);
  return 0;
}
ENTRY cuDeviceGetAttribute(int* value, int which, int device) {
  (void)device;
  *value = which == 38 ? 4096 : 1; /* of the second-level cache */
  return 0;
}
ENTRY cuDriverGetVersion(int* version) {
  *version = 13000;
  return 0;
}
ENTRY cuMemGetInfo_v2(size_t* unused, size_t* all) {
  *unused = *all = (size_t)1 << 30;
  return 0;
}
ENTRY cuEventCreate(float** event, unsigned flags) {
  (void)flags;
  *event = (float*)calloc(1, sizeof(float));
  return 0;
}
ENTRY cuEventRecord(float* event, void* s) {
  *event = now += 1e-3f;
  return s == &stream ? 0 : INVALID_VALUE;
}
ENTRY cuEventSynchronize(float* event) {
  (void)event;
  return broken;
}
ENTRY cuEventElapsedTime(float* milliseconds, const float* from, const float* to) {
  *milliseconds = *to - *from;
  return 0;
}
ENTRY cuStreamBeginCapture_v2(void* s, int mode) {
  return s == &stream && mode == 1 ? 0 : INVALID_VALUE;
}
ENTRY cuStreamEndCapture(void* s, void** graph) {
  *graph = &context;
  return s == &stream ? 0 : INVALID_VALUE;
}
ENTRY cuGraphInstantiateWithFlags(void** runnable, void* graph, unsigned long long flags) {
  *runnable = graph;
  return flags == 0 ? 0 : INVALID_VALUE;
}
ENTRY cuGraphLaunch(void* runnable, void* s) {
  return runnable == &context && s == &stream ? broken : INVALID_VALUE;
}
ENTRY cuGraphDestroy(void* graph) { return graph == &context ? 0 : INVALID_VALUE; }
ENTRY cuGraphExecDestroy(void* runnable) { return runnable == &context ? 0 : INVALID_VALUE; }
