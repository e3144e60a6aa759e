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
#include <vector>

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

/// A leaf: the additions of each of a line's lanes that BlockedSum calls a run.
template <class E>
inline constexpr std::int64_t kLeaf = kBlock * kLine<E>;

/// Lines that are worked on side by side.
inline constexpr int kFour = 4;
static_assert(kBlock % kFour == 0);

template <class E>
HWY_INLINE void Ask(const E* p, std::int64_t bytes = kAhead) {
  hwy::Prefetch(reinterpret_cast<const char*>(p) + bytes);
}

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
  std::int64_t lines() const { return (end() + kLine<E> - 1) / kLine<E>; }
  std::int64_t leaves() const { return (v + kLeaf<E> - 1) / kLeaf<E>; }

  HWY_INLINE const E* at(std::int64_t line) const { return base + line * kLine<E>; }
  /// Whether lines [from, to) hold elements of the row alone.
  HWY_INLINE bool whole(std::int64_t from, std::int64_t to) const {
    return (from > 0 || head == 0) && to * kLine<E> <= end();
  }
  /// A line; -inf for what is not the row's, which is not touched.
  HWY_INLINE Line<E> load(std::int64_t line) const {
    return HWY_LIKELY(whole(line, line + 1)) ? Load(at(line)) : load_part(line);
  }
  HWY_INLINE Line<E> load_part(std::int64_t line) const {
    const std::int64_t start = line * kLine<E>;
    return LoadOnly(at(line), std::clamp<std::int64_t>(head - start, 0, kLine<E>),
                    std::clamp<std::int64_t>(end() - start, 0, kLine<E>));
  }
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

/// Where a row begins within a line, so do its leaves: a line's places before `head` belong to the
/// leaf before.
template <class E>
class Seam {
 public:
  HWY_INLINE explicit Seam(const RowLines<E>& row)
      : head_(Filled<E>(static_cast<float>(row.head))) {}
  /// `run`, the leaf before, gets what is its of a leaf's first line; what is left begins a run.
  HWY_INLINE Line<E> Cross(Line<E>& run, const Line<E>& e) const {
    Line<E> next;
    for (int i = 0; i < Line<E>::kParts; ++i) {
      const auto before = hn::Lt(Places<E>(i), head_.part[i]);
      run.part[i] = hn::Add(run.part[i], hn::IfThenElseZero(before, e.part[i]));
      next.part[i] = hn::IfThenZeroElse(before, e.part[i]);
    }
    return next;
  }

 private:
  Line<E> head_;
};

/// exp(z - shift).
template <class E, class Exp>
HWY_INLINE Line<E> ExpOf(const Exp& exp, const Line<E>& z, VF shift) {
  return Map(z, [&](VF x) HWY_ATTR { return exp(hn::Sub(x, shift)); });
}
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
HWY_NOINLINE void LeaveOutOf(Line<E> (&e)[kFour], std::int64_t first, std::int64_t step,
                             Skipped y) {
  for (int s = 0; s < kFour; ++s) e[s] = Without(e[s], first + s * step, y);
}
template <class E>
HWY_INLINE void LeaveOut(Line<E> (&e)[kFour], std::int64_t first, std::int64_t step, Skipped y) {
  Line<E> copy[kFour];  // e itself stays in registers
  for (int s = 0; s < kFour; ++s) copy[s] = e[s];
  LeaveOutOf(copy, first, step, y);
  for (int s = 0; s < kFour; ++s) e[s] = copy[s];
}

/// Totals of a row's leaves, kept between rows.
template <class E>
class LeafTotals {
 public:
  void prepare(std::int64_t leaves) {
    const auto floats = static_cast<std::size_t>(leaves * kLine<E>);
    if (totals_.size() < floats) totals_.resize(floats);
  }
  HWY_INLINE void put(std::int64_t leaf, const Line<E>& x) {
    for (int i = 0; i < Line<E>::kParts; ++i) hn::StoreU(x.part[i], F32(), at(leaf, i));
  }
  /// Of leaves [first, last), pairwise; they are lost.
  HWY_INLINE Line<E> sum(std::int64_t first, std::int64_t last) {
    std::int64_t count = last - first;
    for (; count > kSide; count = (count + kSide - 1) / kSide) {
      for (std::int64_t k = 0; k < count; k += kSide) {
        put(first + k / kSide, SumOf<kSide>(first + k, count - k));
      }
    }
    return SumOf<kSide>(first, count);
  }

 private:
  HWY_INLINE float* at(std::int64_t leaf, int part) {
    return totals_.data() + leaf * kLine<E> + part * Line<E>::kLanesOfPart;
  }
  HWY_INLINE Line<E> get(std::int64_t leaf) {
    Line<E> x;
    for (int i = 0; i < Line<E>::kParts; ++i) x.part[i] = hn::LoadU(F32(), at(leaf, i));
    return x;
  }
  /// Of N totals, or those that there are.
  template <int N>
  HWY_INLINE Line<E> SumOf(std::int64_t from, std::int64_t count) {
    if constexpr (N == 1) {
      return get(from);
    } else {
      Line<E> x = SumOf<N / 2>(from, count);
      if (count > N / 2) AddTo(x, SumOf<N / 2>(from + N / 2, count - N / 2));
      return x;
    }
  }
  static constexpr int kSide = 8;
  std::vector<float> totals_;
};

/// Nothing is done with a line's exponentials, or beside it.
struct Nothing {
  template <class... Args>
  HWY_INLINE void operator()(const Args&...) const {}
};

/// Leaves of a row from `first` on, added four lines at a time: totals of sum exp(z_j - shift)
/// without y. `keep(line, e)` is called with every line's exponentials, `beside()` after every
/// four lines.
template <class E, class Exp, class Keep, class Beside>
class LeafWalk {
 public:
  HWY_INLINE LeafWalk(const Exp& exp, const RowLines<E>& row, std::int64_t first, Skipped y,
                      VF shift, LeafTotals<E>& totals, Keep keep, Beside beside)
      : line(first * kBlock), exp_(exp), first_(first), y_(y), shift_(shift), seam_(row),
        run_(Filled<E>(0)), totals_(totals), keep_(keep), beside_(beside) {}
  std::int64_t line;  ///< the next one

  HWY_INLINE void Take(Line<E> (&z)[kFour]) {
    ExpOf(exp_, z, shift_);
    for (int s = 0; s < kFour; ++s) keep_(line + s, z[s]);
    if (HWY_UNLIKELY(y_.among(line, kFour))) LeaveOut(z, line, 1, y_);
    if (line % kBlock == 0) {
      const Line<E> next = seam_.Cross(run_, z[0]);
      if (line / kBlock > first_) totals_.put(line / kBlock - 1, run_);
      run_ = next;
    } else {
      AddTo(run_, z[0]);
    }
    for (int s = 1; s < kFour; ++s) AddTo(run_, z[s]);
    beside_();
    line += kFour;
  }
  /// `last` is the leaf after the last one; z the line that it begins with, if the row has that.
  HWY_INLINE void End(std::int64_t last) { totals_.put(last - 1, run_); }
  HWY_INLINE void End(std::int64_t last, const Line<E>& z) {
    const Line<E> e = ExpOf(exp_, z, shift_);
    keep_(line, e);
    seam_.Cross(run_, Without(e, line, y_));
    End(last);
  }

 private:
  const Exp& exp_;
  std::int64_t first_;
  Skipped y_;
  VF shift_;
  Seam<E> seam_;
  Line<E> run_;
  LeafTotals<E>& totals_;
  Keep keep_;
  Beside beside_;
};

/// Leaves [first, last). Lines that are not the row's alone are loaded outside of the loop.
template <class E, class Exp, class Keep = Nothing, class Beside = Nothing>
HWY_INLINE void LeafSums(const Exp& exp, const RowLines<E>& row, std::int64_t first,
                         std::int64_t last, Skipped y, VF shift, LeafTotals<E>& totals,
                         Keep keep = {}, Beside beside = {}) {
  LeafWalk<E, Exp, Keep, Beside> walk(exp, row, first, y, shift, totals, keep, beside);
  const std::int64_t end = std::min(last * kBlock, row.lines());
  const std::int64_t whole = std::min(end, row.end() / kLine<E>);
  Line<E> z[kFour];
  if (row.head != 0 && first == 0) {
    for (int s = 0; s < kFour; ++s) z[s] = row.load_part(s);
    walk.Take(z);
  }
  const E* from = row.at(walk.line);
  for (; walk.line + kFour <= whole; from += kFour * kLine<E>) {
    for (int s = 0; s < kFour; ++s) {
      Ask(from + s * kLine<E>);
      z[s] = Load(from + s * kLine<E>);
    }
    walk.Take(z);
  }
  if (walk.line < end) {
    for (int s = 0; s < kFour; ++s) z[s] = row.load_part(walk.line + s);
    walk.Take(z);
  }
  if (walk.line < row.lines()) walk.End(last, row.load_part(walk.line));
  else walk.End(last);
}

/// S = sum over j != y of exp(z_j - reference), the leaves one after the other: one stream.
template <class E, class Exp>
HWY_NOINLINE float RowSum(const Exp& exp, const RowLines<E>& row, std::int64_t y, float reference,
                          LeafTotals<E>& totals) {
  totals.prepare(row.leaves());
  LeafSums(exp, row, 0, row.leaves(), Skipped(row, y), hn::Set(F32(), reference), totals);
  return SumOfLine(totals.sum(0, row.leaves()));
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
