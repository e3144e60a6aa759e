// SPDX-License-Identifier: Apache-2.0
// Mutants that cut a row into leaves, steps and blocks, and lose or double a piece of it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "impl/mutants/reference.h"
#include "impl/scalar/libm.h"

namespace xent {
namespace {

/// Elements of a leaf: a run of every lane.
template <class T>
inline constexpr std::int64_t kLeaf = kBlock * kLanes<T>;

/// The terms of classes [from, to) without y's.
template <class T, class Term>
T sum_of(std::int64_t from, std::int64_t to, std::int64_t y, Term term) {
  BlockedSum<T> sum;
  for (std::int64_t j = from; j < to; ++j) sum.add(j - from, j == y ? T(0) : term(j));
  return sum.value();
}

/// `v` rounded down to whole pieces, of which a row has at least one.
std::int64_t whole(std::int64_t v, std::int64_t piece) {
  return v < piece ? v : v / piece * piece;
}

struct PartialLeafDropped : ReferencedFormula {
  template <class T, class Term>
  T others(const T*, std::int64_t v, std::int64_t y, Term term) {
    return sum_of<T>(0, whole(v, kLeaf<T>), y, term);
  }
};

struct RoundOfStreamsDropped : ReferencedFormula {
  template <class T, class Term>
  T others(const T*, std::int64_t v, std::int64_t y, Term term) {
    return sum_of<T>(0, whole(v, 8 * kLeaf<T>), y, term);
  }
};

struct TailTwice : ReferencedFormula {
  template <class T, class Term>
  T others(const T*, std::int64_t v, std::int64_t y, Term term) {
    const T all = sum_of<T>(0, v, y, term);
    const std::int64_t tail = v % kLanes<T>;
    if (tail == 0 || v < kLanes<T>) return all;
    return all + sum_of<T>(v - kLanes<T>, v - tail, y, term);
  }
};

/// Classes before the first cache line of the row's memory.
template <class T>
std::int64_t head_of(const T* z, std::int64_t v) {
  constexpr std::uintptr_t kLine = 64;
  const std::uintptr_t past = reinterpret_cast<std::uintptr_t>(z) % kLine;
  return past == 0 ? 0 : std::min<std::int64_t>(v, static_cast<std::int64_t>(kLine - past) /
                                                       static_cast<std::int64_t>(sizeof(T)));
}

struct HeadApart : ReferencedFormula {
  template <class T, class Term>
  T others(const T* z, std::int64_t v, std::int64_t y, Term term) {
    const std::int64_t head = head_of(z, v);
    return sum_of<T>(0, head, y, term) + sum_of<T>(head, v, y, term);
  }
};

struct HeadNotSummed : ReferencedFormula {
  template <class T, class Term>
  T others(const T* z, std::int64_t v, std::int64_t y, Term term) {
    return sum_of<T>(head_of(z, v), v, y, term);
  }
};

struct IdleLanesCounted : ReferencedFormula {
  template <class T, class Term>
  T others(const T*, std::int64_t v, std::int64_t y, Term term) {
    const T idle = static_cast<T>(std::max<std::int64_t>(0, kLanes<T> - v));
    return sum_of<T>(0, v, y, term) + idle;
  }
};

/// A running maximum that moves from step to step of a cache line. Rescale:
///   T factor(T before, T after)   what the sums are multiplied by at every step
///   kFromNothing                  while they are 0, too
template <class Rescale>
struct StepOnline : TwoPass<SafeFormula> {
  template <class T>
  RowSums<T> sums(const T* z, std::int64_t v, std::int64_t y, T* e) {
    T m = -std::numeric_limits<T>::infinity(), s = 0, t = 0;
    for (std::int64_t j = 0; j < v; j += kLanes<T>) {
      const std::int64_t end = std::min(v, j + kLanes<T>);
      const T before = m;
      m = std::max(m, *std::max_element(z + j, z + end));
      const bool kept = s == 0 && !Rescale::kFromNothing;
      const T factor = kept ? T(1) : Rescale().factor(before, m);
      s *= factor;
      t *= factor;
      for (std::int64_t i = j; i < end; ++i) {
        // A step of nothing but -inf has no maximum yet.
        const T x = std::isinf(z[i]) ? T(0) : std::exp(z[i] - m);
        s += x;
        if (i != y) t += x;
      }
    }
    RowSums<T> row = TwoPass<SafeFormula>::sums(z, v, y, e);
    if (std::isfinite(row.m)) row.s = s, row.t = t;
    return row;
  }
};

struct ExpOfZeroBelowOne {
  static constexpr bool kFromNothing = false;
  template <class T>
  T factor(T before, T after) {
    return before == after ? std::nextafter(T(1), T(0)) : std::exp(before - after);
  }
};

/// exp2(a K - b K) of rounded products, beside terms exp(z - b).
struct RescaleOfProducts {
  static constexpr bool kFromNothing = false;
  template <class T>
  T factor(T before, T after) {
    const T k = T(M_LOG2E);
    return std::exp2(before * k - after * k);
  }
};

struct RescaleForgotten {
  static constexpr bool kFromNothing = false;
  template <class T>
  T factor(T, T) {
    return 1;
  }
};

/// exp(-inf - -inf) is NaN.
struct RescaleOfNothing {
  static constexpr bool kFromNothing = true;
  template <class T>
  T factor(T before, T after) {
    return std::exp(before - after);
  }
};

template <class Rescale>
Kernel online_mutant(std::string name, std::string summary, std::vector<std::string> killed_by) {
  HostKernel k = mutant(std::move(name), std::move(summary), std::move(killed_by));
  k.budget = [](const Problem& p) {
    ErrorBudget b = accurate_budget(p, kLibmExp, kLibmLog);
    b.order = SumOrder::sequential;
    b.online = true;
    return b;
  };
  return with_body(std::move(k),
                   []<class T>(const RowView<T>& w) { scalar_body(w, StepOnline<Rescale>{}); });
}

}  // namespace

Kernel mutant_partial_leaf_dropped() {
  return with_reference<PartialLeafDropped>(
      reference_mutant("partial-leaf-dropped",
                       "rows of several leaves of 4096 bytes end with the last whole one",
                       {"loss.accurate"}));
}

Kernel mutant_round_of_streams_dropped() {
  return with_reference<RoundOfStreamsDropped>(
      reference_mutant("round-of-streams-dropped",
                       "eight leaves at a time, and those that make no round of eight are left out",
                       {"loss.multiclass"}));
}

Kernel mutant_tail_twice() {
  return with_reference<TailTwice>(
      reference_mutant("tail-twice",
                       "the last vector ends with the row, and what it shares with the one before "
                       "counts twice",
                       {"loss.accurate", "grad.accurate"}));
}

Kernel mutant_head_apart() {
  return with_reference<HeadApart>(
      reference_mutant("head-apart",
                       "what lies before the first cache line is summed apart: another order at "
                       "another address",
                       {"run.alignment"}));
}

Kernel mutant_head_not_summed() {
  return with_reference<HeadNotSummed>(
      reference_mutant("head-not-summed",
                       "what lies before the first cache line is not summed at all; cf. "
                       "microsoft/onnxruntime#14475",
                       {"run.alignment", "loss.accurate"}));
}

Kernel mutant_idle_lanes_counted() {
  return with_reference<IdleLanesCounted>(
      reference_mutant("idle-lanes-counted",
                       "a row shorter than a vector: each lane beyond it counts as exp(0)",
                       {"loss.accurate", "grad.accurate"}));
}

Kernel mutant_online_drift() {
  return online_mutant<ExpOfZeroBelowOne>(
      "online-drift",
      "the sums are rescaled at every step by an exp(0) of 1 - u: many small errors of one sign",
      {"loss.accurate"});
}

Kernel mutant_online_rescale_of_products() {
  return online_mutant<RescaleOfProducts>(
      "online-rescale-of-products",
      "the rescale's maxima are rounded products, those of the terms are not: nothing cancels far "
      "from 0",
      {"loss.accurate"});
}

Kernel mutant_online_rescale_forgotten() {
  return online_mutant<RescaleForgotten>(
      "online-rescale-forgotten", "the sums stay as they are where the maximum grows",
      {"loss.accurate"});
}

Kernel mutant_online_first_step_nothing() {
  return online_mutant<RescaleOfNothing>(
      "online-first-step-nothing",
      "sums of 0 are rescaled by exp(-inf - -inf) where a row begins with a step of -inf",
      {"loss.accurate"});
}

}  // namespace xent
