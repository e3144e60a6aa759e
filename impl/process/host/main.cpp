// SPDX-License-Identifier: Apache-2.0
// xentcheck-host c MEMORY_BYTES LIBRARY.so: the process of a library of kernels. Started by
// xentcheck alone.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "impl/process/host/library.h"
#include "impl/process/host/serve.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("xentcheck-host is started by xentcheck: use `xentcheck verify --library FILE`\n",
               stderr);
    return 2;
  }
  const bool gpu = std::strcmp(argv[1], "gpu") == 0;
  xentcheck_host_start(gpu ? XENTCHECK_POLICY_GPU : XENTCHECK_POLICY_C,
                       std::strtoull(argv[2], nullptr, 10));
  int code = 1;
  try {
    code = xentcheck_host_serve(xent::process::load_library(argv[3]), nullptr);
  } catch (const xent::process::Refusal& refusal) {
    code = xentcheck_host_refuse(XENTCHECK_FAILED, refusal.text.c_str());
  }
  // Threads that a library has left behind must not run into what its destructors tear down.
  _exit(code);
}
