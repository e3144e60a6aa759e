// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mpfr.h>

#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "oracle/simd/primitives.h"

// Primitives of the first two tiers against MPFR.
namespace xent::simd_tests {

/// y = f(a, b), to the precision of y.
using ExactFunction = std::function<void(mpfr_ptr y, mpfr_srcptr a, mpfr_srcptr b)>;

struct Asking {
  Primitive what;
  Tier tier;
  std::vector<Enclosure> a, b;  ///< b is empty for functions of one argument
  ExactFunction exact;
};

struct Measured {
  std::int64_t checks = 0;
  std::int64_t outside = 0;    ///< exact values outside their enclosure
  std::int64_t promising = 0;  ///< results with a finite radius
  double most = 0;             ///< greatest error / radius
  double relative = 0;         ///< greatest error / |exact|
};

/// Asks every instruction set, and expects the same bits of each. Checks the numbers in the middle
/// of the arguments' balls and those at their ends.
Measured measure(const Asking&);

/// Arguments.
class Draw {
 public:
  explicit Draw(Tier tier) : tier_(tier) {}
  double unit() { return std::generate_canonical<double, 53>(generator_); }
  int between(int least, int most) {
    return static_cast<int>(generator_() % static_cast<unsigned>(most - least + 1)) + least;
  }
  double within(double least, double most) { return least + (most - least) * unit(); }
  double power(int least, int most);       ///< of either sign, uniform in the exponent
  double stepped(double x, int ulps);      ///< x moved by up to so many ulps
  Enclosure number(double);                ///< radius 0; in tier pairs with a low word
  Enclosure ball(Enclosure);               ///< radius from 2^-60 |x| to |x|

 private:
  std::mt19937_64 generator_{20};
  Tier tier_;
};

}  // namespace xent::simd_tests
