// SPDX-License-Identifier: Apache-2.0
// Mutants that make one choice of scalar/safe differently.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "impl/mutants/mutants.h"
#include "impl/scalar/libm.h"
#include "impl/scalar/safe.h"

namespace xent {
namespace {

/// Each launch starts with a fresh formula.
template <class Formula>
Kernel with_formula(HostKernel k) {
  return with_body(std::move(k), []<class T>(const RowView<T>& w) { safe_body(w, Formula{}); });
}

struct LastClassDropped : SafeFormula {
  std::int64_t summed(std::int64_t v) { return std::max<std::int64_t>(v - 1, 1); }
};

struct ClassesPast4096Dropped : SafeFormula {
  std::int64_t summed(std::int64_t v) { return std::min<std::int64_t>(v, 4096); }
};

struct LseMinusLogit : SafeFormula {
  template <class T>
  T loss(const RowSums<T>& r) {
    return (r.m + std::log(r.s)) - r.z_y;
  }
};

struct RoundedBeforeMinusOne : SafeFormula {
  template <class T>
  T target_gradient(const RowSums<T>& r) {
    return r.e_y / r.s - 1;
  }
};

struct MaxOfAbs : SafeFormula {
  template <class T>
  T maximum(const T* z, std::int64_t v) {
    return *std::max_element(z, z + v, [](T a, T b) { return std::abs(a) < std::abs(b); });
  }
};

struct MaxStartsAtZero : SafeFormula {
  template <class T>
  T maximum(const T* z, std::int64_t v) {
    return std::max(T(0), SafeFormula::maximum(z, v));
  }
};

struct RowLeak : SafeFormula {
  double running = -std::numeric_limits<double>::infinity();
  template <class T>
  T maximum(const T* z, std::int64_t v) {
    running = std::max(running, static_cast<double>(SafeFormula::maximum(z, v)));
    return static_cast<T>(running);
  }
};

/// exp x = 2^k exp(x - k ln 2) with the leading bits of ln 2 alone: wrong by k times the rest.
struct Ln2WithoutLowPart : SafeFormula {
  template <class T>
  T exponential(T x) {
    if (!(x > -2000)) return std::exp(x);
    const T k = std::nearbyint(x * T(M_LOG2E));
    return std::ldexp(std::exp(x - k * T(0x1.62e4p-1)), static_cast<int>(k));
  }
};

}  // namespace

Kernel mutant_last_class_dropped() {
  return with_formula<LastClassDropped>(
      mutant("last-class-dropped",
             "the sum stops one class early: a tail, as in microsoft/onnxruntime#14475",
             {"loss.accurate", "grad.accurate", "loss.permutation", "grad.sum-zero"}));
}

Kernel mutant_classes_past_4096_dropped() {
  return with_formula<ClassesPast4096Dropped>(
      mutant("classes-past-4096-dropped",
             "one block of classes is all there is; cf. verl#2899",
             {"loss.accurate"}));
}

Kernel mutant_lse_minus_logit() {
  return with_formula<LseMinusLogit>(mutant(
      "lse-minus-logit", "lse - z_y: confident rows lose every digit, as in ml-explore/mlx#4188",
      {"loss.accurate", "loss.shift-invariance"}));
}

Kernel mutant_p_rounded_before_minus_one() {
  return with_formula<RoundedBeforeMinusOne>(mutant(
      "p-rounded-before-minus-one",
      "p_y is rounded, then 1 subtracted, as in linkedin/Liger-Kernel#1329", {"grad.accurate"}));
}

Kernel mutant_max_of_abs() {
  return with_formula<MaxOfAbs>(mutant(
      "max-of-abs", "shifts by the logit of largest magnitude (isamax), as in oneDNN@f9d36e0251",
      {"loss.extreme-logits", "loss.accurate"}));
}

Kernel mutant_max_starts_at_zero() {
  return with_formula<MaxStartsAtZero>(
      mutant("max-starts-at-zero",
             "the maximum of negative rows is 0, as for the inactive lanes of m0at/rvllm#1",
             {"loss.extreme-logits", "loss.accurate"}));
}

Kernel mutant_row_leak() {
  return with_formula<RowLeak>(
      mutant("row-leak", "the running maximum is not reset between rows; cf. keras-team/keras#9606",
             {"row.independence", "loss.accurate"}));
}

Kernel mutant_ln2_without_low_part() {
  HostKernel k = mutant("ln2-without-low-part",
                        "the range reduction of its exponential has ln 2 in one short constant",
                        {"grad.accurate"});
  k.exponential.compute = [](std::span<const float> x, std::span<float> y) {
    std::transform(x.begin(), x.end(), y.begin(),
                   [](float a) { return Ln2WithoutLowPart().exponential(a); });
  };
  return with_formula<Ln2WithoutLowPart>(std::move(k));
}

/// Within its budget, but not what it promises.
Kernel mutant_shift_inexact() {
  HostKernel k = mutant("shift-inexact",
                        "adds the maximum back before the logit is subtracted, yet promises "
                        "shift-exact; cf. pytorch#195829",
                        {"loss.shift-invariance"});
  k.budget = [](const Problem& p) {
    ErrorBudget b = accurate_budget(p, kLibmExp, kLibmLog);
    b.loss = LossForm::lse;
    return b;
  };
  return with_formula<LseMinusLogit>(std::move(k));
}

}  // namespace xent
