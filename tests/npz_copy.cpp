// SPDX-License-Identifier: Apache-2.0
// npz_copy FROM TO: reads an archive and writes it again; exit 2 and one line if it is refused.
#include <cstdio>

#include "core/case_file.h"
#include "core/error.h"

int main(int argc, char** argv) {
  if (argc != 3) return 3;
  try {
    xent::save_npz(argv[2], xent::load_npz(argv[1]));
    return 0;
  } catch (const xent::UsageError& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
}
