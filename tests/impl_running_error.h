// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "impl/blocked_sum.h"
#include "impl/scalar/libm.h"

namespace xent {

/// Running error analysis of the arithmetic of T (float or double): a kernel body on this number
/// type gives each output with a bound on what the same body's rounding in T may change. Every
/// operation adds u |result| to what its operands bring along, exp, log and the like their declared
/// units of u; comparisons go by the value. The values themselves are long doubles, whose own
/// rounding the last factor of bound() covers. No underflow.
template <class T>
struct Running {
  long double value = 0;
  long double error = 0;

  static constexpr long double u = std::is_same_v<T, float> ? 0x1p-24L : 0x1p-53L;

  constexpr Running() = default;
  /// A constant or a number of the problem, which the body has rounded to T.
  constexpr Running(long double x) : value(x) {
    const long double off = x - static_cast<long double>(static_cast<T>(x));
    error = off > 0 ? off : off < 0 ? -off : 0;
  }

  /// n operations, each of which errs by 2^-64 of a value or a bound.
  double bound() const { return static_cast<double>(error * (1 + 0x1p-40L)); }

  friend Running operator+(Running a, Running b) {
    const bool exact = a.is_zero() || b.is_zero();
    return make(a.value + b.value, a.error + b.error, exact ? 0 : 1);
  }
  friend Running operator-(Running a, Running b) { return a + -b; }
  friend Running operator-(Running a) {
    a.value = -a.value;
    return a;
  }
  friend Running operator*(Running a, Running b) {
    const long double error =
        std::abs(a.value) * b.error + std::abs(b.value) * a.error + a.error * b.error;
    return make(a.value * b.value, error, a.is_power_of_two() || b.is_power_of_two() ? 0 : 1);
  }
  friend Running operator/(Running a, Running b) {
    const long double q = a.value / b.value;
    const long double error = (a.error + std::abs(q) * b.error) / (std::abs(b.value) - b.error);
    return make(q, error, b.is_power_of_two() ? 0 : 1);
  }
  Running& operator+=(Running b) { return *this = *this + b; }
  Running& operator*=(Running b) { return *this = *this * b; }

  friend bool operator==(Running a, Running b) { return a.value == b.value; }
  friend bool operator<(Running a, Running b) { return a.value < b.value; }
  friend bool operator>(Running a, Running b) { return a.value > b.value; }
  friend bool operator<=(Running a, Running b) { return a.value <= b.value; }
  friend bool operator>=(Running a, Running b) { return a.value >= b.value; }

  friend Running exp(Running a) {
    const long double e = std::exp(a.value);
    return make(e, e * std::expm1(a.error), a.is_zero() ? 0 : kLibmExp);
  }
  friend Running log(Running a) {
    return make(std::log(a.value), a.error / (a.value - a.error), kLibmLog);
  }
  friend Running log1p(Running a) {
    return make(std::log1p(a.value), a.error / (1 + a.value - a.error), kLibmLog);
  }
  friend Running tanh(Running a) { return make(std::tanh(a.value), a.error, kLibmTanh); }
  friend Running abs(Running a) {
    a.value = std::abs(a.value);
    return a;
  }

 private:
  bool is_zero() const { return value == 0 && error == 0; }
  bool is_power_of_two() const {
    int exponent = 0;
    return error == 0 && std::abs(std::frexp(value, &exponent)) == 0.5L;
  }
  static Running make(long double value, long double error, double units) {
    Running r;
    r.value = value;
    if (std::isinf(value)) return r;  // -inf, where no logit has come yet
    r.error = error + static_cast<long double>(units) * u * (std::abs(value) + error);
    return r;
  }
};

/// Sums as T does.
template <class T>
inline constexpr std::int64_t kLanes<Running<T>> = kLanes<T>;

}  // namespace xent

template <class T>
struct std::numeric_limits<xent::Running<T>> : std::numeric_limits<T> {};
