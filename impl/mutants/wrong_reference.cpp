// SPDX-License-Identifier: Apache-2.0
// Mutants of the one pass that takes the target's logit as reference.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "impl/mutants/reference.h"

namespace xent {
namespace {

struct NoFallback : ReferencedFormula {
  template <class T>
  bool in_range(T) {
    return true;
  }
};

struct NaNInRange : ReferencedFormula {
  template <class T>
  bool in_range(T s) {
    return !(s >= T(1e37) || s <= T(0));
  }
};

/// k of exp x = 2^k exp(x - k log 2) is added to the exponent's bits, which from k = 128 (1024) on
/// are carried into the sign.
struct UnclampedExponent : ReferencedFormula {
  template <class T>
  T term(T z, T z_y) {
    const T x = z - z_y;
    using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
    const T k = std::nearbyint(x * T(M_LOG2E));
    if (!(k >= std::numeric_limits<T>::max_exponent && k < T(1 << 30))) return std::exp(x);
    const T y = std::exp(x - k * T(M_LN2));
    return std::bit_cast<T>(std::bit_cast<Bits>(y) + (static_cast<Bits>(k) << kMantissa));
  }
};

struct TargetSubtracted : ReferencedFormula {
  template <class T, class Term>
  T others(const T* z, std::int64_t v, std::int64_t, Term term) {
    return ReferencedFormula::others(z, v, -1, term) - 1;
  }
};

struct ReciprocalMinusOne : ReferencedFormula {
  template <class T>
  T target_gradient(const RowSums<T>& r) {
    return r.e_y / r.s - 1;
  }
};

/// exp2(z K - z_y K) with one product rounded and the other not: a factor exp2 of the rounding.
struct FusedShift : ReferencedFormula {
  template <class T>
  T term(T z, T z_y) {
    const T k = T(M_LOG2E);
    return std::exp2(std::fma(z, k, -(z_y * k)));
  }
};

/// Writes the gradient's e_j before it is known that they are the ones.
template <class Formula>
struct EagerGradient : ByTarget<Formula> {
  using ByTarget<Formula>::ByTarget;
  template <class T>
  RowSums<T> sums(const T* z, std::int64_t v, std::int64_t y, T* e) {
    if (!this->by_target) return TwoPass<Formula>::sums(z, v, y, e);
    const T z_y = z[y];
    const T others = this->sum_of_others(z, v, y);
    for (std::int64_t j = 0; e != nullptr && j < v; ++j) e[j] = Formula::term(z[j], z_y);
    if (!Formula::in_range(others)) return TwoPass<Formula>::sums(z, v, y, e);
    return {z_y, T(1) + others, others, z_y, T(1)};
  }
};

}  // namespace

Kernel mutant_no_fallback() {
  return with_reference<NoFallback>(
      reference_mutant("no-fallback",
                       "the target's logit is the reference even where exp overflows: an infinite "
                       "loss of a target 89 below the maximum",
                       {"loss.accurate", "grad.accurate", "loss.extreme-logits"}));
}

Kernel mutant_nan_in_range() {
  return with_reference<NaNInRange>(
      reference_mutant("nan-in-range",
                       "the sum's range is tested by s >= 1e37, which NaN is not: a masked target "
                       "among masked classes",
                       {"loss.accurate"}));
}

Kernel mutant_unclamped_exponent() {
  return with_reference<UnclampedExponent>(
      reference_mutant("unclamped-exponent",
                       "its exponential adds 2^k to the exponent's bits however large: above 88.7 "
                       "it is negative or small, and the sum passes for one",
                       {"loss.accurate"}));
}

Kernel mutant_target_subtracted() {
  return with_reference<TargetSubtracted>(
      reference_mutant("target-subtracted",
                       "the target's own exp(0) is taken off the sum: (1 + e^-15) - 1",
                       {"loss.accurate", "grad.accurate"}));
}

Kernel mutant_reciprocal_minus_one() {
  return with_reference<ReciprocalMinusOne>(
      reference_mutant("reciprocal-minus-one",
                       "the target's gradient is 1 / (1 + S) - 1, 0 on confident rows",
                       {"grad.accurate"}));
}

Kernel mutant_fused_shift() {
  return with_reference<FusedShift>(
      reference_mutant("fused-shift",
                       "exp2(fma(z, K, -(z_y K))): the product's rounding multiplies every term "
                       "of a row far from 0",
                       {"loss.accurate", "grad.accurate"}));
}

Kernel mutant_eager_gradient() {
  return with_body(
      reference_mutant("eager-gradient",
                       "the gradient is written before the range of the sum is tested, and in "
                       "place the fallback reads it",
                       {"io.in-place"}),
      []<class T>(const RowView<T>& w) {
        scalar_body(w, EagerGradient<ReferencedFormula>({}, has_reference(w)));
      });
}

}  // namespace xent
