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
    const std::int64_t lines = (row.end() + kLine<E> - 1) / kLine<E>;
    if (lines <= lines_) return;
    memory_ = hwy::AllocateAligned<float>(static_cast<std::size_t>(lines * kLine<E>));
    lines_ = lines;
  }
  HWY_INLINE void put(std::int64_t line, const Line<E>& e) {
    for (int i = 0; i < Line<E>::kParts; ++i) hn::Store(e.part[i], F32(), at(line, i));
  }
  HWY_INLINE Line<E> get(std::int64_t line) const {
    Line<E> e;
    for (int i = 0; i < Line<E>::kParts; ++i) e.part[i] = hn::Load(F32(), at(line, i));
    return e;
  }

 private:
  HWY_INLINE float* at(std::int64_t line, int part) const {
    return memory_.get() + line * kLine<E> + part * Line<E>::kLanesOfPart;
  }
  hwy::AlignedFreeUniquePtr<float[]> memory_;
  std::int64_t lines_ = 0;
};

/// They are computed again instead.
template <class E>
struct NothingKept {
  void prepare(const RowLines<E>&) {}
  HWY_INLINE void put(std::int64_t, const Line<E>&) {}
};

/// What was kept, where the gradient's lines are the logits' lines.
template <class E>
struct KeptTerms {
  const KeptRow<E>& row;
  HWY_INLINE Line<E> line(std::int64_t at) const { return row.get(at); }
  HWY_INLINE void lines(std::int64_t at, std::int64_t step, Line<E> (&e)[kFour]) const {
    for (int s = 0; s < kFour; ++s) e[s] = row.get(at + s * step);
  }
  HWY_INLINE Line<E> edge(std::int64_t at, std::int64_t, std::int64_t) const {
    return row.get(at);
  }
};

/// Leaf k of a sum, and as many lines of a gradient.
template <class E, class Exp, class Kept, class Gradient>
HWY_INLINE Line<E> LeafSumBeside(const Exp& exp, const RowLines<E>& row, std::int64_t k,
                                 std::int64_t y, VF shift, Kept& kept, Gradient& gradient) {
  const auto term = [&](const Line<E>& x) HWY_ATTR { return ExpOf(exp, x, shift); };
  LineWalk<E> walk(row, k * kLeaf<E>, std::min((k + 1) * kLeaf<E>, row.v));
  const Skipped skipped(row, y);
  Line<E> run = Filled<E>(0);
  while (!walk.done()) {
    gradient.PrepareFour(gradient.line, 1);
    for (std::int64_t both = std::min(walk.plain(), gradient.plain()); both >= kFour;
         both -= kFour, walk.line += kFour, gradient.line += kFour) {
      Line<E> e[kFour];
      for (int s = 0; s < kFour; ++s) {
        Ask(walk.at() + s * kLine<E>);
        e[s] = Load(walk.at() + s * kLine<E>);
      }
      ExpOf(exp, e, shift);
      for (int s = 0; s < kFour; ++s) kept.put(walk.line + s, e[s]);
      if (HWY_UNLIKELY(skipped.among(walk.line, kFour))) LeaveOut(e, walk.line, 1, skipped);
      for (int s = 0; s < kFour; ++s) AddTo(run, e[s]);
      gradient.WriteFour(gradient.line, 1);
    }
    for (std::int64_t count = walk.plain(); count > 0; --count, ++walk.line) {
      Ask(walk.at());
      const Line<E> e = term(Load(walk.at()));
      kept.put(walk.line, e);
      AddTo(run, Without(e, walk.line, skipped));
    }
    if (walk.done()) break;
    AddTo(run, walk.odd_terms(term, skipped,
                              [&](const Line<E>& e) HWY_ATTR { kept.put(walk.line, e); }));
    ++walk.line;
  }
  return run;
}

/// RowSum of one row while the gradient of another is written, line by line, in as many streams as
/// RowSumInStreams has: the one waits for memory, the other computes. Same bits as one after the
/// other.
template <class E, class Exp, class Kept, class Gradient>
HWY_NOINLINE float RowSumBeside(const Exp& exp, const RowLines<E>& row, std::int64_t y,
                                float reference, std::int64_t stride, LeafTotals<E>& totals,
                                Kept& kept, Gradient& gradient) {
  const VF shift = hn::Set(F32(), reference);
  totals.prepare(row.leaves());
  kept.prepare(row);
  const std::int64_t start = gradient.line;
  const std::int64_t each =
      std::min(LeavesOfStream(row), gradient.plain() / (kStreams * kBlock));
  const std::int64_t step = each * kBlock;
  const Skipped skipped(row, y);
  if (each > 0) gradient.PrepareFour(start, step);
  for (std::int64_t l = 0; l < each; ++l) {
    LeafOfEachStream(exp, row, each, l, skipped, shift, stride, totals,
                     [&](std::int64_t i)
                         HWY_ATTR { gradient.WriteFour(start + l * kBlock + i, step); },
                     [&](std::int64_t at, const Line<E>& e) HWY_ATTR { kept.put(at, e); });
  }
  gradient.line += kStreams * step;
  for (std::int64_t k = kStreams * each; k < row.leaves(); ++k) {
    totals.put(k, LeafSumBeside(exp, row, k, y, shift, kept, gradient));
  }
  gradient.finish();
  return totals.sum(row.leaves());
}

/// No gradient.
struct NoGradient {
  std::int64_t line = 0;
  std::int64_t plain() const { return std::numeric_limits<std::int64_t>::max(); }
  void PrepareFour(std::int64_t, std::int64_t) {}
  void WriteFour(std::int64_t, std::int64_t) {}
  void finish() {}
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
