// SPDX-License-Identifier: Apache-2.0
#include "cli/unavailable.h"

namespace xent {

const DeviceKernels& device() {
  static const DeviceKernels all = device_kernels();
  return all;
}

std::vector<Unavailable> unavailable() {
  std::vector<Unavailable> all = unavailable_kernels();
  if (!device().missing.empty()) all.push_back({"cuda/*", device().missing});
  return all;
}

}  // namespace xent
