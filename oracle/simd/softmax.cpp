// SPDX-License-Identifier: Apache-2.0
// Rows of logits: ce, lse, mse-softmax. Compiled once for each instruction set: this file includes
// itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oracle/simd/softmax.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>

#include "hwy/highway.h"
#include "oracle/simd/dispatch.h"

#if HWY_NATIVE_FMA
#include "oracle/simd/softmax_row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {
namespace softmax {

inline Derivative ShapeOf(const SimdTask& task) {
  const Problem& p = task.c->problem;
  if (task.ignored || p.op == Op::lse) return Derivative::linear;
  if (p.op == Op::mse_softmax) return Derivative::squares;
  return task.y >= 0 && p.smoothing == 0 ? Derivative::linear : Derivative::masses;
}

/// Smoothing of vector targets over the others would need their exact sum.
inline bool Accepts(const SimdTask& task) {
  const Problem& p = task.c->problem;
  const bool others = task.conventions->smoothing_over_others && p.smoothing != 0;
  if (!IsFinite(task.factor) || (others && !task.ignored && task.y < 0)) return false;
  return task.y < 0 || std::isfinite(task.c->logit(task.row, task.y));
}

template <class View>
HWY_INLINE std::unique_ptr<SoftmaxRow<View>> Begun(const SimdTask& task) {
  if (!Accepts(task)) return nullptr;
  auto row = NewRow<View>(task);
  row->state().shape = ShapeOf(task);
  if (!Scan(row->state())) return nullptr;
  ExponentialPass<View>(row->state()).Run();
  return row;
}

/// Where a row's derivatives cancel, doubles do not know their sizes; pairs do.
template <class View>
double ConditionByPairs(const SimdTask& task) {
  const std::unique_ptr<SoftmaxRow<View>> row = Begun<View>(task);
  SoftmaxState* state = &row->state();
  RowScalars<Ball2>(task.c->problem, {&state, 1}).Compute();
  SumTheRest<View>(*state);
  return ConditionOf<View>(*state).sum;
}

HWY_INLINE bool FillFacts(const SoftmaxState& r, Condition condition) {
  // Half of the doubt that facts may have.
  if (condition.doubt > 0x1p-40 * (condition.sum + size_up(r.loss))) {
    const bool capped = r.map == LogitMap::capped;
    const auto by_pairs = capped ? &ConditionByPairs<CappedView<Ball2>>
                                 : &ConditionByPairs<UncappedView<Ball2>>;
    condition.sum = std::min(condition.sum, by_pairs(r.task));
  }
  return fill_softmax_facts(r, condition.sum, *r.task.facts);
}

/// False where the row is declined after all.
template <class View>
HWY_INLINE bool Finished(SoftmaxState& r) {
  if (r.task.ignored) {
    r.loss = Enclosure::exact(0);
    return IsFinite(r.lse) && IsFinite(r.inverse);
  }
  if (!SumTheRest<View>(r)) return false;
  for (const Enclosure* e : {&r.lse, &r.inverse, &r.loss, &r.by_lse, &r.total, &r.coefficient,
                             &r.special, &r.factor, &r.mean, &r.at_top}) {
    if (!IsFinite(*e)) return false;
  }
  if constexpr (!kIsPair<typename View::Ball>) {
    if (r.task.facts) return FillFacts(r, ConditionOf<View>(r));
  }
  return true;
}

/// At most kRows rows of one case.
template <class View>
void BuildGroup(std::span<const SimdTask> tasks, std::span<std::unique_ptr<SimdRow>> rows) {
  std::unique_ptr<SoftmaxRow<View>> begun[kRows];
  SoftmaxState* states[kRows];
  std::size_t count = 0;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    begun[i] = Begun<View>(tasks[i]);
    if (begun[i]) states[count++] = &begun[i]->state();
  }
  if (count != 0) {
    RowScalars<typename View::Ball>(tasks[0].c->problem, {states, count}).Compute();
  }
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    rows[i] = nullptr;
    if (begun[i] && Finished<View>(begun[i]->state())) rows[i] = std::move(begun[i]);
  }
}

template <class B>
HWY_INLINE void BuildGroupOf(std::span<const SimdTask> tasks,
                             std::span<std::unique_ptr<SimdRow>> rows) {
  if (tasks[0].c->problem.softcap != 0) BuildGroup<CappedView<B>>(tasks, rows);
  else BuildGroup<UncappedView<B>>(tasks, rows);
}

void BuildRows(Tier tier, std::span<const SimdTask> tasks,
               std::span<std::unique_ptr<SimdRow>> rows) {
  for (std::size_t i = 0; i < tasks.size();) {
    std::size_t end = i + 1;
    while (end < tasks.size() && end < i + kRows && tasks[end].c == tasks[i].c) ++end;
    const auto group = tasks.subspan(i, end - i);
    if (tier == Tier::doubles) BuildGroupOf<Ball1>(group, rows.subspan(i, end - i));
    else BuildGroupOf<Ball2>(group, rows.subspan(i, end - i));
    i = end;
  }
}

}  // namespace softmax
}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif  // HWY_NATIVE_FMA

#if HWY_ONCE
namespace xent {

const std::vector<SimdBuilder>& softmax_builders() {
  static const std::vector<SimdBuilder> builders =
      XENT_SIMD_SUPPORTED(SimdBuilder, softmax::BuildRows);
  return builders;
}

}  // namespace xent
#endif  // HWY_ONCE
