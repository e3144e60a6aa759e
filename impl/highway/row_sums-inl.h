// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_ROW_SUMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_ROW_SUMS_INL_H
#undef XENT_HIGHWAY_ROW_SUMS_INL_H
#else
#define XENT_HIGHWAY_ROW_SUMS_INL_H
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "impl/blocked_sum.h"
#include "impl/highway/lines-inl.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Bytes ahead of a load that its line is asked for; more than a page, across rows, past the end of
/// the matrix: all harmless.
inline constexpr std::int64_t kAhead = 2048;

/// A leaf: the 64 additions of each of a line's lanes that BlockedSum calls a run.
template <class E>
inline constexpr std::int64_t kLeaf = kBlock * kLine<E>;

/// A row as lines that begin at multiples of 64 bytes. Place p of the row is element p - head: the
/// lines' lanes are the row's, rotated by head.
template <class E>
struct RowLines {
  const E* base = nullptr;  ///< of line 0, at or before the row
  std::int64_t head = 0;    ///< of its elements before the row
  std::int64_t v = 0;

  RowLines() = default;
  RowLines(const E* row, std::int64_t elements) : v(elements) {
    head = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(row) % 64 / sizeof(E));
    base = row - head;
  }
  std::int64_t end() const { return head + v; }
  std::int64_t leaves() const { return (v + kLeaf<E> - 1) / kLeaf<E>; }
};

/// The element that a sum leaves out: its line and the place in it.
struct Skipped {
  template <class E>
  Skipped(const RowLines<E>& row, std::int64_t y)  ///< -1: none
      : line(y < 0 ? -1 : (y + row.head) / kLine<E>), place((y + row.head) % kLine<E>) {}
  /// Whether it is in one of the `count` lines from `first` on.
  bool among(std::int64_t first, std::int64_t count) const {
    return line >= first && line < first + count;
  }
  std::int64_t line, place;
};
template <class E>
HWY_INLINE Line<E> Without(const Line<E>& e, std::int64_t line, Skipped y) {
  return HWY_UNLIKELY(line == y.line) ? Replaced(e, y.place, 0) : e;
}

/// Walks the lines of some places of a row. Lines that hold something else too are *odd*; the
/// others are told in stretches.
template <class E>
class LineWalk {
 public:
  /// Elements [from, to) of the row.
  HWY_INLINE LineWalk(const RowLines<E>& row, std::int64_t from, std::int64_t to)
      : row_(row), from_(from + row.head), to_(to + row.head) {
    line = from_ / kLine<E>;
    end_ = (to_ + kLine<E> - 1) / kLine<E>;
    if (from_ % kLine<E> != 0) first_odd_ = line;
    if (to_ % kLine<E> != 0) last_odd_ = end_ - 1;
  }
  std::int64_t line;  ///< the next one

  HWY_INLINE bool done() const { return line >= end_; }
  /// Lines from the next one on that are not odd.
  HWY_INLINE std::int64_t plain() const {
    std::int64_t stop = end_;
    for (const std::int64_t odd : {first_odd_, last_odd_}) {
      if (odd >= line && odd < stop) stop = odd;
    }
    return stop - line;
  }
  HWY_INLINE const E* at() const { return row_.base + line * kLine<E>; }
  /// Terms of the odd line that is next, 0 for what does not count; `keep` gets those of all the
  /// row's elements in it.
  template <class Term, class Keep>
  HWY_NOINLINE Line<E> odd_terms(Term term, Skipped y, Keep keep) const {
    const std::int64_t start = line * kLine<E>;
    const std::int64_t first = std::max<std::int64_t>(row_.head - start, 0);
    const std::int64_t last = std::min(row_.end() - start, kLine<E>);
    const bool whole = first == 0 && last == kLine<E>;
    const Line<E> e = term(whole ? Load(at()) : LoadOnly(at(), first, last));
    keep(e);
    return Without(Only(e, std::max<std::int64_t>(from_ - start, 0), to_ - start), line, y);
  }
  /// The logits of the odd line that is next, -inf for what does not count.
  HWY_INLINE Line<E> odd() const {
    const std::int64_t start = line * kLine<E>;
    const std::int64_t first = std::max<std::int64_t>(row_.head - start, 0);
    const std::int64_t last = std::min(row_.end() - start, kLine<E>);
    return Within(LoadOnly(at(), first, last), from_ - start, to_ - start);
  }

 private:
  const RowLines<E>& row_;
  std::int64_t from_, to_, end_;
  std::int64_t first_odd_ = -1, last_odd_ = -1;
};

template <class E>
HWY_INLINE void Ask(const E* p, std::int64_t bytes = kAhead) {
  hwy::Prefetch(reinterpret_cast<const char*>(p) + bytes);
}

/// exp(z - shift).
template <class E, class Exp>
HWY_INLINE Line<E> ExpOf(const Exp& exp, const Line<E>& z, VF shift) {
  return Map(z, [&](VF x) HWY_ATTR { return exp(hn::Sub(x, shift)); });
}
/// Lines that are worked on side by side.
inline constexpr int kFour = 4;
template <class E, class Exp>
HWY_INLINE void ExpOf(const Exp& exp, Line<E> (&z)[kFour], VF shift) {
  constexpr int kParts = Line<E>::kParts;
  constexpr int kSide = Exp::kSideBySide;
  if constexpr (kSide == 1) {
    for (int i = 0; i < kFour; ++i) z[i] = ExpOf(exp, z[i], shift);
  } else {
    for (int i = 0; i < kFour * kParts; i += kSide) {
      VF x[kSide];
      for (int k = 0; k < kSide; ++k) {
        x[k] = hn::Sub(z[(i + k) / kParts].part[(i + k) % kParts], shift);
      }
      exp(x);
      for (int k = 0; k < kSide; ++k) z[(i + k) / kParts].part[(i + k) % kParts] = x[k];
    }
  }
}

/// Of lines first, first + step, ...
template <class E>
HWY_NOINLINE void LeaveOut(Line<E> (&e)[kFour], std::int64_t first, std::int64_t step, Skipped y) {
  for (int s = 0; s < kFour; ++s) e[s] = Without(e[s], first + s * step, y);
}

/// sum exp(z_j - reference) of leaf k without y, lane by lane.
template <class E, class Exp>
HWY_INLINE Line<E> LeafSum(const Exp& exp, const RowLines<E>& row, std::int64_t k, std::int64_t y,
                           VF reference) {
  const auto term = [&](const Line<E>& x) HWY_ATTR { return ExpOf(exp, x, reference); };
  LineWalk<E> walk(row, k * kLeaf<E>, std::min((k + 1) * kLeaf<E>, row.v));
  const Skipped skipped(row, y);
  Line<E> run = Filled<E>(0);
  while (!walk.done()) {
    const E* from = walk.at();
    const std::int64_t count = walk.plain();
    std::int64_t i = 0;
    for (; i + kFour <= count; i += kFour, from += kFour * kLine<E>) {
      Line<E> e[kFour];
      for (int s = 0; s < kFour; ++s) {
        Ask(from + s * kLine<E>);
        e[s] = Load(from + s * kLine<E>);
      }
      ExpOf(exp, e, reference);
      if (HWY_UNLIKELY(skipped.among(walk.line + i, kFour))) {
        LeaveOut(e, walk.line + i, 1, skipped);
      }
      for (int s = 0; s < kFour; ++s) AddTo(run, e[s]);
    }
    for (; i < count; ++i, from += kLine<E>) {
      Ask(from);
      AddTo(run, Without(term(Load(from)), walk.line + i, skipped));
    }
    walk.line += count;
    if (walk.done()) break;
    Ask(walk.at());
    AddTo(run, walk.odd_terms(term, skipped, [](const Line<E>&) {}));
    ++walk.line;
  }
  return run;
}

/// S = sum over j != y of exp(z_j - reference), the leaves one after the other: one stream.
template <class E, class Exp>
HWY_NOINLINE float RowSum(const Exp& exp, const RowLines<E>& row, std::int64_t y, float reference) {
  const VF shift = hn::Set(F32(), reference);
  Line<E> total = Filled<E>(0);
  for (std::int64_t k = 0; k < row.leaves(); ++k) {
    AddTo(total, LeafSum(exp, row, k, y, shift));
  }
  return SumOfLine(total);
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
