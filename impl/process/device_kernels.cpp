// SPDX-License-Identifier: Apache-2.0
#include <system_error>

#include "core/error.h"
#include "impl/process/foreign.h"

namespace xent {

DeviceKernels device_kernels() {
  DeviceKernels all;
  std::error_code failed;
  try {
    all.file = hosts_folder() / "cuda.so";
    if (!std::filesystem::exists(all.file, failed)) {
      all.missing = XENTCHECK_NO_CUDA;
      if (all.missing.empty()) all.missing = "not built: build the target xentcheck_cuda";
      else all.missing += "; bench/gpu/README.md says what they need";
      return all;
    }
    std::vector<Kernel> kernels = library_kernels(all.file, {});
    for (const Kernel& k : kernels) all.names.push_back(k.name);
    const Support s = kernels.at(0).supports(parse_problem("op=ce n=1 v=2 dtype=f32 dir=fwd"));
    if (s) all.kernels = std::move(kernels);
    else all.missing = s.reason;
  } catch (const std::exception& e) {
    all.missing = e.what();
  }
  return all;
}

}  // namespace xent
