// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mpfi.h>

#include <boost/multiprecision/mpfi.hpp>
#include <cmath>
#include <limits>

#include "core/enclosure.h"

namespace xent {

/// An interval with MPFR end points of a precision fixed at compile time (never mpfi_float, whose
/// precision is one global). Arithmetic rounds outward. Relational operators abort the process on
/// overlapping intervals: they are not used; ask lower and upper.
template <unsigned Digits>
using Interval =
    boost::multiprecision::number<boost::multiprecision::mpfi_float_backend<Digits>,
                                  boost::multiprecision::et_off>;

/// Decimal digits of the levels of Reference: 128, 257, 513 and 1025 bits.
inline constexpr unsigned kDigits[] = {38, 77, 154, 308};

template <class I>
mpfi_ptr raw(I& x) {
  return x.backend().data();
}
template <class I>
mpfi_srcptr raw(const I& x) {
  return x.backend().data();
}

/// MPFI's own functions by name, so that no generic fallback of Boost can be chosen.
template <class I>
I exp_of(const I& x) {
  I r;
  mpfi_exp(raw(r), raw(x));
  return r;
}
template <class I>
I log_of(const I& x) {
  I r;
  mpfi_log(raw(r), raw(x));
  return r;
}
template <class I>
I log1p_of(const I& x) {
  I r;
  mpfi_log1p(raw(r), raw(x));
  return r;
}
template <class I>
I tanh_of(const I& x) {
  I r;
  mpfi_tanh(raw(r), raw(x));
  return r;
}
/// 1 / cosh x: its square is 1 - tanh^2 x without the cancellation.
template <class I>
I sech_of(const I& x) {
  I r;
  mpfi_sech(raw(r), raw(x));
  return r;
}
template <class I>
I log_two() {
  I r;
  mpfi_const_log2(raw(r));
  return r;
}
template <class I>
I abs_of(const I& x) {
  I r;
  mpfi_abs(raw(r), raw(x));
  return r;
}

/// The point 0, not only an interval that holds it.
template <class I>
bool is_zero(const I& x) {
  return mpfr_zero_p(&raw(x)->left) && mpfr_zero_p(&raw(x)->right);
}
/// Certainly of one sign or 0.
template <class I>
bool not_negative(const I& x) {
  return !mpfr_nan_p(&raw(x)->left) && mpfr_sgn(&raw(x)->left) >= 0;
}
/// max(x, least).
template <class I>
I at_least(const I& x, double least) {
  I r(x);
  if (mpfr_cmp_d(&raw(r)->left, least) < 0) mpfr_set_d(&raw(r)->left, least, MPFR_RNDD);
  if (mpfr_cmp_d(&raw(r)->right, least) < 0) mpfr_set_d(&raw(r)->right, least, MPFR_RNDU);
  return r;
}

template <class I>
double upper_double(const I& x) {
  return mpfr_get_d(&raw(x)->right, MPFR_RNDU) + 0.0;  // -0 becomes 0
}
template <class I>
double lower_double(const I& x) {
  return mpfr_get_d(&raw(x)->left, MPFR_RNDD);
}

/// Certainly above every number that rounds to a double.
inline bool beyond_doubles(mpfr_srcptr x) {
  mpfr_t t;
  mpfr_init2(t, mpfr_get_prec(x));
  mpfr_mul_d(t, x, 1 - 0x1p-40, MPFR_RNDZ);
  mpfr_abs(t, t, MPFR_RNDZ);
  const bool beyond = mpfr_cmp_d(t, std::numeric_limits<double>::max()) > 0;
  mpfr_clear(t);
  return beyond;
}

/// hi + lo +- rad of an enclosure of a number.
template <class I>
I interval_of(const Enclosure& e) {
  I radius;
  mpfi_interv_d(raw(radius), -e.rad, e.rad);
  return I(e.hi) + I(e.lo) + radius;
}

/// The interval as hi + lo +- rad. A number above every double is plus_inf; an interval that
/// reaches beyond what rounds to a double gets an infinite radius, which decides nothing.
template <class I>
Enclosure to_enclosure(const I& x) {
  mpfr_srcptr left = &raw(x)->left;
  mpfr_srcptr right = &raw(x)->right;
  if (mpfr_nan_p(left) || mpfr_nan_p(right)) return Enclosure::special(Enclosure::Kind::nan);
  if (mpfr_sgn(left) > 0 && beyond_doubles(left)) {
    return Enclosure::special(Enclosure::Kind::plus_inf);
  }
  if (mpfr_sgn(right) < 0 && beyond_doubles(right)) {
    return Enclosure::special(Enclosure::Kind::minus_inf);
  }
  if (std::isinf(mpfr_get_d(right, MPFR_RNDN)) || std::isinf(mpfr_get_d(left, MPFR_RNDN))) {
    return {Enclosure::Kind::number, 0, 0, std::numeric_limits<double>::infinity()};
  }
  mpfr_t t;
  mpfr_init2(t, mpfr_get_prec(left));
  mpfi_mid(t, raw(x));
  Enclosure e;
  e.hi = mpfr_get_d(t, MPFR_RNDN);
  mpfr_sub_d(t, t, e.hi, MPFR_RNDN);
  e.lo = mpfr_get_d(t, MPFR_RNDN);
  mpfr_sub_d(t, right, e.hi, MPFR_RNDU);
  mpfr_sub_d(t, t, e.lo, MPFR_RNDU);
  const double above = mpfr_get_d(t, MPFR_RNDU);
  mpfr_sub_d(t, left, e.hi, MPFR_RNDD);
  mpfr_sub_d(t, t, e.lo, MPFR_RNDD);
  const double below = -mpfr_get_d(t, MPFR_RNDD);
  mpfr_clear(t);
  e.rad = std::fmax(0, std::fmax(above, below));
  return e;
}

}  // namespace xent
