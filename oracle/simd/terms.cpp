// SPDX-License-Identifier: Apache-2.0
// Rows of nll, binary and probability operations. Compiled once for each instruction set: this file
// includes itself through foreach_target.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oracle/simd/terms.cpp"
#include "hwy/foreach_target.h"

#include <memory>
#include <span>

#include "hwy/highway.h"
#include "oracle/simd/dispatch.h"

#if HWY_NATIVE_FMA
#include "oracle/simd/terms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

/// Sum of a row's labels.
template <class B>
Enclosure LabelSum(const SimdTask& task) {
  const std::int64_t v = task.c->problem.v;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(D()));
  Sum<B> sum;
  std::size_t added = 0;
  ClassBlock block(task);
  for (std::int64_t first = 0; first < v; first += ClassBlock::kMost) {
    block.Load(first, std::min(v - first, ClassBlock::kMost));
    for (std::int64_t k = 0; k < block.count(); k += lanes) {
      const Classes c = block.At(k);
      sum.Add(added++, IfThenElseZero(c.valid, Exact<B>(c.y)));
    }
  }
  while (added % Sum<B>::kVectors != 0) sum.Add(added++, Zero<B>());
  return sum.Total();
}

/// In bits divided by log 2.
template <class B>
Enclosure InUnit(const Enclosure& nats, Unit unit) {
  if (unit != Unit::bits) return nats;
  return Lane(Div(FromEnclosure<B>(nats), Ln2<B>()), 0);
}

/// No NaN, no infinity.
inline bool IsFinite(const Enclosure& e) {
  return e.is_number() && std::isfinite(e.hi) && std::isfinite(e.lo) && std::isfinite(e.rad);
}

template <class B, class F>
std::unique_ptr<SimdRow> BuildRow(const Given& given) {
  TermPass<B, F> pass(given);
  if (!pass.Run()) return nullptr;
  const Enclosure loss = InUnit<B>(pass.Loss(), given.task.c->problem.unit);
  if (!IsFinite(loss)) return nullptr;
  if constexpr (std::is_same_v<B, Ball1>) {
    RowFacts* const facts = given.task.facts;
    if (facts && !pass.facts().template Set<F>(*facts, loss)) return nullptr;
  }
  return std::make_unique<TermRow<B, F>>(given, loss);
}

template <class B>
std::unique_ptr<SimdRow> BuildTermRow(const SimdTask& task) {
  if (task.ignored || !IsFinite(task.factor)) return nullptr;
  const Problem& p = task.c->problem;
  Given given{task, Enclosure::exact(1)};
  switch (p.op) {
    case Op::nll:
      if (task.y < 0 && p.smoothing != 0 && task.conventions->smoothing_over_others) {
        // There the others' labels may be exactly 0, and with them a_j.
        if (p.smoothing == 1) return nullptr;
        given.labels = LabelSum<B>(task);
      }
      return BuildRow<B, MassTerm<B>>(given);
    case Op::bce_logits: return BuildRow<B, LogitsTerm<B>>(given);
    case Op::bce_prob: return BuildRow<B, ProbabilityTerm<B>>(given);
    case Op::mse_sigmoid: return BuildRow<B, SigmoidTerm<B>>(given);
    case Op::entropy: return BuildRow<B, EntropyTerm<B>>(given);
    case Op::cross_entropy: return BuildRow<B, DivergenceTerm<B, false>>(given);
    case Op::kl: return BuildRow<B, DivergenceTerm<B, true>>(given);
    default: return nullptr;
  }
}

void BuildTermRows(Tier tier, std::span<const SimdTask> tasks,
                   std::span<std::unique_ptr<SimdRow>> rows) {
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    rows[i] = tier == Tier::doubles ? BuildTermRow<Ball1>(tasks[i]) : BuildTermRow<Ball2>(tasks[i]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();
#endif  // HWY_NATIVE_FMA

#if HWY_ONCE
namespace xent {

const std::vector<SimdBuilder>& term_builders() {
  static const std::vector<SimdBuilder> builders =
      XENT_SIMD_SUPPORTED(SimdBuilder, BuildTermRows);
  return builders;
}

}  // namespace xent
#endif  // HWY_ONCE
