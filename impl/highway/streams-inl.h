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
inline constexpr std::int64_t kStreams = 4;
/// A row has streams if each gets so many leaves: what is asked for ahead is then mostly its own.
inline constexpr std::int64_t kLeavesOfStream = 4;

/// The stretches of whole leaves of a row that its streams walk; 0: it is too short for them.
template <class E>
HWY_INLINE std::int64_t LeavesOfStream(const RowLines<E>& row) {
  // A leaf that ends within a line needs all of that line.
  const std::int64_t spare = row.head == 0 ? 0 : kLine<E>;
  const std::int64_t each = (row.v - spare) / kLeaf<E> / kStreams;
  return each < kLeavesOfStream ? 0 : each;
}

/// Leaves l, each + l, 2 each + l, ... of a row, line by line. `beside(s, i)` is called with line i
/// of each, `keep(at, e)` with every line's exponentials. What the ends of the stretches ask for
/// ahead is where the next row's begin, `stride` bytes on; the last one's is the rest of this row.
template <class E, class Exp, class Beside, class Keep>
HWY_INLINE void LeafOfEachStream(const Exp& exp, const RowLines<E>& row, std::int64_t each,
                                 std::int64_t l, VF shift, std::int64_t stride,
                                 LeafTotals<E>& totals, Beside beside, Keep keep) {
  const auto term = [&](const Line<E>& x) HWY_ATTR {
    return Map(x, [&](VF z) HWY_ATTR { return exp(hn::Sub(z, shift)); });
  };
  Line<E> run[kStreams];
  std::int64_t line[kStreams];
  for (std::int64_t s = 0; s < kStreams; ++s) {
    line[s] = (s * each + l) * kBlock;
    run[s] = Filled<E>(0);
    if (row.head == 0) continue;
    const E* const at = row.base + line[s] * kLine<E>;
    const Line<E> e = term(s + l == 0 ? LoadOnly(at, row.head, kLine<E>) : Load(at));
    keep(line[s], e);
    AddTo(run[s], Only(e, row.head, kLine<E>));
    beside(s, 0);
  }
  const std::int64_t half = kBlock / 2;
  for (std::int64_t part = 0; part < 2; ++part) {
    const std::int64_t on = part == 1 && l == each - 1 ? kAhead + stride : kAhead;
    const std::int64_t first = part * half + (part == 0 && row.head != 0 ? 1 : 0);
    for (std::int64_t i = first; i < (part + 1) * half; ++i) {
      for (std::int64_t s = 0; s < kStreams; ++s) {
        const E* const at = row.base + (line[s] + i) * kLine<E>;
        Ask(at, s == kStreams - 1 ? kAhead : on);
        const Line<E> e = term(Load(at));
        keep(line[s] + i, e);
        AddTo(run[s], e);
        beside(s, i);
      }
    }
  }
  for (std::int64_t s = 0; s < kStreams; ++s) {
    if (row.head != 0) {
      const Line<E> e = term(Load(row.base + (line[s] + kBlock) * kLine<E>));
      keep(line[s] + kBlock, e);
      AddTo(run[s], Only(e, 0, row.head));
    }
    totals.put(s * each + l, run[s]);
  }
}

/// RowSum with the same bits. The leaf of y is summed twice, the second time without it.
template <class E, class Exp>
HWY_NOINLINE float RowSumInStreams(const Exp& exp, const RowLines<E>& row, std::int64_t y,
                                   float reference, std::int64_t stride, LeafTotals<E>& totals) {
  const std::int64_t each = LeavesOfStream(row);
  if (each == 0) return RowSum(exp, row, y, reference);
  const VF shift = hn::Set(F32(), reference);
  totals.prepare(row.leaves());
  for (std::int64_t l = 0; l < each; ++l) {
    LeafOfEachStream(exp, row, each, l, shift, stride, totals, [](std::int64_t, std::int64_t) {},
                     [](std::int64_t, const Line<E>&) {});
  }
  for (std::int64_t k = kStreams * each; k < row.leaves(); ++k) {
    totals.put(k, LeafSum(exp, row, k, y, shift));
  }
  const std::int64_t of_y = y / kLeaf<E>;
  if (of_y < kStreams * each) totals.put(of_y, LeafSum(exp, row, of_y, y, shift));
  return totals.sum(row.leaves());
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
