// SPDX-License-Identifier: Apache-2.0
#include "core/verdict.h"

namespace xent {
namespace {

int gravity(Verdict verdict) {
  switch (verdict) {
    case Verdict::skip: return 0;
    case Verdict::pass: return 1;
    case Verdict::inconclusive: return 2;
    case Verdict::fail: return 3;
    case Verdict::error: return 4;
  }
  return 4;
}

}  // namespace

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass: return "pass";
    case Verdict::fail: return "fail";
    case Verdict::inconclusive: return "inconclusive";
    case Verdict::skip: return "skip";
    case Verdict::error: return "error";
  }
  return "unknown";
}

Verdict graver(Verdict a, Verdict b) { return gravity(a) >= gravity(b) ? a : b; }

}  // namespace xent
