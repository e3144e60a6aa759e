// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_STREAMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_STREAMS_INL_H
#undef XENT_HIGHWAY_STREAMS_INL_H
#else
#define XENT_HIGHWAY_STREAMS_INL_H
#endif

#include <cstdint>
#include <vector>

#include "hwy/highway.h"
#include "impl/highway/row_sums-inl.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Totals of a row's leaves, kept between rows.
template <class E>
class LeafTotals {
 public:
  void prepare(std::int64_t leaves) {
    const auto floats = static_cast<std::size_t>(leaves * kFloats);
    if (totals_.size() < floats) totals_.resize(floats);
  }
  HWY_INLINE void put(std::int64_t leaf, const Line<E>& x) {
    float* const to = totals_.data() + leaf * kFloats;
    for (int i = 0; i < Line<E>::kParts; ++i) {
      hn::StoreU(x.part[i], F32(), to + i * Line<E>::kLanesOfPart);
    }
  }
  /// One after the other.
  HWY_INLINE float sum(std::int64_t leaves) const {
    Line<E> total = Filled<E>(0);
    for (std::int64_t k = 0; k < leaves; ++k) {
      Line<E> x;
      for (int i = 0; i < Line<E>::kParts; ++i) {
        x.part[i] = hn::LoadU(F32(), totals_.data() + k * kFloats + i * Line<E>::kLanesOfPart);
      }
      AddTo(total, x);
    }
    return SumOfLine(total);
  }

 private:
  static constexpr std::int64_t kFloats = kLine<E>;
  std::vector<float> totals_;
};

/// Concurrent streams of a long row: each walks its own stretch of leaves.
inline constexpr std::int64_t kStreams = kFour;
/// Leaves of each of the stretches of a row that its streams walk; 0: it is too short for them.
template <class E>
HWY_INLINE std::int64_t LeavesOfStream(const RowLines<E>& row) {
  // A leaf that ends within a line needs all of that line.
  const std::int64_t spare = row.head == 0 ? 0 : kLine<E>;
  return (row.v - spare) / kLeaf<E> / kStreams;
}

/// Leaves l, each + l, 2 each + l, ... of a row without y, four lines at a time, one of each.
/// `beside(i)` is called with every i-th lines, `keep(at, e)` with every line's exponentials. What
/// the ends of the stretches ask for ahead is where the next row's begin, `stride` bytes on; the
/// last one's is the rest of this row.
template <class E, class Exp, class Beside, class Keep>
HWY_INLINE void LeafOfEachStream(const Exp& exp, const RowLines<E>& row, std::int64_t each,
                                 std::int64_t l, Skipped y, VF shift, std::int64_t stride,
                                 LeafTotals<E>& totals, Beside beside, Keep keep) {
  const std::int64_t step = each * kBlock;
  const std::int64_t first = l * kBlock;
  const E* const base = row.base + first * kLine<E>;
  const std::int64_t of_y = y.line < 0 ? -1 : y.line % step - first;
  Line<E> run[kStreams];
  for (std::int64_t s = 0; s < kStreams; ++s) run[s] = Filled<E>(0);
  if (row.head != 0) {
    for (std::int64_t s = 0; s < kStreams; ++s) {
      const std::int64_t line = first + s * step;
      const E* const at = base + s * step * kLine<E>;
      const Line<E> z = s + l == 0 ? LoadOnly(at, row.head, kLine<E>) : Load(at);
      const Line<E> e = ExpOf(exp, z, shift);
      keep(line, e);
      AddTo(run[s], Only(Without(e, line, y), row.head, kLine<E>));
    }
    beside(0);
  }
  const std::int64_t half = kBlock / 2;
  for (std::int64_t part = 0; part < 2; ++part) {
    const std::int64_t on = part == 1 && l == each - 1 ? kAhead + stride : kAhead;
    for (std::int64_t i = part * half + (part == 0 && row.head != 0 ? 1 : 0);
         i < (part + 1) * half; ++i) {
      Line<E> e[kStreams];
      for (std::int64_t s = 0; s < kStreams; ++s) {
        const E* const at = base + (s * step + i) * kLine<E>;
        Ask(at, s == kStreams - 1 ? kAhead : on);
        e[s] = Load(at);
      }
      ExpOf(exp, e, shift);
      for (std::int64_t s = 0; s < kStreams; ++s) keep(first + s * step + i, e[s]);
      if (HWY_UNLIKELY(i == of_y)) LeaveOut(e, first + i, step, y);
      for (std::int64_t s = 0; s < kStreams; ++s) AddTo(run[s], e[s]);
      beside(i);
    }
  }
  for (std::int64_t s = 0; s < kStreams; ++s) {
    if (row.head != 0) {
      const std::int64_t line = first + s * step + kBlock;
      const Line<E> e = ExpOf(exp, Load(row.base + line * kLine<E>), shift);
      keep(line, e);
      AddTo(run[s], Only(Without(e, line, y), 0, row.head));
    }
    totals.put(s * each + l, run[s]);
  }
}

/// RowSum with the same bits.
template <class E, class Exp>
HWY_NOINLINE float RowSumInStreams(const Exp& exp, const RowLines<E>& row, std::int64_t y,
                                   float reference, std::int64_t stride, LeafTotals<E>& totals) {
  const std::int64_t each = LeavesOfStream(row);
  if (each == 0) return RowSum(exp, row, y, reference);
  const VF shift = hn::Set(F32(), reference);
  totals.prepare(row.leaves());
  const Skipped skipped(row, y);
  for (std::int64_t l = 0; l < each; ++l) {
    LeafOfEachStream(exp, row, each, l, skipped, shift, stride, totals, [](std::int64_t) {},
                     [](std::int64_t, const Line<E>&) {});
  }
  for (std::int64_t k = kStreams * each; k < row.leaves(); ++k) {
    totals.put(k, LeafSum(exp, row, k, y, shift));
  }
  return totals.sum(row.leaves());
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
