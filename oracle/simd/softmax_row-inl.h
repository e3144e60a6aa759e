// SPDX-License-Identifier: Apache-2.0
// One row of logits, built and asked.
#if defined(XENT_ORACLE_SIMD_SOFTMAX_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_SOFTMAX_ROW_INL_H_
#undef XENT_ORACLE_SIMD_SOFTMAX_ROW_INL_H_
#else
#define XENT_ORACLE_SIMD_SOFTMAX_ROW_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>

#include "oracle/simd/row_memory.h"
#include "oracle/simd/softmax_facts.h"
#include "oracle/simd/softmax_rest-inl.h"
#include "oracle/simd/softmax_scalars-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace softmax {

HWY_INLINE bool IsFinite(const Enclosure& e) {
  return e.is_number() && std::isfinite(e.hi) && std::isfinite(e.lo) && std::isfinite(e.rad);
}

/// Writes elements: d of the shape, times factor and slope unless it is kFinal.
template <class View, class Shape, bool kFinal>
class OutputPass {
  using B = typename View::Ball;

 public:
  HWY_INLINE OutputPass(const SoftmaxState& r, const View& view, const Shape& shape,
                        Elements& out)
      : view_(view),
        shape_(shape),
        factor_(FromEnclosure<B>(r.factor)),
        inverse_up_(Const(size_up(r.inverse) * (1 + 0x1p-50))),
        twice_(r.task.c->problem.dir == Dir::hvp),
        out_(out) {}

  HWY_INLINE void Begin(std::int64_t first, std::int64_t count) { shape_.Load(first, count); }
  HWY_INLINE void Take(std::int64_t j, std::int64_t i, V x, V gap_up, const B& e) {
    const M live = hn::Not(Absent(x));
    B d = shape_(j, i, e);
    if (!kFinal) d = Finished(d, hn::IfThenElseZero(live, x));
    d = IfThenElseZero(live, d);
    hn::Store(Top(d), D(), out_.hi + i);
    hn::Store(Low(d), D(), out_.lo + i);
    hn::Store(d.rad, D(), out_.rad + i);
    // |lo| <= u hi and two roundings: the slack of inverse_up_ covers them.
    const V p = hn::Mul(hn::Add(Top(e), e.rad), inverse_up_);
    hn::Store(hn::IfThenElseZero(live, p), D(), out_.probability + i);
    hn::Store(gap_up, D(), out_.gap + i);
  }
  HWY_INLINE void End() {}

 private:
  /// What is not finite becomes 0 with an infinite radius.
  HWY_INLINE B Finished(B d, V x) const {
    d = Mul(d, factor_);
    if constexpr (View::kCapped) {
      const B slope = view_.Slope(x);
      d = Mul(d, slope);
      if (twice_) d = Mul(d, slope);
    }
    const M finite = hn::IsFinite(hn::Add(hn::Abs(Top(d)), d.rad));
    const V infinite = Const(std::numeric_limits<double>::infinity());
    const V rad = hn::IfThenElse(finite, d.rad, infinite);
    d = IfThenElseZero(finite, d);
    d.rad = rad;
    return d;
  }

  const View& view_;
  Shape shape_;
  B factor_;
  V inverse_up_;
  bool twice_;
  Elements& out_;
};

template <class View>
class SoftmaxRow final : public SimdRow {
  using B = typename View::Ball;

 public:
  explicit SoftmaxRow(const SimdTask& task) noexcept { state_.task = task; }
  static void operator delete(void* row) { give_row_memory(row); }

  Enclosure loss() const override { return state_.loss; }
  Enclosure lse() const override { return state_.lse; }
  std::int64_t bytes() const override {
    return static_cast<std::int64_t>(row_memory_size(this));
  }

  void probabilities(std::int64_t first, std::int64_t count, Elements& out) const override {
    const LinearShape<B> shape(FromEnclosure<B>(state_.inverse), -1, Zero<B>());
    Output<LinearShape<B>, true>(first, count, shape, out);
  }

  void gradients(std::int64_t first, std::int64_t count, Elements& out) const override {
    const SoftmaxState& r = state_;
    const Problem& p = r.task.c->problem;
    if (p.dir == Dir::hvp) {
      return Output<HessianShape<B>, false>(first, count, HessianShape<B>(r), out);
    }
    if (r.shape == Derivative::masses) {
      return Output<MassShape<B>, false>(first, count, MassShape<B>(r), out);
    }
    if (r.shape == Derivative::squares) {
      return Output<SquareShape<B>, false>(first, count, SquareShape<B>(r), out);
    }
    const B c = FromEnclosure<B>(r.coefficient), special = FromEnclosure<B>(r.special);
    const B factor = FromEnclosure<B>(r.factor);
    const B c_final = Mul(c, factor), special_final = Mul(special, factor);
    if (View::kCapped || !IsFinite(ToScalar(c_final)) || !IsFinite(ToScalar(special_final))) {
      const LinearShape<B> shape(c, r.task.y, special);
      return Output<LinearShape<B>, false>(first, count, shape, out);
    }
    const LinearShape<B> shape(c_final, r.task.y, special_final);
    Output<LinearShape<B>, true>(first, count, shape, out);
  }

  SoftmaxState& state() { return state_; }

 private:
  template <class Shape, bool kFinal>
  HWY_NOINLINE void Output(std::int64_t first, std::int64_t count, const Shape& shape,
                         Elements& out) const {
    const View view(state_);
    OutputPass<View, Shape, kFinal> pass(state_, view, shape, out);
    ForClasses(state_, view, first, count, pass);
  }

  SoftmaxState state_;
};

/// A row with room for what it keeps of each class, and for vectors across its end.
template <class View>
std::unique_ptr<SoftmaxRow<View>> NewRow(const SimdTask& task) {
  constexpr std::size_t kLine = 64;
  const std::size_t head = (sizeof(SoftmaxRow<View>) + kLine - 1) / kLine * kLine;
  const auto v = static_cast<std::size_t>(task.c->problem.v);
  const std::size_t room = (v + kLine / sizeof(double) - 1) / 8 * 8 + 8;
  constexpr bool pair = kIsPair<typename View::Ball>;
  constexpr std::size_t arrays = (pair ? 2 : 1) + (View::kCapped ? 2 : 0);
  auto* const memory =
      static_cast<std::byte*>(take_row_memory(head + arrays * room * sizeof(double)));
  std::unique_ptr<SoftmaxRow<View>> row(::new (memory) SoftmaxRow<View>(task));
  SoftmaxState& r = row->state();
  double* next = reinterpret_cast<double*>(memory + head);
  const auto take = [&] {
    double* const array = next;
    next += room;
    std::fill(array + room - 2 * kLine / sizeof(double), next, 0.0);
    return array;
  };
  r.e = take();
  if (pair) r.e_lo = take();
  if (View::kCapped) r.e_rad = take();
  if (View::kCapped) r.gap = take();
  return row;
}

}  // namespace softmax
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
