// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_STREAMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_STREAMS_INL_H
#undef XENT_HIGHWAY_STREAMS_INL_H
#else
#define XENT_HIGHWAY_STREAMS_INL_H
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "impl/highway/row_sums-inl.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Concurrent streams of a long row: each walks its own stretch of leaves.
inline constexpr int kStreams = kFour;
/// The least leaves of a stretch for which that pays.
inline constexpr std::int64_t kShortestStretch = 4;
/// A long stretch has an odd number of leaves of 1 KiB: lines at one place of the four stretches
/// are then in four places of a page, and of a cache.
HWY_INLINE std::int64_t Odd(std::int64_t leaves) {
  return leaves < 16 ? leaves : leaves - (leaves + 1) % 2;
}

/// Leaves of each of the stretches of a row that its streams walk; 0: it is too short for them.
template <class E>
HWY_INLINE std::int64_t LeavesOfStream(const RowLines<E>& row) {
  // A leaf that ends within a line needs all of that line.
  const std::int64_t spare = row.head == 0 ? 0 : kLine<E>;
  const std::int64_t each = (row.v - spare) / kLeaf<E> / kStreams;
  return each < kShortestStretch ? 0 : Odd(each);
}

/// Four stretches of `each` leaves of a row from its first on, a line of each at a time: totals of
/// sum exp(z_j - shift) without y. `keep(line, e)` is called with every line's exponentials.
template <class E, class Exp, class Keep>
class StreamWalk {
 public:
  HWY_INLINE StreamWalk(const Exp& exp, const RowLines<E>& row, std::int64_t each, Skipped y,
                        VF shift, LeafTotals<E>& totals, Keep keep)
      : exp_(exp), row_(row), each_(each), step_(each * kBlock), y_(y), shift_(shift), seam_(row),
        totals_(totals), keep_(keep) {
    of_y_ = y.line < 0 || y.line >= kStreams * step_ ? -1 : y.line % step_;
    for (int s = 0; s < kFour; ++s) run_[s] = Filled<E>(0);
  }
  /// Lines i of the stretches, which are a leaf's first; the others' are next. All but the last
  /// stretch ask for what is `ahead` bytes on.
  HWY_INLINE void TakeFirst(std::int64_t i, std::int64_t ahead) {
    Line<E> e[kFour];
    Exps(i, ahead, e);
    for (int s = 0; s < kFour; ++s) {
      const Line<E> next = seam_.Cross(run_[s], e[s]);
      if (i > 0) totals_.put(s * each_ + i / kBlock - 1, run_[s]);
      run_[s] = next;
    }
  }
  HWY_INLINE void Take(std::int64_t i, std::int64_t ahead) {
    Line<E> e[kFour];
    Exps(i, ahead, e);
    for (int s = 0; s < kFour; ++s) AddTo(run_[s], e[s]);
  }
  HWY_INLINE void End() {
    for (int s = 0; s < kFour; ++s) {
      if (row_.head != 0) {
        const std::int64_t line = (s + 1) * step_;
        seam_.Cross(run_[s], Without(ExpOf(exp_, Load(row_.at(line)), shift_), line, y_));
      }
      totals_.put((s + 1) * each_ - 1, run_[s]);
    }
  }

 private:
  HWY_INLINE void Exps(std::int64_t i, std::int64_t ahead, Line<E> (&e)[kFour]) {
    for (int s = 0; s < kFour; ++s) {
      const E* const at = row_.at(s * step_ + i);
      Ask(at, s == kFour - 1 ? kAhead : ahead);
      e[s] = HWY_UNLIKELY(s + i == 0) ? row_.load(0) : Load(at);
    }
    ExpOf(exp_, e, shift_);
    for (int s = 0; s < kFour; ++s) keep_(s * step_ + i, e[s]);
    if (HWY_UNLIKELY(i == of_y_)) LeaveOut(e, i, step_, y_);
  }

  const Exp& exp_;
  RowLines<E> row_;
  std::int64_t each_, step_;
  Skipped y_;
  std::int64_t of_y_;  ///< where it is one of four
  VF shift_;
  Seam<E> seam_;
  Line<E> run_[kFour];
  LeafTotals<E>& totals_;
  Keep keep_;
};

/// Totals of leaves [0, 4 each). `beside(i)` is called after every i-th lines. What the ends of the
/// stretches ask for ahead is where the next row's begin, `stride` bytes on; the last one's is the
/// rest of this row.
template <class E, class Exp, class Keep = Nothing, class Beside = Nothing>
HWY_INLINE void StreamSums(const Exp& exp, const RowLines<E>& row, std::int64_t each, Skipped y,
                           VF shift, std::int64_t stride, LeafTotals<E>& totals, Keep keep = {},
                           Beside beside = {}) {
  StreamWalk<E, Exp, Keep> walk(exp, row, each, y, shift, totals, keep);
  std::int64_t i = 0;
  for (std::int64_t l = 0; l < each; ++l) {
    const std::int64_t ahead = (each - l) * kBlock * 64 <= kAhead ? kAhead + stride : kAhead;
    walk.TakeFirst(i, ahead);
    beside(i);
    for (const std::int64_t end = i + kBlock; ++i < end;) {
      walk.Take(i, ahead);
      beside(i);
    }
  }
  walk.End();
}

/// RowSum with the same bits.
template <class E, class Exp>
HWY_NOINLINE float RowSumInStreams(const Exp& exp, const RowLines<E>& row, std::int64_t y,
                                   float reference, std::int64_t stride, LeafTotals<E>& totals) {
  const std::int64_t each = LeavesOfStream(row);
  if (each == 0) return RowSum(exp, row, y, reference, totals);
  const VF shift = hn::Set(F32(), reference);
  totals.prepare(row.leaves());
  const Skipped skipped(row, y);
  StreamSums(exp, row, each, skipped, shift, stride, totals);
  if (kStreams * each < row.leaves()) {
    LeafSums(exp, row, kStreams * each, row.leaves(), skipped, shift, totals);
  }
  return SumOfLine(totals.sum(0, row.leaves()));
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
