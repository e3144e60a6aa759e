// SPDX-License-Identifier: Apache-2.0
// dtype_dump widen: from_f16 and from_bf16 of 0...65535, as 2 * 65536 doubles on stdout.
// dtype_dump narrow: for each double on stdin to_f16 and to_bf16, as two 16-bit numbers on stdout.

#include <cstdio>
#include <string_view>

#include "core/dtype.h"

namespace {

template <class T>
void put(T value) {
  std::fwrite(&value, sizeof value, 1, stdout);
}

void widen(double (*from)(std::uint16_t)) {
  for (std::uint32_t i = 0; i < 65536; ++i) put(from(static_cast<std::uint16_t>(i)));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what == "widen") {
    widen(xent::from_f16);
    widen(xent::from_bf16);
  } else if (what == "narrow") {
    for (double x = 0; std::fread(&x, sizeof x, 1, stdin) == 1;) {
      put(xent::to_f16(x));
      put(xent::to_bf16(x));
    }
  } else {
    return 2;
  }
}
