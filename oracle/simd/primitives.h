// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/enclosure.h"
#include "oracle/simd/rows.h"

// The operations of ball-inl.h, called from outside: for the canary and for tests.
namespace xent {

enum class Primitive : std::uint8_t {
  exp, log, log1p, tanh, sech,
  add, subtract, multiply, divide,                       // of balls
  add_exact, subtract_exact, multiply_exact,             // with b.hi; subtract_exact a.hi - b.hi
  upper, lower, magnitude_upper,                         // as result.hi
  square_minus,                                          // a.hi a.hi - b.hi, rounded twice
  sum,                                                   // of all of a; one result
};

/// result[i] = what(a[i], b[i]); b is empty for functions of one argument. Tier doubles takes hi
/// and rad, and drops lo.
struct PrimitiveCall {
  Primitive what;
  Tier tier;
  std::span<const Enclosure> a, b;
  std::span<Enclosure> result;
};

struct PrimitiveTarget {
  std::string isa;  ///< lower case: "avx3"
  void (*run)(const PrimitiveCall&);
};

/// The instruction sets that this machine has and that were compiled, best first.
const std::vector<PrimitiveTarget>& primitive_targets();

}  // namespace xent
