// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace xent {

/// Operations of every Counted number on this thread.
inline thread_local std::int64_t counted_operations = 0;

/// A float or double that counts: each addition, subtraction, product, quotient, comparison,
/// negation and call of a function of <cmath> is one. Same size, so sums take the same tree.
template <class T>
struct Counted {
  T value = 0;

  constexpr Counted() = default;
  constexpr Counted(T x) : value(x) {}

  friend Counted operator+(Counted a, Counted b) { return count(a.value + b.value); }
  friend Counted operator-(Counted a, Counted b) { return count(a.value - b.value); }
  friend Counted operator*(Counted a, Counted b) { return count(a.value * b.value); }
  friend Counted operator/(Counted a, Counted b) { return count(a.value / b.value); }
  friend Counted operator-(Counted a) { return count(-a.value); }
  Counted& operator+=(Counted b) { return *this = *this + b; }
  Counted& operator*=(Counted b) { return *this = *this * b; }

  friend bool operator==(Counted a, Counted b) { return ++counted_operations, a.value == b.value; }
  friend bool operator<(Counted a, Counted b) { return ++counted_operations, a.value < b.value; }
  friend bool operator>(Counted a, Counted b) { return b < a; }
  friend bool operator<=(Counted a, Counted b) { return ++counted_operations, a.value <= b.value; }
  friend bool operator>=(Counted a, Counted b) { return b <= a; }

  friend Counted exp(Counted a) { return count(std::exp(a.value)); }
  friend Counted log(Counted a) { return count(std::log(a.value)); }
  friend Counted log1p(Counted a) { return count(std::log1p(a.value)); }
  friend Counted tanh(Counted a) { return count(std::tanh(a.value)); }
  friend Counted abs(Counted a) { return count(std::abs(a.value)); }

 private:
  static Counted count(T x) {
    ++counted_operations;
    return x;
  }
};

}  // namespace xent

template <class T>
struct std::numeric_limits<xent::Counted<T>> : std::numeric_limits<T> {};
