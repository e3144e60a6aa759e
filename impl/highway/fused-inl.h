// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_FUSED_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_FUSED_INL_H
#undef XENT_HIGHWAY_FUSED_INL_H
#else
#define XENT_HIGHWAY_FUSED_INL_H
#endif

#include <algorithm>
#include <cstdint>
#include <limits>

#include "hwy/aligned_allocator.h"
#include "hwy/highway.h"
#include "impl/highway/row_gradient-inl.h"
#include "impl/highway/streams-inl.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The exponentials of a row, line by line.
template <class E>
class KeptRow {
 public:
  void prepare(const RowLines<E>& row) {
    const std::int64_t lines = (row.lines() + kFour - 1) / kFour * kFour;
    if (lines <= lines_) return;
    memory_ = hwy::AllocateAligned<float>(static_cast<std::size_t>(lines * kLine<E>));
    lines_ = lines;
  }
  /// Takes lines.
  HWY_INLINE auto writer() {
    float* const to = memory_.get();
    return [to](std::int64_t line, const Line<E>& e) HWY_ATTR {
      for (int i = 0; i < Line<E>::kParts; ++i) {
        hn::Store(e.part[i], F32(), to + line * kLine<E> + i * Line<E>::kLanesOfPart);
      }
    };
  }
  const float* data() const { return memory_.get(); }

 private:
  hwy::AlignedFreeUniquePtr<float[]> memory_;
  std::int64_t lines_ = 0;
};

/// They are computed again instead.
template <class E>
struct NothingKept {
  void prepare(const RowLines<E>&) {}
  Nothing writer() { return {}; }
};

/// What was kept, where the gradient's lines are the logits' lines.
template <class E>
class KeptTerms {
 public:
  explicit KeptTerms(const KeptRow<E>& row) : e_(row.data()) {}
  HWY_INLINE Line<E> line(std::int64_t at) const {
    Line<E> e;
    for (int i = 0; i < Line<E>::kParts; ++i) {
      e.part[i] = hn::Load(F32(), e_ + at * kLine<E> + i * Line<E>::kLanesOfPart);
    }
    return e;
  }
  HWY_INLINE void lines(std::int64_t at, std::int64_t step, Line<E> (&e)[kFour]) const {
    for (int s = 0; s < kFour; ++s) e[s] = line(at + s * step);
  }
  HWY_INLINE Line<E> edge(std::int64_t at, std::int64_t, std::int64_t) const { return line(at); }

 private:
  const float* e_;
};

/// Fours of a short row's sum that go ahead of the other row's gradient, which waits for that row's
/// sum; what is left of it at the end is computed while this row's sum is put together.
inline constexpr std::int64_t kAheadOfGradient = 2;

/// RowSum of one row while the gradient of another is written, line by line, in as many streams as
/// RowSumInStreams has: the one waits for memory, the other computes. Same bits as one after the
/// other. Streams of a gradient go back to front: what was read last is nearest still.
template <class E, class Exp, class Kept, class Gradient>
HWY_NOINLINE float RowSumBeside(const Exp& exp, const RowLines<E>& row, std::int64_t y,
                                float reference, std::int64_t stride, LeafTotals<E>& totals,
                                Kept& kept, Gradient& gradient) {
  const VF shift = hn::Set(F32(), reference);
  totals.prepare(row.leaves());
  kept.prepare(row);
  const std::int64_t start = gradient.line;
  const std::int64_t each =
      std::min(LeavesOfStream(row), Odd(gradient.plain() / (kStreams * kBlock)));
  const std::int64_t step = each * kBlock;
  const Skipped skipped(row, y);
  if (each > 0) {
    const auto write = gradient.fours(start, step);
    StreamSums(exp, row, each, skipped, shift, stride, totals, kept.writer(),
               [=](std::int64_t i) HWY_ATTR { write(start + step - 1 - i); });
    gradient.line += kStreams * step;
  }
  if (kStreams * each < row.leaves()) {
    const std::int64_t from = gradient.line;
    const std::int64_t end = from + gradient.plain() / kFour * kFour;
    std::int64_t line = from - kAheadOfGradient * kFour;
    const auto write = gradient.fours(from, 1);
    LeafSums(exp, row, kStreams * each, row.leaves(), skipped, shift, totals, kept.writer(),
             [=, &line]() HWY_ATTR {
               if (line >= from && line < end) write(line);
               line += kFour;
             });
    gradient.line = std::clamp(line, from, end);
  }
  const float s = SumOfLine(totals.sum(0, row.leaves()));
  gradient.finish();
  return s;
}

/// No gradient.
struct NoGradient {
  std::int64_t line = 0;
  std::int64_t plain() const { return std::numeric_limits<std::int64_t>::max() / 2; }
  Nothing fours(std::int64_t, std::int64_t) { return {}; }
  void finish() {}
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
