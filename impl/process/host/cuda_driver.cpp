// SPDX-License-Identifier: Apache-2.0
#include "impl/process/host/cuda_driver.h"

#include <dlfcn.h>

namespace xent::process {
namespace {

template <class F>
bool find(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(library, name));
  return function != nullptr;
}

}  // namespace

std::string CudaDriver::load() {
  void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return "no NVIDIA driver here: libcuda.so.1 is not found";
  // The names that end in _v2 are those of every driver since CUDA 3.2.
  const bool complete =
      find(library, "cuInit", init) && find(library, "cuDeviceGetCount", device_count) &&
      find(library, "cuDeviceGet", device) && find(library, "cuDevicePrimaryCtxRetain", retain) &&
      find(library, "cuCtxSetCurrent", set_current) &&
      find(library, "cuCtxSynchronize", synchronize) &&
      find(library, "cuMemAlloc_v2", allocate) && find(library, "cuMemFree_v2", free) &&
      find(library, "cuMemcpyHtoD_v2", upload) && find(library, "cuMemcpyDtoH_v2", download) &&
      find(library, "cuMemsetD32_v2", fill) && find(library, "cuStreamCreate", make_stream) &&
      find(library, "cuGetErrorName", error_name);
  return complete ? "" : "the NVIDIA driver here lacks a function: install a newer one";
}

std::string CudaDriver::name_of(int code) const {
  const char* name = nullptr;
  if (error_name(code, &name) == 0 && name != nullptr) return name;
  return "CUDA error " + std::to_string(code);
}

}  // namespace xent::process
