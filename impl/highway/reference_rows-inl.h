// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_REFERENCE_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_REFERENCE_ROWS_INL_H
#undef XENT_HIGHWAY_REFERENCE_ROWS_INL_H
#else
#define XENT_HIGHWAY_REFERENCE_ROWS_INL_H
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/dtype.h"
#include "hwy/highway.h"
#include "impl/highway/careful_row-inl.h"
#include "impl/highway/fused-inl.h"
#include "impl/highway/log-inl.h"
#include "impl/highway/streams-inl.h"
#include "impl/row_formulas.h"

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_SSSE3  // highway/safe alone
HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// S at or above it, 0 or NaN: the row is done again below its maximum.
inline constexpr float kShiftLimit = 1e37f;

/// Turns exponentials into gradients: e / (1 + S), and everything behind the row.
struct Times {
  VF factor;
  HWY_INLINE VF operator()(VF e) const { return hn::Mul(e, factor); }
};

/// How a rung goes about it.
struct RungChoice {
  bool streams = false;    ///< a long row is read in several places at once
  bool pipelined = false;  ///< a row's gradient is written beside the next row's sum
  bool keeps = false;       ///< the exponentials of that row
  bool small = false;       ///< short rows of f32 are done sixteen at a time
  bool past_cache = false;  ///< gradients are written past the caches
};

/// Rows of logits with a class as target, relative to its logit z_y:
///   S = sum over j != y of exp(z_j - z_y),   loss = log(1 + S),
///   gradient exp(z_j - z_y) / (1 + S), the target's -S / (1 + S)
/// with y skipped in the sum. One pass for the loss; no maximum is looked for unless S says so.
/// Memory holds E, gradients are written as O.
template <class E, class O>
class ReferenceRows {
 public:
  /// `losses` receives a number for each row, in nats, weighted: what LossOutput takes.
  ReferenceRows(const NativeView& view, const Divisors<float>& divisors, float* losses,
                RungChoice rung)
      : view_(view), w_(view.w), divisors_(divisors), losses_(losses), rung_(rung) {
    if (!same_lines()) rung_.pipelined = false;
  }

  /// Rows [first, last), one after the other.
  void Run(std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      One(r);
      if ((r - first) % kBatch == kBatch - 1) FinishLosses(r - kBatch + 1, r + 1);
    }
    Flush();
    FinishLosses(last - (last - first) % kBatch, last);
    hwy::FlushStream();
  }

 private:
  static constexpr std::int64_t kBatch = 16;

  const E* input(std::int64_t r) const {
    return static_cast<const E*>(view_.input) + r * w_.stride;
  }
  O* gradient(std::int64_t r) const {
    return view_.grad == nullptr ? nullptr : static_cast<O*>(view_.grad) + r * w_.stride;
  }

  /// Each row's gradient has its lines where the logits have theirs.
  bool same_lines() const {
    const auto place = [](const void* p, std::size_t size) {
      return reinterpret_cast<std::uintptr_t>(p) % 64 / size;
    };
    if (sizeof(E) != sizeof(O) || view_.grad == nullptr) return false;
    return place(view_.input, sizeof(E)) == place(view_.grad, sizeof(O));
  }
  std::int64_t stride() const { return w_.stride * static_cast<std::int64_t>(sizeof(E)); }

  /// What is left to do of a row: its gradient.
  struct Pending {
    bool any = false;
    std::int64_t r = 0, y = 0;
    float z_y = 0, factor = 0, at_target = 0;
  };

  void One(std::int64_t r) {
    const std::int64_t y = w_.scored_class(r);
    if (y < 0) return Ignored(r);
    const E* const z = input(r);
    const float z_y = AsFloat(z[y]);
    const float s = Sum(RowLines<E>(z, w_.v), y, z_y);
    if (!(s < kShiftLimit && s > 0) || !Finish(r, y, z_y, s)) {
      losses_[r] = 0;
      CarefulRow<E, O> row(w_, divisors_, r, z, gradient(r));
      careful_[careful_count_++] = {r, row.Run()};
    } else if (!rung_.pipelined) {
      Flush();
    }
  }

  /// The row's S; no gradient is left to do afterwards.
  float Sum(const RowLines<E>& lines, std::int64_t y, float z_y) {
    if (rung_.pipelined) return SumBeside(lines, y, z_y);
    return rung_.streams ? RowSumInStreams(exp_, lines, y, z_y, stride(), totals_)
                         : RowSum(exp_, lines, y, z_y, totals_);
  }

  void Ignored(std::int64_t r) {
    losses_[r] = 0;
    z_y_[r % kBatch] = 0;
    if (O* const g = gradient(r)) {
      std::memset(static_cast<void*>(g), 0, static_cast<std::size_t>(w_.v) * sizeof(O));
    }
  }

  /// The loss is to become log1p of what losses_ holds; false: the factor is not a normal number.
  HWY_INLINE bool Finish(std::int64_t r, std::int64_t y, float z_y, float s) {
    losses_[r] = s;
    z_y_[r % kBatch] = z_y;
    if (view_.grad == nullptr) return true;
    Scaling<float> scaling(w_, divisors_, r);
    const float inverse = 1 / (1 + s);
    const float at_target = -(s / (1 + s));
    const float weight = w_.weight_of(y);
    pending_ = {true, r, y, z_y, weight, at_target};
    if (w_.z_loss == 0) {
      scaling.weight = weight;
    } else {
      const float lse = z_y + hn::GetLane(Log1p(F32(), hn::Set(F32(), s)));
      const float z_factor = 2 * w_.z_loss * lse;
      pending_.factor = weight + z_factor;
      pending_.at_target = weight * at_target + z_factor * inverse;
    }
    pending_.at_target = scaling(pending_.at_target);
    pending_.factor = inverse * (pending_.factor * scaling.upstream / scaling.divisor);
    const float size = std::fabs(pending_.factor);
    pending_.any = size >= std::numeric_limits<float>::min() && size <= kShiftLimit;
    return pending_.any;
  }

  /// The row's S, and what is left to do of the row before.
  float SumBeside(const RowLines<E>& lines, std::int64_t y, float z_y) {
    if (!rung_.keeps) {
      const ComputedTerms<E, WideExp> terms(exp_, input(pending_.r), gradient(pending_.r),
                                            pending_.z_y);
      NothingKept<E> nothing;
      return SumBeside(lines, y, z_y, terms, nothing);
    }
    const KeptTerms<E> terms(kept_[kept_at_]);
    kept_at_ = 1 - kept_at_;
    return SumBeside(lines, y, z_y, terms, kept_[kept_at_]);
  }
  template <class Terms, class Kept>
  float SumBeside(const RowLines<E>& lines, std::int64_t y, float z_y, Terms terms, Kept& kept) {
    const auto sum = [&](auto gradient) {
      return RowSumBeside(exp_, lines, y, z_y, stride(), totals_, kept, gradient);
    };
    if (!pending_.any) return sum(NoGradient());
    pending_.any = false;
    return rung_.past_cache ? sum(Walk<Streamed>(terms)) : sum(Walk<Stored>(terms));
  }

  template <class Put, class Terms>
  HWY_INLINE auto Walk(Terms terms) {
    const Pending& p = pending_;
    return GradientWalk<E, O, Put, Terms, Times>(terms, gradient(p.r), w_.v, p.y,
                                                 Times{hn::Set(F32(), p.factor)}, p.at_target);
  }
  void Flush() {
    if (!pending_.any) return;
    const ComputedTerms<E, WideExp> terms(exp_, input(pending_.r), gradient(pending_.r),
                                          pending_.z_y);
    rung_.past_cache ? Walk<Streamed>(terms).finish() : Walk<Stored>(terms).finish();
    pending_.any = false;
  }

  /// log1p of the sums of at most kBatch rows.
  HWY_INLINE void FinishLosses(std::int64_t first, std::int64_t last) {
    const F32 d;
    alignas(64) float loss[kBatch] = {};
    std::copy(losses_ + first, losses_ + last, loss);
    for (std::int64_t i = 0; i < kBatch; i += Line<float>::kLanesOfPart) {
      hn::Store(Log1p(d, hn::Load(d, loss + i)), d, loss + i);
    }
    if (w_.weight != nullptr || w_.z_loss != 0) {
      for (std::int64_t r = first; r < last; ++r) {
        const std::int64_t y = w_.scored_class(r);
        float& x = loss[r - first];
        if (y < 0) continue;
        const float lse = z_y_[r % kBatch] + x;
        x = product(w_.weight_of(y), x);
        if (w_.z_loss != 0) x += w_.z_loss * lse * lse;
      }
    }
    std::copy(loss, loss + (last - first), losses_ + first);
    for (; careful_count_ > 0; --careful_count_) {
      const CarefulLoss& one = careful_[careful_count_ - 1];
      losses_[one.r] = one.loss;
    }
  }

  struct CarefulLoss {
    std::int64_t r;
    float loss;
  };

  const NativeView& view_;
  const RowView<float>& w_;
  const Divisors<float>& divisors_;
  float* losses_;
  RungChoice rung_;
  WideExp exp_;
  LeafTotals<E> totals_;
  KeptRow<E> kept_[2];
  int kept_at_ = 0;
  Pending pending_;
  float z_y_[kBatch] = {};
  CarefulLoss careful_[kBatch];
  int careful_count_ = 0;
};

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif

#endif
