// SPDX-License-Identifier: Apache-2.0
#pragma once

// Faults of the oracle itself. The product has none: XENT_FAULT(n, wrong, right) is `right`. The
// test library, compiled with XENT_ORACLE_FAULTS, chooses one fault at a time at run time; the
// tests must find each.
namespace xent {

struct OracleFault {
  int number;
  const char* name;
};

inline constexpr OracleFault kOracleFaults[] = {
    {1, "exp, doubles: low part of ln 2 dropped"},
    {2, "exp, doubles: one bit of a coefficient"},
    {3, "exp, doubles: error claimed too small"},
    {4, "exp: the radius of the argument is not passed on"},
    {5, "exp, pairs: low part of the step dropped"},
    {6, "exp, pairs: low words of the table dropped"},
    {7, "exp, pairs: low word of the argument dropped"},
    {8, "log, pairs: the residual is not added"},
    {9, "log, pairs: the gate on the residual is open and the guess poor"},
    {10, "sum, doubles: the errors of blocks dropped"},
    {11, "sum, pairs: low words dropped"},
    {12, "sum: no error of addition in the radius"},
    {13, "product, pairs: low times high dropped"},
    {14, "upper bound rounded inward"},
    {15, "division: the radius of the divisor is not passed on"},
    {20, "softmax: the classes after the last whole vector dropped"},
    {21, "softmax: the target not skipped in the sum of the others"},
    {22, "softmax: one class dropped from the sum"},
    {23, "softmax: the error of the gap is not passed on to the exponential"},
    {24, "softmax: the maximum counted twice"},
    {25, "softmax: the target's gradient as that of other classes"},
    {26, "softmax: gaps rounded inward"},
    {27, "softmax: facts rounded inward"},
    {40, "terms: logarithm of a rounded quotient"},
    {41, "terms: the classes after the last whole vector dropped"},
    {42, "terms: log(1 + e^-|x|) dropped where it is small"},
    {43, "terms: 1 - y rounded, and taken as exact"},
    {44, "terms: facts rounded inward"},
    {45, "terms: what smoothing gives the other classes dropped"},
};

#ifdef XENT_ORACLE_FAULTS
inline int active_oracle_fault = 0;  ///< 0: none
#define XENT_FAULT(n, wrong, right) (::xent::active_oracle_fault == (n) ? (wrong) : (right))
#else
#define XENT_FAULT(n, wrong, right) (right)
#endif

}  // namespace xent
