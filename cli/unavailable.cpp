// SPDX-License-Identifier: Apache-2.0
#include "cli/unavailable.h"

#include <string_view>

namespace xent {

const DeviceKernels& device() {
  static const DeviceKernels all = device_kernels();
  return all;
}

namespace {

/// Where no library of them was built: each has its text on fibers, too.
std::vector<std::string> device_names() {
  if (!device().names.empty()) return device().names;
  constexpr std::string_view fibers = "cuda-shim/";
  std::vector<std::string> names;
  for (const Kernel& k : builtin_kernels()) {
    if (k.name.starts_with(fibers)) names.push_back("cuda/" + k.name.substr(fibers.size()));
  }
  return names;
}

}  // namespace

std::vector<Unavailable> unavailable() {
  std::vector<Unavailable> all = unavailable_kernels();
  if (!device().missing.empty()) all.push_back({"cuda/*", device().missing});
  return all;
}

std::vector<std::string> unavailable_names() {
  std::vector<std::string> names;
  for (const Unavailable& u : unavailable_kernels()) names.push_back(u.name);
  if (device().missing.empty()) return names;
  for (const std::string& name : device_names()) names.push_back(name);
  return names;
}

}  // namespace xent
