// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_ROW_GRADIENT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_ROW_GRADIENT_INL_H
#undef XENT_HIGHWAY_ROW_GRADIENT_INL_H
#else
#define XENT_HIGHWAY_ROW_GRADIENT_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "impl/highway/row_sums-inl.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// exp(z_j - shift), computed when asked for. Lines are those of the gradient at g.
template <class E, class Exp>
class ComputedTerms {
 public:
  template <class O>
  HWY_INLINE ComputedTerms(const Exp& exp, const E* z, const O* g, float shift)
      : exp_(exp), shift_(hn::Set(F32(), shift)),
        z_(z - static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(g) % 64 / sizeof(O))) {}
  HWY_INLINE Line<E> line(std::int64_t at) const { return Of(Load(z_ + at * kLine<E>)); }
  /// Lines at, at + step, ...; the next ones are after these, or with a step before these.
  HWY_INLINE void lines(std::int64_t at, std::int64_t step, Line<E> (&e)[kFour]) const {
    // The logits of the row before are two caches away.
    const std::int64_t next = step == 1 ? kAhead / 4 : -kAhead / 4;
    for (int s = 0; s < kFour; ++s) Ask(z_ + (at + s * step) * kLine<E>, next);
    for (int s = 0; s < kFour; ++s) e[s] = Load(z_ + (at + s * step) * kLine<E>);
    ExpOf(exp_, e, shift_);
  }
  HWY_INLINE Line<E> edge(std::int64_t at, std::int64_t from, std::int64_t to) const {
    return Of(LoadOnly(z_ + at * kLine<E>, from, to));
  }

 private:
  HWY_INLINE Line<E> Of(const Line<E>& x) const { return ExpOf(exp_, x, shift_); }
  const Exp& exp_;
  VF shift_;
  const E* z_;
};

/// g_j = value(exp(z_j - shift)) of a row, but `at_target` at y, in lines that begin at multiples
/// of 64 bytes of the gradient. Put is Streamed or Stored; g may be the logits. Terms has the
/// exponentials, Value turns a vector of them into gradients.
template <class E, class O, class Put, class Terms, class Value>
class GradientWalk {
 public:
  HWY_INLINE GradientWalk(Terms terms, O* g, std::int64_t v, std::int64_t y, Value value,
                          float at_target)
      : line(0), terms_(terms), value_(value), at_target_(at_target) {
    head_ = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(g) % 64 / sizeof(O));
    g_ = g - head_;
    target_line_ = (head_ + y) / kLine<E>;
    target_place_ = (head_ + y) % kLine<E>;
    end_place_ = head_ + v;
    end_ = (end_place_ + kLine<E> - 1) / kLine<E>;
    if (head_ != 0) Edge();
  }
  std::int64_t line;  ///< the next one; the first, if the row begins within it, is written

  /// Whole lines from the next one on.
  HWY_INLINE std::int64_t plain() const {
    return std::max<std::int64_t>(end_place_ / kLine<E> - line, 0);  // a row within its first line
  }
  /// A whole line, the next one or another.
  HWY_INLINE void Write(std::int64_t at) {
    Store(Of(at, terms_.line(at)), g_ + at * kLine<E>, Put());
  }
  /// Writes lines at, at + step, at + 2 step, at + 3 step, whole ones. A copy of what is needed for
  /// that, which stays in registers.
  class Fours {
   public:
    HWY_INLINE void operator()(std::int64_t at) const {
      if (HWY_UNLIKELY(at == of_target_)) return walk_.WriteEach(at, step_);
      Line<E> e[kFour];
      terms_.lines(at, step_, e);
      for (int s = 0; s < kFour; ++s) {
        Store(Map(e[s], value_), g_ + (at + s * step_) * kLine<E>, Put());
      }
    }

   private:
    friend GradientWalk;
    HWY_INLINE Fours(GradientWalk& walk, std::int64_t of_target, std::int64_t step)
        : walk_(walk), terms_(walk.terms_), value_(walk.value_), g_(walk.g_), step_(step),
          of_target_(of_target) {}
    GradientWalk& walk_;
    Terms terms_;
    Value value_;
    O* g_;
    std::int64_t step_;
    std::int64_t of_target_;  ///< the first of the four lines that it is one of
  };
  /// For step 1 with at = from, from + 4, ...; else with every at in [from, from + step).
  HWY_INLINE Fours fours(std::int64_t from, std::int64_t step) {
    const std::int64_t on = target_line_ - from;
    std::int64_t of_target = step == 1 ? from + (on & ~std::int64_t{kFour - 1}) : from + on % step;
    if (on < 0 || (step > 1 && on >= kFour * step)) of_target = -1;
    return Fours(*this, of_target, step);
  }
  /// All from the next one on.
  HWY_NOINLINE void finish() {
    const Fours write = fours(line, 1);
    for (; plain() >= kFour; line += kFour) write(line);
    for (std::int64_t count = plain(); count > 0; --count) Write(line++);
    if (line < end_) Edge();
  }

 private:
  HWY_NOINLINE void WriteEach(std::int64_t at, std::int64_t step) {
    for (int s = 0; s < kFour; ++s) Write(at + s * step);
  }
  HWY_INLINE Line<E> Of(std::int64_t at, const Line<E>& e) const {
    const Line<E> g = Map(e, value_);
    return at == target_line_ ? Replaced(g, target_place_, at_target_) : g;
  }
  /// A line that is not the row's alone.
  HWY_NOINLINE void Edge() {
    const std::int64_t start = line * kLine<E>;
    const std::int64_t from = std::max<std::int64_t>(head_ - start, 0);
    const std::int64_t to = std::min(end_place_ - start, kLine<E>);
    StoreOnly(Of(line, terms_.edge(line, from, to)), g_ + start, from, to);
    ++line;
  }

  Terms terms_;
  Value value_;
  float at_target_;
  std::int64_t target_line_, target_place_;
  O* g_;
  std::int64_t head_, end_place_, end_;
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
