// SPDX-License-Identifier: Apache-2.0
#include "oracle/simd/canary.h"

#include <cmath>
#include <span>

#include "oracle/simd/primitives.h"

namespace xent {
namespace {

/// Bits that were computed once, and their distance from the truth checked by tests.
struct Pattern {
  Primitive what;
  Tier tier;
  double a, a_lo, b;
  double hi, lo;
};

// The last rows are identities: (1 + x)(1 - 2x) in two parts; (1 + x)^2 - (1 + 2x), which is 0 if
// the compiler fuses nothing; differences that rounding hides.
constexpr Pattern kPatterns[] = {
    {Primitive::exp, Tier::doubles, -0x1.6666666666666p-1, 0, 0, 0x1.fc80db9dd5542p-2, 0},
    {Primitive::exp, Tier::doubles, -0x1.2ap+5, 0, 0, 0x1.3278bcd70e981p-54, 0},
    {Primitive::exp, Tier::doubles, 0x1.2c0cccccccccdp+9, 0, 0, 0x1.b1ec31df52717p+865, 0},
    {Primitive::exp, Tier::pairs, -0x1.3333333333333p-2, 0x1p-58, 0,
     0x1.7b4c869c37c05p-1, 0x1.c3660c251b9cp-61},
    {Primitive::exp, Tier::pairs, -0x1.90b3333333333p+8, 0, 0,
     0x1.e1bc42cbe31d7p-579, 0x1.8dc46f295d858p-635},
    {Primitive::exp, Tier::pairs, 0x1.8ae147ae147aep+3, 0, 0,
     0x1.be9af9dcff5fp+17, 0x1.9d775ea93743p-39},
    {Primitive::log, Tier::doubles, 0x1.3333333333333p-2, 0, 0, -0x1.34378fcbda72p+0, 0},
    {Primitive::log, Tier::pairs, 0x1.3333333333333p-2, 0, 0,
     -0x1.34378fcbda721p+0, 0x1.9c1404e27f13cp-54},
    {Primitive::log, Tier::pairs, 0x1.2599ed7c6fbd2p-14, 0, 0,
     -0x1.3224fd4dc5f1p+3, -0x1.69ac1a124b89ap-55},
    {Primitive::log1p, Tier::pairs, 0x1.12e0be826d695p-30, 0, 0,
     0x1.12e0be801f1d9p-30, 0x1.73146f77b063ap-84},
    {Primitive::tanh, Tier::pairs, 0x1.999999999999ap-2, 0, 0,
     0x1.8511573c242d6p-2, 0x1.d0ebd45f49205p-58},
    {Primitive::multiply_exact, Tier::pairs, 0x1.00000004p+0, 0, 0x1.fffffffp-1,
     0x1.fffffff8p-1, -0x1p-59},
    {Primitive::square_minus, Tier::doubles, 0x1.00000004p+0, 0, 0x1.00000008p+0, 0, 0},
    {Primitive::subtract_exact, Tier::pairs, 1, 0, 0x1p-60, 1, -0x1p-60},
    {Primitive::subtract_exact, Tier::pairs, 0x1p-60, 0, -1, 1, 0x1p-60},
};

bool holds(const Pattern& p, const PrimitiveTarget& target) {
  const Enclosure a{Enclosure::Kind::number, p.a, p.a_lo, 0};
  const Enclosure b = Enclosure::exact(p.b);
  Enclosure y;
  const bool binary = p.what >= Primitive::add;
  target.run({p.what, p.tier, {&a, 1}, {&b, binary ? 1u : 0u}, {&y, 1}});
  return y.hi == p.hi && y.lo == p.lo && std::isfinite(y.rad);
}

}  // namespace

std::string arithmetic_modes_wrong() {
  // Volatile, so that nothing is computed by the compiler.
  static const volatile double one = 1, quarter_ulp = 0x1p-54;
  static const volatile double least_normal = 0x1p-1022, more = 0x1.8p-1022, least = 0x1p-1074;
  // 1 + 2^-54 lies nearest to 1; 1 - 2^-54 is a tie, which goes to even; so for -1.
  const bool up = one + quarter_ulp != 1, down = one - quarter_ulp != 1;
  const bool negative = -one - quarter_ulp != -1 || -one + quarter_ulp != -1;
  if (up || down || negative) return "the processor does not round to nearest";
  if (least + least == 0) return "the processor takes subnormal numbers for zero";
  if (more - least_normal == 0) return "the processor flushes subnormal results to zero";
  return "";
}

std::string primitives_wrong() {
  for (const PrimitiveTarget& target : primitive_targets()) {
    for (const Pattern& p : kPatterns) {
      if (!holds(p, target)) return "arithmetic on " + target.isa + " is not what was proved";
    }
  }
  return "";
}

std::string simd_tiers_unusable() {
  if (std::string wrong = arithmetic_modes_wrong(); !wrong.empty()) return wrong;
#ifdef XENT_ORACLE_FAULTS
  const std::string once;  // planted faults are for the tests of the numbers to find
#else
  static const std::string once = primitives_wrong();
#endif
  return primitive_targets().empty() ? "no instruction set here has fused multiply-adds" : once;
}

}  // namespace xent
